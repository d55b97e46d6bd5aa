//! A server under measurement, with one account that is filled with a corpus.

use std::io::Write;
use std::rc::Rc;

use sterna_tests::{Dovecot, DovecotOptions, ImapWire, Memory, SternaConfig, SternaServer, User};

use super::shared::SharedServers;

use crate::{Corpus, Profile, maildir};

/// What a measurement needs of a server.
pub trait Contender {
    /// Its name and version, as the report shows it.
    fn name(&self) -> String;
    /// The port of plain IMAP on 127.0.0.1.
    fn port(&self) -> u16;
    /// The account with the corpus.
    fn user(&self) -> &User;
    /// New accounts without mail.
    fn empty_users(&mut self, number: usize) -> Vec<User>;
    /// The memory of all its processes.
    fn memory(&self) -> Memory;
    /// How many idle sessions it is asked to hold: what a machine of this size can bear.
    fn idle_sessions(&self) -> usize;

    /// A new account without mail.
    fn empty_user(&mut self) -> User {
        self.empty_users(1).remove(0)
    }

    /// Finishes what earlier work left to do, where that can be asked for.
    fn settle(&self) {}

    /// Tells which statements a database behind it was given since [`Contender::settle`], if they are counted.
    fn tell_statements(&self, _what: &str, _units: u64) {}

    /// A session of the account with the corpus.
    fn session(&self) -> ImapWire {
        ImapWire::login(self.port(), &self.user().login, &self.user().password)
    }
}

/// Debian's Dovecot on a Maildir.
#[derive(Debug)]
pub struct DovecotContender {
    /// The server.
    pub dovecot: Dovecot,
    label: &'static str,
    user: User,
    users: usize,
    messages: u64,
}

impl DovecotContender {
    /// Starts a server as it is by default: `mail_fsync = optimized` waits for the disk where a lost message would be
    /// one that a client believes to be stored, and nowhere else.
    pub fn empty() -> DovecotContender {
        DovecotContender::with("", "")
    }

    /// Starts a server that waits for the disk with every file that it writes, indexes included.
    pub fn safest() -> DovecotContender {
        DovecotContender::with(", mail_fsync=always", "mail_fsync = always\n")
    }

    fn with(label: &'static str, extra: &str) -> DovecotContender {
        let mut dovecot = Dovecot::with(DovecotOptions { extra: extra.to_owned(), ..DovecotOptions::default() });
        let user = dovecot.user("bench@example.org", "bench");
        DovecotContender { dovecot, label, user, users: 0, messages: 0 }
    }

    /// Starts a server and fills an account with a corpus of so many messages.
    pub fn filled(profile: Profile, messages: usize) -> DovecotContender {
        let mut contender = DovecotContender::empty();
        let (dovecot, user) = (&contender.dovecot, &contender.user);
        let root = dovecot.home(&user.login).join("Maildir");
        let written = maildir::write(&root, Corpus::sized(profile, messages, 1)).expect("write the corpus");
        eprintln!("{profile:?}: {} messages, {:.1} MB", written.messages, written.bytes as f64 / 1e6);
        dovecot.take_over_files(&user.login);
        // Dovecot builds its index from the files at the first look; what is measured comes after.
        for folder in folders(&mut ImapWire::login(dovecot.port(), &user.login, &user.password)) {
            let mut wire = ImapWire::login(dovecot.port(), &user.login, &user.password);
            wire.ok(&format!("SELECT {folder}"));
            wire.discard("FETCH 1:* (UID FLAGS RFC822.SIZE)");
            wire.ok("LOGOUT");
        }
        contender.messages = written.messages;
        contender
    }

    /// How many messages the account was filled with.
    pub fn messages(&self) -> u64 {
        self.messages
    }
}

/// Sterna, embedded or on PostgreSQL and S3.
#[derive(Debug)]
pub struct SternaContender {
    server: SternaServer,
    user: User,
    users: usize,
    /// Outlive the server. `None`: embedded.
    shared: Option<Rc<SharedServers>>,
}

