//! An old platform, a Sterna in front of it, and one mailbox that is about to move.

use std::time::{Duration, Instant};

use sterna_tests::{Cyrus, Dovecot, DovecotOptions, ImapWire, SternaConfig, SternaServer, User};

use crate::sample;

/// So long may a step of a move take.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World<Old = Dovecot> {
    pub old: Old,
    pub new: SternaServer,
    pub user: User,
    /// The old platform's POP3, if it takes part.
    pop3: Option<u16>,
}

/// What scenarios ask of an old platform, whichever server it is.
pub trait Platform {
    fn imap_port(&self) -> u16;
    /// A session past the front door.
    fn login(&self, user: &User) -> ImapWire;
}

impl Platform for Dovecot {
    fn imap_port(&self) -> u16 {
        self.port()
    }

    fn login(&self, user: &User) -> ImapWire {
        Dovecot::login(self, user)
    }
}

impl Platform for Cyrus {
    fn imap_port(&self) -> u16 {
        self.port()
    }

    fn login(&self, user: &User) -> ImapWire {
        Cyrus::login(self, user)
    }
}

impl World {
    /// A filled mailbox on Dovecot, which everybody reaches through Sterna only.
    pub fn new() -> World {
        World::on_dovecot(DovecotOptions { lmtp: true, ..DovecotOptions::default() })
    }

    /// The same with POP3, whose unique ids move along.
    pub fn with_pop3() -> World {
        World::on_dovecot(DovecotOptions { lmtp: true, pop3: true, ..DovecotOptions::default() })
    }

    fn on_dovecot(options: DovecotOptions) -> World {
        let pop3 = options.pop3;
        let mut old = Dovecot::with(options);
        let user = old.user("anne@example.org", sample::PASSWORD);
        let (lmtp, pop3) = (old.lmtp_port(), pop3.then(|| old.pop3_port()));
        World::before(old, lmtp, pop3, user)
    }
}

impl World<Cyrus> {
    /// The same on Cyrus.
    pub fn on_cyrus() -> World<Cyrus> {
        let mut old = Cyrus::start();
        let user = old.user("anne@example.org", sample::PASSWORD);
        let lmtp = old.lmtp_port();
        World::before(old, lmtp, None, user)
    }
}

impl<Old: Platform> World<Old> {
    fn before(old: Old, lmtp: u16, pop3: Option<u16>, user: User) -> World<Old> {
        sample::fill(&mut old.login(&user));
        let new = front_door(old.imap_port(), lmtp, pop3);
        new.cli(&["account", "add", &user.login, "--platform", "old"], "").success();
        World { old, new, user, pop3 }
    }

    /// Copies everything and goes on following.
    pub fn follow(&self) {
        let from = format!("imap://127.0.0.1:{}?tls=none", self.old.imap_port());
        let pop3 = self.pop3.map(|port| format!("pop3://127.0.0.1:{port}?tls=none"));
        let login = self.user.login.as_str();
        let mut start = vec!["move", "start", login, "--from", &from, "--user", login, "--password-stdin", "--follow"];
        if let Some(pop3) = &pop3 {
            start.extend(["--pop3", pop3]);
        }
        let begun = Instant::now();
        // A move that was just rolled back is busy with what came in late.
        while !self.new.cli(&start, &format!("{}\n", self.user.password)).status.success() {
            assert!(begun.elapsed() < PATIENCE, "{}", self.new.log());
            std::thread::sleep(Duration::from_millis(500));
        }
        self.wait_for("following");
    }

    /// The mailbox changes sides.
    pub fn cut_over(&self) {
        let done = self.new.cli(&["move", "cutover", &self.user.login, "--wait"], "");
        assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    }

    /// Waits until the move's state is this one.
    pub fn wait_for(&self, state: &str) {
        let begun = Instant::now();
        loop {
            let told = self.new.cli(&["move", "status", &self.user.login], "");
            let status = format!("{}{}", told.stdout, told.stderr);
            assert!(told.status.success(), "{status}");
            if status.contains(state) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not {state}: {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The receipt for machines.
    pub fn receipt(&self) -> serde_json::Value {
        self.new.json(&["move", "receipt", &self.user.login], "")
    }
}

impl<Old> Drop for World<Old> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.new.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- end of the log of Sterna\n{}", lines[lines.len().saturating_sub(100)..].join("\n"));
        }
    }
}

/// A Sterna with a platform "old" on these ports of 127.0.0.1.
fn front_door(imap: u16, lmtp: u16, pop3: Option<u16>) -> SternaServer {
    let new = SternaServer::with(&SternaConfig { listen: &["lmtp", "pop3"], ..SternaConfig::default() });
    new.cli(&["domain", "add", "example.org"], "").success();
    let imap = format!("imap://127.0.0.1:{imap}?tls=none");
    let deliver = format!("lmtp://127.0.0.1:{lmtp}?tls=none");
    let pop3 = pop3.map(|port| format!("pop3://127.0.0.1:{port}?tls=none"));
    let mut arguments = vec!["platform", "add", "old", "--imap", &imap, "--learn", "--deliver", &deliver];
    if let Some(pop3) = &pop3 {
        arguments.extend(["--pop3", pop3]);
    }
    new.cli(&arguments, "").success();
    new
}

/// Delivers a message through Sterna's LMTP.
pub fn deliver(new: &SternaServer, user: &User, subject: &str) {
    use std::io::{BufRead as _, BufReader, Write as _};
    let stream = std::net::TcpStream::connect(("127.0.0.1", new.port_of("lmtp"))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let body = format!("From: bob@example.net\r\nTo: {}\r\nSubject: {subject}\r\n\r\nhello\r\n.", user.login);
    let rcpt = format!("RCPT TO:<{}>", user.login);
    let lines = ["", "LHLO there.example.net", "MAIL FROM:<bob@example.net>", &rcpt, "DATA", &body, "QUIT"];
    for line in lines {
        if !line.is_empty() {
            reader.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        }
        loop {
            let mut reply = String::new();
            reader.read_line(&mut reply).unwrap();
            assert!(reply.starts_with(['2', '3']), "{line}: {reply}");
            if reply.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
    }
}
