//! The servers that mail is delivered to.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sterna_tests::dns::DnsServer;
use sterna_tests::{Dovecot, DovecotOptions, Port, Postfix, PostfixOptions, SternaConfig, SternaServer};

use crate::runners::SharedServers;

/// So long may the last messages take to arrive.
const PATIENCE: Duration = Duration::from_secs(600);

/// The address of a mailbox.
pub fn address(mailbox: usize) -> String {
    format!("box{mailbox}@example.org")
}

/// A server with 1,000 mailboxes.
pub trait Target {
    /// As the report shows it.
    fn name(&self) -> String;
    /// Where senders connect to.
    fn port(&self) -> u16;
    /// What they say first.
    fn hello(&self) -> &'static str;
    /// Messages in mailboxes so far.
    fn delivered(&self) -> u64;
    /// Finishes what earlier work left to do.
    fn settle(&self) {}

    /// Returns when so many messages are in mailboxes.
    fn wait_until_delivered(&self, number: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.delivered() < number {
            assert!(Instant::now() < deadline, "{}: {} of {number} delivered", self.name(), self.delivered());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// All of them, the one that the others are compared with first.
pub fn all(shared: &Rc<SharedServers>, mailboxes: usize) -> Vec<Box<dyn Target>> {
    vec![
        Box::new(PostfixTarget::start(mailboxes)),
        Box::new(LmtpTarget::start(mailboxes)),
        Box::new(SternaTarget::start(None, mailboxes)),
        Box::new(SternaTarget::start(Some(shared.clone()), mailboxes)),
    ]
}

/// Dovecot's LMTP service alone.
struct LmtpTarget {
    dovecot: Dovecot,
    port: Port,
    counter: Counter,
}

impl LmtpTarget {
    fn start(mailboxes: usize) -> LmtpTarget {
        let port = Port::free();
        let extra = format!(
            "protocols = imap lmtp\nservice lmtp {{\n process_limit = 200\n process_min_avail = 20\n inet_listener lmtp {{\n address = 127.0.0.1\n \
             port = {}\n }}\n}}\nlmtp_user_concurrency_limit = 100\n",
            port.number()
        );
        let mut dovecot = Dovecot::with(DovecotOptions { extra, ..DovecotOptions::default() });
        let users: String = (0..mailboxes).map(|n| format!("{}:{{PLAIN}}bench\n", address(n))).collect();
        let file = dovecot.path().join("users");
        std::fs::write(file, users).expect("write Dovecot's users");
        dovecot.user("last@example.org", "bench");
        LmtpTarget { dovecot, port, counter: Counter::default() }
    }
}

impl Target for LmtpTarget {
    fn name(&self) -> String {
        format!("Dovecot {} LMTP", Dovecot::version())
    }

    fn port(&self) -> u16 {
        self.port.number()
    }

    fn hello(&self) -> &'static str {
        "LHLO bench.test"
    }

    fn delivered(&self) -> u64 {
        self.counter.count(&self.dovecot.path().join("log"), "saved mail to INBOX")
    }
}

/// Postfix, which hands to Dovecot's LMTP service.
struct PostfixTarget {
    postfix: Postfix,
    lmtp: LmtpTarget,
}

impl PostfixTarget {
    fn start(mailboxes: usize) -> PostfixTarget {
        let lmtp = LmtpTarget::start(mailboxes);
        let options = PostfixOptions {
            domain: "unused.test".to_owned(),
            lmtp_routes: vec![("example.org".to_owned(), lmtp.port.number())],
            // As a server does that has Dovecot beside it: it knows its recipients, and may use twenty connections.
            extra: "relay_domains = example.org\nlmtp_destination_concurrency_limit = 100\n\
                    default_destination_concurrency_limit = 100\ndefault_process_limit = 200\n"
                .to_owned(),
            ..PostfixOptions::default()
        };
        PostfixTarget { postfix: Postfix::start(&options), lmtp }
    }
}

impl Target for PostfixTarget {
    fn name(&self) -> String {
        let version = Command::new("postconf").args(["-d", "-h", "mail_version"]).output().expect("run postconf");
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        format!("Postfix {version} and {}", self.lmtp.name())
    }

    fn port(&self) -> u16 {
        self.postfix.port()
    }

    fn hello(&self) -> &'static str {
        "EHLO bench.test"
    }

    fn delivered(&self) -> u64 {
        self.lmtp.delivered()
    }
}

/// Sterna, embedded or on PostgreSQL and S3.
struct SternaTarget {
    server: SternaServer,
    /// Outlives the server. `None`: embedded.
    shared: Option<Rc<SharedServers>>,
    _dns: DnsServer,
}

impl SternaTarget {
    fn start(shared: Option<Rc<SharedServers>>, mailboxes: usize) -> SternaTarget {
        let store = match &shared {
            Some(servers) => servers.fresh_place(),
            None => "\n[store]\nengine = \"sqlite\"\n".to_owned(),
        };
        let dns = DnsServer::start();
        let extra = format!("\n[dns]\nservers = [\"{}\"]\n{store}", dns.address());
        let server = SternaServer::with(&SternaConfig { listen: &["smtp"], extra, ..SternaConfig::default() });
        server.cli(&["domain", "add", "example.org"], "").success();
        for mailbox in 0..mailboxes {
            server.cli(&["account", "add", &address(mailbox)], "").success();
        }
        SternaTarget { server, shared, _dns: dns }
    }
}

impl Target for SternaTarget {
    fn name(&self) -> String {
        let store = if self.shared.is_some() { "PostgreSQL and S3" } else { "embedded" };
        format!("Sterna {}, {store}", env!("CARGO_PKG_VERSION"))
    }

    fn port(&self) -> u16 {
        self.server.port_of("smtp")
    }

    fn hello(&self) -> &'static str {
        "EHLO bench.test"
    }

    /// Its 250 says so.
    fn delivered(&self) -> u64 {
        0
    }

    /// Unless a message waits in the queue.
    fn wait_until_delivered(&self, _number: u64) {
        let stats = self.server.json(&["queue", "stats"], "");
        assert_eq!(stats["messages"].as_u64(), Some(0), "nothing was refused for the moment: {stats}");
    }

    fn settle(&self) {
        if let Some(servers) = &self.shared {
            servers.settle();
        }
    }
}

/// Counts lines of a growing log that contain a text; reads only what is new.
#[derive(Debug, Default)]
struct Counter {
    read: Cell<u64>,
    lines: Cell<u64>,
}

impl Counter {
    fn count(&self, log: &Path, text: &str) -> u64 {
        let mut new = Vec::new();
        if let Ok(mut file) = File::open(log) {
            file.seek(SeekFrom::Start(self.read.get())).expect("seek in a log");
            file.read_to_end(&mut new).expect("read a log");
        }
        // Half a line is read again when it is whole.
        let whole = new.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let lines = new[..whole].split(|b| *b == b'\n');
        let found = lines.filter(|line| line.windows(text.len()).any(|w| w == text.as_bytes())).count();
        self.read.set(self.read.get() + whole as u64);
        self.lines.set(self.lines.get() + found as u64);
        self.lines.get()
    }
}
