//! A real Dovecot 2.3 on loopback with a configuration, a directory and users of its own: the old platform of the suites.

mod config;
mod tls;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::memory::{Memory, tree_memory};
use crate::peer::{self, open_to_all};
use crate::ports::wait_until_closed;
use crate::process::{Outcome, Process, run};
use crate::wire::ImapWire;

pub use config::{DovecotOptions, Storage};
pub use tls::Certificate;

pub(crate) use config::is_root;

use config::Ports;

const START: Duration = Duration::from_secs(20);
const DOVEADM: Duration = Duration::from_secs(900);

/// A login and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login, mostly an address.
    pub login: String,
    /// The password.
    pub password: String,
}

/// A running Dovecot. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Dovecot {
    // Dropped in this order: the server dies before its files and ports go.
    process: Option<Process>,
    options: DovecotOptions,
    ports: Ports,
    next_delivery: u32,
    directory: TempDir,
}

impl Dovecot {
    /// The login of the master user, for `user*master`.
    pub const MASTER: &str = "master";
    /// The password of the master user.
    pub const MASTER_PASSWORD: &str = "master secret";

    /// Starts Dovecot with the default options: Maildir, separator `/`, no TLS.
    #[track_caller]
    pub fn start() -> Dovecot {
        Dovecot::with(DovecotOptions::default())
    }

    /// Starts Dovecot with other options.
    #[track_caller]
    pub fn with(options: DovecotOptions) -> Dovecot {
        peer::require("dovecot", "dovecot-imapd");
        peer::require("doveadm", "dovecot-core");
        for (wanted, program, package) in [
            (options.pop3, "pop3-login", "dovecot-pop3d"),
            (options.lmtp, "lmtp", "dovecot-lmtpd"),
            (options.sieve, "managesieve-login", "dovecot-managesieved"),
        ] {
            assert!(
                !wanted || Path::new("/usr/lib/dovecot").join(program).exists(),
                "the peer Dovecot has no `{program}`: run `scripts/peers` as root, \
                 or `apt-get install --no-install-recommends {package}`"
            );
        }
        let directory = tempfile::Builder::new().prefix("sterna-dovecot-").tempdir().expect("make a directory");
        let mut dovecot = Dovecot { process: None, options, ports: Ports::free(), next_delivery: 0, directory };
        dovecot.prepare();
        dovecot.restart();
        dovecot
    }

    fn prepare(&self) {
        open_to_all(self.path());
        for name in ["run", "state", "mail", "tls"] {
            std::fs::create_dir(self.path().join(name)).unwrap();
        }
        config::give_to_mail(&self.path().join("mail"));
        std::fs::write(self.path().join("users"), "").unwrap();
        let master = format!("{}:{{PLAIN}}{}\n", Self::MASTER, Self::MASTER_PASSWORD);
        std::fs::write(self.path().join("masters"), master).unwrap();
        if let Some(certificate) = self.options.tls {
            certificate.write(&self.path().join("tls"));
        }
        let text = self.options.render(self.path(), &self.ports);
        std::fs::write(self.configuration(), text).unwrap();
    }

