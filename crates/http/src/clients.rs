//! What mail clients are told: names, ports and TLS of the servers, in order of preference. The configuration makes it;
//! every form of autoconfiguration, and the SRV records that `sterna domain dns` prints, are made from it.

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// Submission of mail (RFC 6409).
    Smtp,
}

/// How a connection to a server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (RFC 8314), the preferred one.
    Tls,
    /// TLS by a command.
    StartTls,
}

/// One server, as a client reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its name; certificates are checked against it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is protected.
    pub security: Security,
}

/// All that clients are told. The user name is always the whole address, the password goes through TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// The provider's name, for people.
    pub name: String,
    /// The servers; of each protocol the preferred one comes first.
    pub servers: Vec<MailServer>,
    /// Where this HTTP service is reached from outside, `https://mail.example.org` without a slash at its end; `None`: it
    /// is not, or not with TLS.
    pub url: Option<String>,
    /// The webmail of the mailboxes that are here; `None`: there is none.
    pub webmail: Option<String>,
}

impl ClientSettings {
    /// The servers of a protocol, the preferred one first.
    pub fn of(&self, protocol: Protocol) -> impl Iterator<Item = &MailServer> {
        self.servers.iter().filter(move |server| server.protocol == protocol)
    }

    /// The server of a protocol that a client with room for one should take.
    pub fn first(&self, protocol: Protocol) -> Option<&MailServer> {
        self.of(protocol).next()
    }
}
