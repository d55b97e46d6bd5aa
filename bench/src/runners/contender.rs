//! A server under measurement, with one account that is filled with a corpus.

use sterna_tests::{Dovecot, ImapWire, Memory, SternaServer, User};

use crate::{Corpus, Profile, maildir};

/// What a measurement needs of a server.
pub trait Contender {
    /// Its name and version, as the report shows it.
    fn name(&self) -> String;
    /// The port of plain IMAP on 127.0.0.1.
    fn port(&self) -> u16;
    /// The account with the corpus.
    fn user(&self) -> &User;
    /// A new account without mail.
    fn empty_user(&mut self) -> User;
    /// The memory of all its processes.
    fn memory(&self) -> Memory;
    /// How many idle sessions it is asked to hold: what a machine of this size can bear.
    fn idle_sessions(&self) -> usize;

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
    user: User,
    users: usize,
}

impl DovecotContender {
    /// Starts a server and fills an account with a corpus of so many messages.
    pub fn filled(profile: Profile, messages: usize) -> DovecotContender {
        let mut dovecot = Dovecot::start();
        let user = dovecot.user("bench@example.org", "bench");
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
        DovecotContender { dovecot, user, users: 0 }
    }
}

/// Sterna with the embedded store.
#[derive(Debug)]
pub struct SternaContender {
    server: SternaServer,
    user: User,
    users: usize,
}

impl SternaContender {
    /// A server without mail.
    pub fn empty() -> SternaContender {
        let server = SternaServer::start();
        server.cli(&["domain", "add", "example.org"], "").success();
        let user = server.user("bench@example.org", "bench");
        SternaContender { server, user, users: 0 }
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
        format!("Sterna {}", env!("CARGO_PKG_VERSION"))
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    fn user(&self) -> &User {
        &self.user
    }

    fn empty_user(&mut self) -> User {
        self.users += 1;
        self.server.user(&format!("empty{}@example.org", self.users), "bench")
    }

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
        format!("Dovecot {}", Dovecot::version())
    }

    fn port(&self) -> u16 {
        self.dovecot.port()
    }

    fn user(&self) -> &User {
        &self.user
    }

    fn empty_user(&mut self) -> User {
        self.users += 1;
        self.dovecot.user(&format!("empty{}@example.org", self.users), "bench")
    }

    fn memory(&self) -> Memory {
        self.dovecot.memory()
    }

    fn idle_sessions(&self) -> usize {
        // A process and about half a megabyte each.
        500
    }
}