    /// Stops the server if it runs and starts it again on the same ports and mail.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        let dovecot = peer::require("dovecot", "dovecot-imapd");
        let mut command = Command::new(dovecot);
        command.arg("-F").arg("-c").arg(self.configuration()).env("TZ", &self.options.time_zone);
        let mut process = Process::spawn(&mut command, &self.path().join("stdout"));
        process.wait_for_port(self.port(), START);
        self.process = Some(process);
    }

    /// Stops the server; its mail and ports stay. A connection to it is refused until [`Dovecot::restart`].
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(START);
            wait_until_closed(self.port(), START);
        }
    }

    /// `kill -9` of all its processes. Mail and ports stay for [`Dovecot::restart`].
    pub fn kill_9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_9();
            wait_until_closed(self.port(), START);
        }
        // Of processes that are no more: the next ones would wait for them for two minutes.
        remove_locks(&self.path().join("mail"));
    }

    /// Stops all its processes where they are (`true`: `SIGSTOP`), or lets them go on (`SIGCONT`). Connections stay open,
    /// and new ones are still accepted by the kernel.
    pub fn freeze(&mut self, frozen: bool) {
        self.process().freeze(frozen);
    }

    /// The port of plain IMAP (and STARTTLS, if TLS is on) on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.imap.number()
    }

    /// The port of IMAP over implicit TLS.
    pub fn tls_port(&self) -> u16 {
        self.ports.imaps.number()
    }

    /// The port of POP3.
    pub fn pop3_port(&self) -> u16 {
        self.ports.pop3.number()
    }

    /// The port of LMTP.
    pub fn lmtp_port(&self) -> u16 {
        self.ports.lmtp.number()
    }

    /// The port of ManageSieve.
    pub fn sieve_port(&self) -> u16 {
        self.ports.sieve.number()
    }

    /// The certificate of the authority that signed the server's, in PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.path().join("tls/ca.pem")
    }

    /// The directory of the server: configuration, logs, mail.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.path().join("dovecot.conf")
    }

    /// The home directory of a user, which holds the mail.
    pub fn home(&self, login: &str) -> PathBuf {
        self.path().join("mail").join(login)
    }

    /// What the server wrote to its log so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// The log, as soon as this was written to it so often: a process of its own writes it, a moment later under load.
    ///
    /// # Panics
    /// If it was not within ten seconds.
    #[track_caller]
    pub fn log_with(&self, text: &str, times: usize) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let log = self.log();
            if log.matches(text).count() >= times {
                return log;
            }
            assert!(Instant::now() < deadline, "not {times} times \"{text}\" in: {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Creates a user; works while the server runs, and returns when the server knows the user.
    #[track_caller]
    pub fn user(&mut self, login: &str, password: &str) -> User {
        assert!(!login.contains([':', '/', '\n']) && !password.contains([':', '\n']), "not possible in a passwd-file");
        let file = self.path().join("users");
        let mut text = std::fs::read_to_string(&file).unwrap();
        text.push_str(&format!("{login}:{{PLAIN}}{password}\n"));
        let new = file.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, file).unwrap();
        // Dovecot looks for changes of the file once a second at most.
        let deadline = Instant::now() + START;
        while self.process.is_some() && !self.doveadm(&["auth", "test", login, password]).status.success() {
            assert!(Instant::now() < deadline, "Dovecot does not know {login}: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        User { login: login.to_owned(), password: password.to_owned() }
    }

    /// A session that is logged in.
    #[track_caller]
    pub fn login(&self, user: &User) -> ImapWire {
        ImapWire::login(self.port(), &user.login, &user.password)
    }

    /// Lays a message into a user's INBOX as a file, as a delivery agent would; it is there with the next look.
    ///
    /// # Panics
    /// If the storage is not a Maildir.
    pub fn deliver(&mut self, login: &str, message: &[u8]) {
        assert!(
            matches!(self.options.storage, Storage::Maildir | Storage::MaildirFs),
            "files can only be delivered into a Maildir"
        );
        let maildir = self.home(login).join("Maildir");
        for name in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(maildir.join(name)).unwrap();
        }
        self.next_delivery += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let name = format!("{now}.d{}.test", self.next_delivery);
        let (tmp, new) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
        std::fs::write(&tmp, message).unwrap();
        config::give_to_mail(&self.home(login));
        std::fs::rename(tmp, new).unwrap();
    }

    /// Runs `doveadm` with this server's configuration, to the end.
    #[track_caller]
    pub fn doveadm(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(peer::require("doveadm", "dovecot-core"));
        run(command.arg("-c").arg(self.configuration()).args(arguments), b"", DOVEADM)
    }

    /// Hands the files below a user's home to the server's mail user, after a test has written some.
    pub fn take_over_files(&self, login: &str) {
        config::give_to_mail(&self.home(login));
    }

    /// The memory of the server with all its processes.
    pub fn memory(&self) -> Memory {
        tree_memory(self.process.as_ref().expect("a running server").pid())
    }

    /// The process of the master, to freeze or kill it.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a running server")
    }

    /// The version, as in `2.3.19.1`.
    pub fn version() -> String {
        let dovecot = peer::require("dovecot", "dovecot-imapd");
        let outcome = run(Command::new(dovecot).arg("--version"), b"", START).success();
        outcome.stdout.split_whitespace().next().unwrap_or_default().to_owned()
    }
}

/// Removes the dot locks in a directory and below.
fn remove_locks(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            remove_locks(&path);
        } else if path.extension().is_some_and(|extension| extension == "lock") {
            // One that is gone already is what is wanted.
            let _ = std::fs::remove_file(&path);
        }
    }
}
