//! A real Cyrus IMAP on loopback with configuration, spool and users of its own: the second old platform of the suites,
//! which shares no code with Dovecot. It serves IMAP, POP3, LMTP and ManageSieve.

mod config;
mod journal;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dovecot::{User, is_root};
use crate::guard::Guard;
use crate::memory::{Memory, tree_memory};
use crate::peer::{self, open_to_all};
use crate::ports::{Port, wait_until_closed};
use crate::process::{Process, run};
use crate::wire::{ImapWire, LineWire, quote};

pub use config::CyrusOptions;

use config::Numbers;
use journal::Journal;

const START: Duration = Duration::from_secs(30);
const COMMAND: Duration = Duration::from_secs(30);

/// The administrator, who creates the mailboxes.
const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "admin secret";

/// A running Cyrus. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Cyrus {
    // Dropped in this order: the server dies before its guard, and both before its files and ports go.
    process: Option<Process>,
    guard: Option<Guard>,
    journal: Option<Journal>,
    options: CyrusOptions,
    imap: Port,
    imaps: Port,
    pop3: Port,
    lmtp: Port,
    sieve: Port,
    directory: TempDir,
}

impl Cyrus {
    /// The login of the master user, who opens any account by naming it as authorisation identity:
    /// `AUTHENTICATE PLAIN` of `user NUL master NUL password`. Cyrus knows no `user*master`.
    pub const MASTER: &str = "master";
    /// The password of the master user.
    pub const MASTER_PASSWORD: &str = "master secret";

    /// Starts Cyrus with the default options.
    #[track_caller]
    pub fn start() -> Cyrus {
        Cyrus::with(CyrusOptions::default())
    }

    /// Starts Cyrus with other options.
    #[track_caller]
    pub fn with(options: CyrusOptions) -> Cyrus {
        assert!(matches!(options.separator, '/' | '.'), "Cyrus separates by `/` or `.`");
        let directory = tempfile::Builder::new().prefix("sterna-cyrus-").tempdir().expect("make a directory");
        let mut cyrus = Cyrus {
            process: None,
            guard: None,
            journal: Journal::start(directory.path()),
            options,
            imap: Port::free(),
            imaps: Port::free(),
            pop3: Port::free(),
            lmtp: Port::free(),
            sieve: Port::free(),
            directory,
        };
        cyrus.prepare();
        cyrus.restart();
        cyrus
    }

    fn prepare(&self) {
        open_to_all(self.path());
        for name in ["conf", "conf/db", "conf/socket", "conf/proc", "conf/lock", "spool", "sieve", "tls", "bin"] {
            std::fs::create_dir(self.path().join(name)).unwrap();
        }
        // Copied, since Cyrus's user may not look into the home of ours.
        for name in ["imapd", "pop3d", "idled"] {
            let copied = std::fs::copy(daemon(name), self.path().join("bin").join(name));
            copied.unwrap_or_else(|e| panic!("copy {name}: {e}"));
        }
        if let Some(certificate) = self.options.tls {
            certificate.write(&self.path().join("tls"));
        }
        let (user, group) = owner();
        std::fs::write(self.configuration(), self.options.imapd(self.path(), &user, &group)).unwrap();
        let numbers = Numbers {
            imap: self.imap.number(),
            imaps: self.imaps.number(),
            pop3: self.pop3.number(),
            lmtp: self.lmtp.number(),
            sieve: self.sieve.number(),
        };
        let services = self.options.services(&self.configuration(), &self.path().join("bin"), &numbers);
        std::fs::write(self.path().join("cyrus.conf"), services).unwrap();
        self.set_password(ADMIN, ADMIN_PASSWORD);
        self.set_password(Self::MASTER, Self::MASTER_PASSWORD);
        for name in ["conf", "spool", "sieve", "tls"] {
            give_to_cyrus(&self.path().join(name));
        }
    }

