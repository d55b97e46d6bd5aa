//! `[listen]`: where the server listens, for each protocol one address or several. Absent: it does not.

use std::net::SocketAddr;

use serde::Deserialize;

/// The table as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListenTable {
    imap: Addresses,
    imaps: Addresses,
    pop3: Addresses,
    pop3s: Addresses,
    smtp: Addresses,
    submission: Addresses,
    submissions: Addresses,
    lmtp: Addresses,
    sieve: Addresses,
    http: Addresses,
    https: Addresses,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Default for Addresses {
    fn default() -> Self {
        Addresses::Several(Vec::new())
    }
}

/// Where the server listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// IMAP with STARTTLS; port 143.
    pub imap: Vec<SocketAddr>,
    /// IMAP with implicit TLS; port 993.
    pub imaps: Vec<SocketAddr>,
    /// POP3 with STLS; port 110.
    pub pop3: Vec<SocketAddr>,
    /// POP3 with implicit TLS; port 995.
    pub pop3s: Vec<SocketAddr>,
    /// Reception of mail from other servers; port 25.
    pub smtp: Vec<SocketAddr>,
    /// Submission with STARTTLS; port 587.
    pub submission: Vec<SocketAddr>,
    /// Submission with implicit TLS; port 465.
    pub submissions: Vec<SocketAddr>,
    /// LMTP (RFC 2033), for a mail server in front of this one; port 24. Whoever reaches it is trusted.
    pub lmtp: Vec<SocketAddr>,
    /// ManageSieve with STARTTLS; port 4190.
    pub sieve: Vec<SocketAddr>,
    /// HTTP in the clear; port 80.
    pub http: Vec<SocketAddr>,
    /// HTTP with TLS; port 443.
    pub https: Vec<SocketAddr>,
}

impl ListenTable {
    pub fn read(self) -> Result<Listen, String> {
        Ok(Listen {
            imap: addresses("imap", 143, self.imap)?,
            imaps: addresses("imaps", 993, self.imaps)?,
            pop3: addresses("pop3", 110, self.pop3)?,
            pop3s: addresses("pop3s", 995, self.pop3s)?,
            smtp: addresses("smtp", 25, self.smtp)?,
            submission: addresses("submission", 587, self.submission)?,
            submissions: addresses("submissions", 465, self.submissions)?,
            lmtp: addresses("lmtp", 24, self.lmtp)?,
            sieve: addresses("sieve", 4190, self.sieve)?,
            http: addresses("http", 80, self.http)?,
            https: addresses("https", 443, self.https)?,
        })
    }
}

fn addresses(key: &str, port: u16, given: Addresses) -> Result<Vec<SocketAddr>, String> {
    let given = match given {
        Addresses::One(address) => vec![address],
        Addresses::Several(addresses) => addresses,
    };
    let parse = |address: &String| {
        address.parse().map_err(|_| {
            format!("listen.{key}: \"{address}\" is no address; write \"0.0.0.0:{port}\", \"[::]:{port}\" or \"127.0.0.1:{port}\"")
        })
    };
    given.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_or_several() {
        let read = |text: &str| toml::from_str::<ListenTable>(text).unwrap().read();
        let listen = read("imap = \"127.0.0.1:0\"\nsmtp = [\"0.0.0.0:25\", \"[::]:25\"]").unwrap();
        assert_eq!((listen.imap.len(), listen.smtp.len(), listen.https.len()), (1, 2, 0));
        for (key, port) in [("imaps", ":993"), ("submissions", ":465"), ("sieve", ":4190")] {
            let error = read(&format!("{key} = \"localhost\"")).unwrap_err();
            assert!(error.starts_with(&format!("listen.{key}: ")) && error.contains(port), "{error}");
        }
    }
}
