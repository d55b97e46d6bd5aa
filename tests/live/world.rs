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
        let mut old = Dovecot::with(DovecotOptions { lmtp: true, ..DovecotOptions::default() });
        let user = old.user("anne@example.org", sample::PASSWORD);
        let lmtp = old.lmtp_port();
        World::before(old, lmtp, user)
    }
}

impl World<Cyrus> {
    /// The same on Cyrus.
    pub fn on_cyrus() -> World<Cyrus> {
        let mut old = Cyrus::start();
        let user = old.user("anne@example.org", sample::PASSWORD);
        let lmtp = old.lmtp_port();
        World::before(old, lmtp, user)
    }
}

impl<Old: Platform> World<Old> {
    fn before(old: Old, lmtp: u16, user: User) -> World<Old> {
        sample::fill(&mut old.login(&user));
        let new = front_door(old.imap_port(), Some(lmtp));
        new.cli(&["account", "add", &user.login, "--platform", "old"], "").success();
        World { old, new, user }
    }

    /// Copies everything and goes on following.
    pub fn follow(&self) {
        follow(&self.new, &self.user, self.old.imap_port());
    }

    /// The mailbox changes sides.
    pub fn cut_over(&self) {
        cut_over(&self.new, &self.user);
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
pub fn front_door(imap: u16, lmtp: Option<u16>) -> SternaServer {
    let new = SternaServer::with(&SternaConfig { listen: &["lmtp"], ..SternaConfig::default() });
    new.cli(&["domain", "add", "example.org"], "").success();
    let imap = format!("imap://127.0.0.1:{imap}?tls=none");
    let deliver = lmtp.map(|port| format!("lmtp://127.0.0.1:{port}?tls=none"));
    let mut arguments = vec!["platform", "add", "old", "--imap", &imap, "--learn"];
    if let Some(deliver) = &deliver {
        arguments.extend(["--deliver", deliver]);
    }
    new.cli(&arguments, "").success();
    new
}

pub fn follow(new: &SternaServer, user: &User, source: u16) {
    let from = format!("imap://127.0.0.1:{source}?tls=none");
    let start = ["move", "start", &user.login, "--from", &from, "--user", &user.login, "--password-stdin", "--follow"];
    let begun = Instant::now();
    // A move that was just rolled back is busy with what came in late.
    while !new.cli(&start, &format!("{}\n", user.password)).status.success() {
        assert!(begun.elapsed() < PATIENCE, "{}", new.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    wait_for(new, user, "following");
}

pub fn cut_over(new: &SternaServer, user: &User) {
    let done = new.cli(&["move", "cutover", &user.login, "--wait"], "");
    assert!(done.status.success(), "{}{}\n{}", done.stdout, done.stderr, new.log());
}

/// Waits until the move's state is this one.
pub fn wait_for(new: &SternaServer, user: &User, state: &str) {
    let begun = Instant::now();
    loop {
        let told = new.cli(&["move", "status", &user.login], "");
        let status = format!("{}{}", told.stdout, told.stderr);
        assert!(told.status.success(), "{status}\n{}", new.log());
        if status.contains(state) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "not {state}: {status}\n{}", new.log());
        std::thread::sleep(Duration::from_millis(50));
    }
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