    /// Stops the server if it runs and starts it again on the same ports and mail.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        let master = daemon("master");
        let mut command = match &self.journal {
            Some(journal) => journal.command(&master),
            None => Command::new(master),
        };
        // -D: in the foreground, and its children in its process group.
        command.arg("-D").arg("-C").arg(self.configuration()).arg("-M").arg(self.path().join("cyrus.conf"));
        command.arg("-p").arg(self.path().join("conf/master.pid"));
        let mut process = Process::spawn(&mut command, &self.path().join("stdout"));
        self.guard = Some(Guard::of(process.pid()));
        for port in [&self.imap, &self.pop3, &self.lmtp, &self.sieve] {
            process.wait_for_port(port.number(), START);
        }
        self.process = Some(process);
    }

    /// Stops the server; its mail and ports stay. A connection to it is refused until [`Cyrus::restart`].
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(START);
            wait_until_closed(self.port(), START);
            self.guard = None;
        }
    }

    /// `kill -9` of all its processes. Mail and ports stay for [`Cyrus::restart`].
    pub fn kill_9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_9();
            wait_until_closed(self.port(), START);
            self.guard = None;
        }
    }

    /// Stops all its processes where they are (`true`), or lets them go on.
    pub fn freeze(&mut self, frozen: bool) {
        self.process().freeze(frozen);
    }

    /// The port of plain IMAP (and STARTTLS, if TLS is on) on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.imap.number()
    }

    /// The port of IMAP over implicit TLS.
    pub fn tls_port(&self) -> u16 {
        self.imaps.number()
    }

    /// The port of POP3.
    pub fn pop3_port(&self) -> u16 {
        self.pop3.number()
    }

    /// The port of LMTP.
    pub fn lmtp_port(&self) -> u16 {
        self.lmtp.number()
    }

    /// The port of ManageSieve.
    pub fn sieve_port(&self) -> u16 {
        self.sieve.number()
    }

    /// The certificate of the authority that signed the server's, in PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.path().join("tls/ca.pem")
    }

    /// The directory of the server: configuration, logs, mail.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its `imapd.conf`.
    pub fn configuration(&self) -> PathBuf {
        self.path().join("imapd.conf")
    }

    /// What the server wrote to its log so far. Empty on a machine where it cannot be collected (see `journal`).
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// Whether this machine lets the log be collected.
    pub fn has_log(&self) -> bool {
        self.journal.is_some()
    }

    /// Creates a user with an INBOX; the server runs.
    #[track_caller]
    pub fn user(&mut self, login: &str, password: &str) -> User {
        self.set_password(login, password);
        let separator = self.options.separator;
        let local = login.split('@').next().unwrap_or_default();
        assert!(!local.contains(['/', separator]), "not possible in a mailbox name with the separator `{separator}`");
        let root = quote(&format!("user{separator}{login}"));
        let mut admin = self.admin();
        admin.ok(&format!("CREATE {root}"));
        if let Some(quota) = self.options.quota {
            admin.ok(&format!("SETQUOTA {root} (STORAGE {quota})"));
        }
        let user = User { login: login.to_owned(), password: password.to_owned() };
        if self.options.special_use {
            let mut wire = self.login(&user);
            let prefix = if self.options.beside_inbox { String::new() } else { format!("INBOX{separator}") };
            for name in ["Sent", "Drafts", "Trash", "Junk"] {
                wire.ok(&format!("CREATE {prefix}{name} (USE (\\{name}))"));
                wire.ok(&format!("SUBSCRIBE {prefix}{name}"));
            }
        }
        user
    }

    /// Gives a login another password, or its first one; no mailbox is made.
    #[track_caller]
    pub fn set_password(&self, login: &str, password: &str) {
        let (local, realm) = login.split_once('@').unwrap_or((login, "localhost"));
        let mut command = Command::new(peer::require("saslpasswd2", "sasl2-bin"));
        command.args(["-p", "-c", "-f"]).arg(self.path().join("sasldb")).args(["-u", realm, local]);
        run(&mut command, password.as_bytes(), COMMAND).success();
        give_to_cyrus(&self.path().join("sasldb"));
    }

    /// A session that is logged in.
    #[track_caller]
    pub fn login(&self, user: &User) -> ImapWire {
        ImapWire::login(self.port(), &user.login, &user.password)
    }

    /// A session of the administrator, who sees the mailboxes of all as `user/LOGIN/…`.
    #[track_caller]
    pub fn admin(&self) -> ImapWire {
        ImapWire::login(self.port(), ADMIN, ADMIN_PASSWORD)
    }

    /// Hands a message (of lines with CRLF) over LMTP to a user's INBOX; it is there when this returns.
    #[track_caller]
    pub fn deliver(&self, login: &str, message: &[u8]) {
        let reply = LineWire::hello(self.lmtp_port(), "LHLO tests").mail("sender@there.test", &[login], message);
        assert_eq!(reply.code, 250, "{reply:?}\n{}", self.log());
    }

    /// The memory of the server with all its processes.
    pub fn memory(&self) -> Memory {
        tree_memory(self.process.as_ref().expect("a running server").pid())
    }

    /// The process of the master.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a running server")
    }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- end of the log of Cyrus\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

/// A program of Cyrus. Those whose packages conflict with Dovecot's are unpacked by `scripts/peers`.
#[track_caller]
fn daemon(name: &str) -> PathBuf {
    let installed = Path::new("/usr/lib/cyrus/bin").join(name);
    let candidates = [installed, peer::cache().join("cyrus/usr/lib/cyrus/bin").join(name)];
    candidates.into_iter().find(|candidate| peer::is_executable(candidate)).unwrap_or_else(|| {
        panic!("the peer Cyrus has no `{name}`: run `scripts/peers` as root (its packages must not push Dovecot out)")
    })
}

/// User and group of its processes. Cyrus refuses to be root; without root there is only one user to choose from.
fn owner() -> (String, String) {
    if is_root() {
        return ("cyrus".to_owned(), "mail".to_owned());
    }
    let id = |argument: &str| run(Command::new("id").arg(argument), b"", COMMAND).success().stdout.trim().to_owned();
    (id("-un"), id("-gn"))
}

fn give_to_cyrus(path: &Path) {
    if is_root() {
        run(Command::new("chown").arg("-R").arg("cyrus:mail").arg(path), b"", COMMAND).success();
    }
}
