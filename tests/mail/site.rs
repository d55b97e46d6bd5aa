//! Two sites that write to each other: `here.test` on Sterna, `there.test` on Postfix, and the DNS that both are in.

use std::process::Command;
use std::time::{Duration, Instant};

use sterna_tests::dns::DnsServer;
use sterna_tests::{
    ImapWire, LineWire, Outcome, Port, Postfix, PostfixOptions, SternaConfig, SternaServer, User, peer, run,
};

/// So long may mail be under way.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Sterna for `here.test` with the account `anne@here.test`, Postfix for `there.test` with the mailbox `bob@there.test`.
pub struct Site {
    // Dropped in this order: the servers die before the DNS does.
    pub postfix: Postfix,
    pub sterna: SternaServer,
    pub anne: User,
    pub dns: DnsServer,
}

impl Site {
    /// Both running, with all listeners.
    #[track_caller]
    pub fn start() -> Site {
        Site::with("")
    }

    /// The same with further lines in `sterna.toml`, in its table `[mail]` first.
    #[track_caller]
    pub fn with(mail: &str) -> Site {
        let dns = DnsServer::start();
        let port = Port::free();
        let sterna = SternaServer::with(&configuration(&dns, port.number(), mail));
        sterna.cli(&["domain", "add", "here.test"], "").success();
        let anne = sterna.user("anne@here.test", "secret");
        let options = PostfixOptions {
            routes: vec![("here.test".to_owned(), sterna.port_of("smtp"))],
            ..PostfixOptions::default()
        };
        let postfix = Postfix::on(port, &options);
        publish(&dns);
        Site { postfix, sterna, anne, dns }
    }

    /// A session of Anne's.
    pub fn imap(&self) -> ImapWire {
        self.sterna.login(&self.anne)
    }

    /// Waits until a mailbox of Anne's has so many messages; gives all of them.
    #[track_caller]
    pub fn wait_for(&self, mailbox: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut wire = self.imap();
        loop {
            let messages = messages(&mut wire, mailbox);
            if messages.len() >= count {
                return messages;
            }
            let log = self.sterna.log();
            assert!(Instant::now() < deadline, "{} of {count} messages in {mailbox}:\n{log}", messages.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Hands a message over to Sterna's port 25, as a server of the world does.
    #[track_caller]
    pub fn receive(&self, sender: &str, recipients: &[&str], message: &str) {
        let mut wire = LineWire::hello(self.sterna.port_of("smtp"), "EHLO mx.there.test");
        let reply = wire.mail(sender, recipients, message.as_bytes());
        assert_eq!(reply.code, 250, "{reply:?}");
    }

    /// Sends a message as Anne through swaks, over submission with STARTTLS.
    #[track_caller]
    pub fn submit(&self, to: &str, subject: &str) -> Outcome {
        self.swaks(&["--from", "anne@here.test", "--to", to, "--header", &format!("Subject: {subject}")])
    }

    /// swaks with Anne's login and further arguments.
    pub fn swaks(&self, arguments: &[&str]) -> Outcome {
        let mut swaks = Command::new(peer::require("swaks", "swaks"));
        let server = format!("127.0.0.1:{}", self.sterna.port_of("submission"));
        swaks.args(["--server", &server, "--tls", "--auth", "PLAIN", "--auth-user", "anne@here.test"]);
        swaks.args(["--auth-password", "secret", "--timeout", "30"]).args(arguments);
        run(&mut swaks, b"", PATIENCE)
    }

    /// Waits until the queue is empty.
    #[track_caller]
    pub fn wait_for_empty_queue(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.sterna.json(&["queue", "stats"], "")["messages"] != 0 {
            let list = self.sterna.cli(&["queue", "list"], "").stdout;
            assert!(Instant::now() < deadline, "the queue is not empty:\n{list}\n{}", self.sterna.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// `sterna.toml` of a platform that finds other servers by this DNS, on this port instead of 25.
pub fn configuration(dns: &DnsServer, port: u16, mail: &str) -> SternaConfig {
    SternaConfig {
        listen: &["smtp", "submission", "submissions", "lmtp", "pop3", "sieve", "http"],
        extra: format!(
            "\n[dns]\nservers = [\"{}\"]\n\n[mail]\noutbound_port = {port}\nallow_private = true\n{mail}",
            dns.address()
        ),
        ..SternaConfig::default()
    }
}

/// What both sites have in the DNS.
fn publish(dns: &DnsServer) {
    for (site, host) in [("here.test", "mx.here.test"), ("there.test", "mx.there.test")] {
        dns.set(site, "MX", 60, &format!("10 {host}"));
        dns.set(host, "A", 60, "127.0.0.1");
        dns.set(site, "TXT", 60, "v=spf1 ip4:127.0.0.1 -all");
    }
}

/// The messages of a mailbox, whole.
pub fn messages(wire: &mut ImapWire, mailbox: &str) -> Vec<String> {
    if !wire.command(&format!("EXAMINE {mailbox}")).is_ok() {
        return Vec::new();
    }
    let fetched = wire.command("FETCH 1:* BODY.PEEK[]");
    fetched.untagged.iter().filter(|r| r.text().contains(" FETCH ")).map(|r| r.text()).collect()
}

/// A plain message.
pub fn letter(from: &str, to: &str, subject: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 09:30:00 +0100\r\n\
         Message-ID: <{}.{}@{}>\r\n\r\nHello,\r\nit is about {subject}.\r\n",
        subject.replace(' ', "-"),
        std::process::id(),
        from.rsplit_once('@').map_or("unknown", |(_, domain)| domain)
    )
}