impl SternaContender {
    /// A server without mail, everything in files.
    pub fn embedded() -> SternaContender {
        SternaContender::with(None)
    }

    /// A server without mail, in a fresh place of these servers.
    pub fn shared(servers: &Rc<SharedServers>) -> SternaContender {
        SternaContender::with(Some(servers.clone()))
    }

    fn with(shared: Option<Rc<SharedServers>>) -> SternaContender {
        let extra = match &shared {
            Some(servers) => servers.fresh_place(),
            // Said in so many words: a measurement does not depend on where the tests keep their mail.
            None => "\n[store]\nengine = \"sqlite\"\n".to_owned(),
        };
        let server = SternaServer::with(&SternaConfig { extra, ..SternaConfig::default() });
        server.cli(&["domain", "add", "example.org"], "").success();
        let user = server.user("bench@example.org", "bench");
        SternaContender { server, user, users: 0, shared }
    }

    /// Where it keeps its mail, as a report says it.
    pub fn store(&self) -> &'static str {
        if self.shared.is_some() { "PostgreSQL and S3" } else { "embedded" }
    }

    /// Brings the mailbox of another contender over, as an operator would.
    pub fn move_from(&self, source: &dyn Contender) {
        self.server.move_from(&self.user.login, source.port(), source.user()).success();
    }

    /// The most memory that the server's process ever held, in bytes.
    pub fn peak_memory(&mut self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.server.process().pid())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kib.expect("VmHWM of the server") * 1024
    }
}

impl Contender for SternaContender {
    fn name(&self) -> String {
        format!("Sterna {}, {}", env!("CARGO_PKG_VERSION"), self.store())
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    fn user(&self) -> &User {
        &self.user
    }

    fn empty_users(&mut self, number: usize) -> Vec<User> {
        let first = self.users + 1;
        self.users += number;
        (first..first + number).map(|n| self.server.user(&format!("empty{n}@example.org"), "bench")).collect()
    }

    fn settle(&self) {
        if let Some(servers) = &self.shared {
            servers.settle();
        }
    }

    fn tell_statements(&self, what: &str, units: u64) {
        if let Some(servers) = &self.shared {
            servers.tell_statements(what, units);
        }
    }

    /// Of Sterna alone, not of PostgreSQL.
    fn memory(&self) -> Memory {
        self.server.memory()
    }

    fn idle_sessions(&self) -> usize {
        10_000
    }
}

/// The folders of an account with the names quoted for a command.
pub fn folders(wire: &mut ImapWire) -> Vec<String> {
    let listed = wire.ok("LIST \"\" \"*\"");
    let parse = |data: &[u8]| sterna_tests::wire::Value::parse_all(data)?.get(2)?.text();
    let names = listed.untagged.iter().filter_map(|r| r.strip("* LIST ").and_then(parse));
    names.map(|name| sterna_tests::wire::quote(&name)).collect()
}

impl Contender for DovecotContender {
    fn name(&self) -> String {
        format!("Dovecot {}{}", Dovecot::version(), self.label)
    }

    fn port(&self) -> u16 {
        self.dovecot.port()
    }

    fn user(&self) -> &User {
        &self.user
    }

    fn empty_users(&mut self, number: usize) -> Vec<User> {
        let first = self.users + 1;
        self.users += number;
        let logins: Vec<String> = (first..first + number).map(|n| format!("empty{n}@example.org")).collect();
        let Some((last, others)) = logins.split_last() else { return Vec::new() };
        // Dovecot looks at its file once a second: it learns all of them at once, and the last is waited for.
        let file = self.dovecot.path().join("users");
        let mut users = std::fs::File::options().append(true).open(file).expect("open Dovecot's users");
        others.iter().for_each(|login| writeln!(users, "{login}:{{PLAIN}}bench").expect("write Dovecot's users"));
        self.dovecot.user(last, "bench");
        logins.into_iter().map(|login| User { login, password: "bench".to_owned() }).collect()
    }

    fn memory(&self) -> Memory {
        self.dovecot.memory()
    }

    fn idle_sessions(&self) -> usize {
        // A process and about half a megabyte each.
        500
    }
}
