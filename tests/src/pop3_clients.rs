//! Programs that fetch mail, mostly over POP3, and leave it on the server, each with its own memory of what it has.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dovecot::User;
use crate::peer;
use crate::process::{Outcome, run};
use crate::python::python;

/// So long may one fetch of a large mailbox take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// mpop.
    Mpop,
    /// fetchmail.
    Fetchmail,
    /// getmail.
    Getmail,
    /// A few lines with Python's own library.
    Poplib,
    /// fetchmail over IMAP, which knows what is new by `\Seen`.
    FetchmailImap,
}

impl Kind {
    /// All that speak POP3.
    pub const ALL: [Kind; 4] = [Kind::Mpop, Kind::Fetchmail, Kind::Getmail, Kind::Poplib];
}

/// A client that is configured once.
#[derive(Debug)]
pub struct Client {
    kind: Kind,
    port: u16,
    user: User,
    directory: TempDir,
}

impl Client {
    /// A client that has never fetched, for an account on a port of 127.0.0.1.
    pub fn new(kind: Kind, port: u16, user: &User) -> Client {
        let directory = tempfile::Builder::new().prefix("sterna-pop3-").tempdir().expect("make a directory");
        let client = Client { kind, port, user: user.clone(), directory };
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(client.path("mail").join(part)).unwrap();
        }
        client.write("config", &client.configuration());
        client
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        // They refuse a file with a password that others can read.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn configuration(&self) -> String {
        let (d, port, User { login, password }) = (self.directory.path().display(), self.port, &self.user);
        match self.kind {
            Kind::Mpop => format!(
                "account default\nhost 127.0.0.1\nport {port}\nuser {login}\npassword \"{password}\"\nauth plain\n\
                 tls off\nkeep on\nuidls_file {d}/uidls\nreceived_header off\ndelivery maildir {d}/mail\n"
            ),
            Kind::Fetchmail | Kind::FetchmailImap => format!(
                "set no bouncemail\nset no syslog\npoll 127.0.0.1 protocol {} port {port} no dns\n\
                 user \"{login}\" password \"{password}\" is nobody here keep no rewrite no mimedecode \
                 sslproto \"\" bsmtp \"{d}/fetched\"\n",
                if self.kind == Kind::Fetchmail { "pop3 uidl" } else { "imap" }
            ),
            Kind::Getmail => format!(
                "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {port}\nusername = {login}\n\
                 password = {password}\ntimeout = 120\n[destination]\ntype = Maildir\npath = {d}/mail/\n\
                 [options]\nread_all = false\ndelete = false\nreceived = false\ndelivered_to = false\nverbose = 1\n"
            ),
            Kind::Poplib => String::new(),
        }
    }

    /// Fetches once; how many messages came.
    #[track_caller]
    pub fn fetch(&self) -> u64 {
        let before = self.fetched();
        let outcome = self.run();
        let new = self.fetched() - before;
        // fetchmail's 1 says that there was nothing to fetch.
        let is_fetchmail = matches!(self.kind, Kind::Fetchmail | Kind::FetchmailImap);
        let nothing = is_fetchmail && outcome.status.code() == Some(1) && new == 0;
        assert!(nothing || outcome.status.success(), "{:?}: {outcome:#?}", self.kind);
        new
    }

    fn run(&self) -> Outcome {
        let (config, d) = (self.path("config"), self.directory.path());
        let mut command = match self.kind {
            Kind::Mpop => {
                let mut command = Command::new(peer::require("mpop", "mpop"));
                command.arg("-Q").arg("-C").arg(config);
                command
            }
            Kind::Fetchmail | Kind::FetchmailImap => {
                let mut command = Command::new(peer::require("fetchmail", "fetchmail"));
                command.arg("-f").arg(config).arg("-i").arg(self.path("ids")).arg("--pidfile").arg(self.path("pid"));
                command
            }
            Kind::Getmail => {
                let mut command = unprivileged(peer::require("getmail", "getmail6"), d);
                command.arg("--getmaildir").arg(d).arg("--rcfile").arg(config);
                command
            }
            Kind::Poplib => return self.poplib(),
        };
        command.env("HOME", d).env("FETCHMAILHOME", d).current_dir(d);
        run(&mut command, b"", PATIENCE)
    }

    /// A client of a few lines, which keeps a list of unique ids.
    fn poplib(&self) -> Outcome {
        let script = "import os, poplib, sys\nport, user, password, home = sys.argv[1:]\n\
            p = poplib.POP3('127.0.0.1', int(port), timeout=60)\np.user(user)\np.pass_(password)\n\
            ids = os.path.join(home, 'ids')\nknown = set(open(ids).read().split()) if os.path.exists(ids) else set()\n\
            for line in p.uidl()[1]:\n    n, uidl = line.decode().split(' ')\n    if uidl not in known:\n        \
            lines = p.retr(int(n))[1]\n        \
            open(os.path.join(home, 'mail/new', str(len(known))), 'wb').write(b'\\n'.join(lines))\n        known.add(uidl)\n\
            open(ids, 'w').write('\\n'.join(known))\np.quit()\n";
        let home = self.directory.path().to_string_lossy();
        python(script, &[&self.port.to_string(), &self.user.login, &self.user.password, &home])
    }

    fn fetched(&self) -> u64 {
        match self.kind {
            Kind::Fetchmail | Kind::FetchmailImap => {
                let text = std::fs::read(self.path("fetched")).unwrap_or_default();
                String::from_utf8_lossy(&text).lines().filter(|line| line.starts_with("MAIL FROM:")).count() as u64
            }
            _ => ["cur", "new"].map(|part| files(&self.path("mail").join(part))).iter().sum(),
        }
    }
}

/// getmail delivers no mail as root.
fn unprivileged(program: PathBuf, home: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let owner = ["-R", "mail:mail"];
    run(Command::new("chown").args(owner).arg(home), b"", Duration::from_secs(60)).success();
    let mut command = Command::new(peer::require("setpriv", "util-linux"));
    command.args(["--reuid=mail", "--regid=mail", "--clear-groups", "--"]).arg(program);
    command
}

fn files(directory: &Path) -> u64 {
    std::fs::read_dir(directory).unwrap().count() as u64
}
