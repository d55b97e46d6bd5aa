//! A real Postfix on loopback with a configuration, a queue and a domain of its own: the correspondent of the suites. It
//! receives mail for its users into one Maildir, and sends what it is given to the servers that a test names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::peer::{self, open_to_all};
use crate::ports::Port;
use crate::process::{Process, run};

const START: Duration = Duration::from_secs(20);
const COMMAND: Duration = Duration::from_secs(60);

/// Where Debian keeps Postfix's daemons.
const DAEMONS: &str = "/usr/lib/postfix/sbin";

/// What a test may choose about its Postfix.
#[derive(Clone, Debug)]
pub struct PostfixOptions {
    /// The domain that it receives for.
    pub domain: String,
    /// Local parts that exist there; others are refused with 550 5.1.1.
    pub users: Vec<String>,
    /// Where mail for other domains goes: the domain (or `*`) and the port of 127.0.0.1.
    pub routes: Vec<(String, u16)>,
    /// The same over LMTP.
    pub lmtp_routes: Vec<(String, u16)>,
    /// A certificate chain and its key, for STARTTLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Further lines of `main.cf`.
    pub extra: String,
}

impl Default for PostfixOptions {
    fn default() -> PostfixOptions {
        PostfixOptions {
            domain: "there.test".to_owned(),
            users: vec!["bob".to_owned()],
            routes: Vec::new(),
            lmtp_routes: Vec::new(),
            tls: None,
            extra: String::new(),
        }
    }
}

/// A running Postfix. Dropping it kills it and removes its directory.
#[derive(Debug)]
pub struct Postfix {
    // Dropped in this order: the server dies before its files and port go.
    process: Option<Process>,
    port: Port,
    directory: TempDir,
}

impl Postfix {
    /// Starts Postfix.
    ///
    /// # Panics
    /// If it is not installed or does not start.
    #[track_caller]
    pub fn start(options: &PostfixOptions) -> Postfix {
        Postfix::on(Port::free(), options)
    }

    /// The same on a port that the test knows already.
    #[track_caller]
    pub fn on(port: Port, options: &PostfixOptions) -> Postfix {
        peer::require("postfix", "postfix");
        let directory = tempfile::Builder::new().prefix("sterna-postfix-").tempdir().expect("make a directory");
        open_to_all(directory.path());
        let mut postfix = Postfix { process: None, port, directory };
        postfix.write_configuration(options);
        run(Command::new("postfix").arg("-c").arg(postfix.etc()).arg("check"), b"", COMMAND).success();
        postfix.restart();
        postfix
    }

    /// Starts it if it does not run.
    #[track_caller]
    pub fn restart(&mut self) {
        let mut master = Command::new(Path::new(DAEMONS).join("master"));
        // In the foreground, its children in one process group.
        master.arg("-c").arg(self.etc()).arg("-d");
        let mut process = Process::spawn(&mut master, &self.path().join("master.log"));
        process.wait_for_port(self.port(), START);
        self.process = Some(process);
    }

    /// Stops it; queue and mail stay.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(START);
        }
    }

    /// The port of SMTP on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn etc(&self) -> PathBuf {
        self.path().join("etc")
    }

    /// What it wrote about its work.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path().join("mail.log")).unwrap_or_default()).into_owned()
    }

    /// The messages that its users have received, oldest first.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let mut files: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .flat_map(|d| std::fs::read_dir(self.path().join("mail/all").join(d)).into_iter().flatten().flatten())
            .map(|entry| entry.path())
            .collect();
        files.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).expect("a file's time"));
        files.iter().map(|path| std::fs::read(path).expect("read a message")).collect()
    }

    /// Waits until its users have received so many messages; gives all of them.
    ///
    /// # Panics
    /// If they do not come within `timeout`.
    #[track_caller]
    pub fn wait_for(&self, count: usize, timeout: Duration) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + timeout;
        loop {
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            assert!(
                Instant::now() < deadline,
                "Postfix has {} of {count} messages after {timeout:?}:\n{}",
                messages.len(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Messages that wait in its queue.
    pub fn queued(&self) -> usize {
        let listed = run(Command::new("postqueue").arg("-c").arg(self.etc()).arg("-j"), b"", COMMAND).success();
        listed.stdout.lines().count()
    }

    /// Tries everything that waits at once.
    pub fn flush(&self) {
        run(Command::new("postqueue").arg("-c").arg(self.etc()).arg("-f"), b"", COMMAND).success();
    }

    fn write_configuration(&self, options: &PostfixOptions) {
        let root = self.path().display();
        for directory in ["etc", "queue", "data", "mail"] {
            std::fs::create_dir(self.path().join(directory)).expect("make a directory");
        }
        run(
            Command::new("chown").arg("postfix").args([self.path().join("data"), self.path().join("mail")]),
            b"",
            COMMAND,
        )
        .success();
        let domain = &options.domain;
        let mut main = format!(
            "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/data\n\
             mail_owner = postfix\nsetgid_group = postdrop\ncommand_directory = /usr/sbin\n\
             daemon_directory = {DAEMONS}\nmaillog_file = {root}/mail.log\nmaillog_file_prefixes = {root}\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mx.{domain}\nmydestination =\n\
             mynetworks = 127.0.0.0/8\nalias_maps =\nlocal_recipient_maps =\nvirtual_alias_maps =\n\
             virtual_mailbox_domains = {domain}\nvirtual_mailbox_base = {root}/mail\n\
             virtual_mailbox_maps = texthash:{root}/etc/users\nvirtual_uid_maps = static:{}\n\
             virtual_gid_maps = static:{}\ntransport_maps = texthash:{root}/etc/transport\n\
             minimal_backoff_time = 1s\nqueue_run_delay = 1s\nmaximal_backoff_time = 2s\nsmtp_host_lookup = native\n\
             smtpd_client_connection_count_limit = 0\nsmtp_tls_security_level = may\n",
            id("-u"),
            id("-g"),
        );
        if let Some((certificate, key)) = &options.tls {
            main.push_str(&format!(
                "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
                certificate.display(),
                key.display()
            ));
        }
        main.push_str(&options.extra);
        let users: String = options.users.iter().map(|user| format!("{user}@{domain} all/\n")).collect();
        let mut transport = format!("{domain} virtual:\n");
        for (protocol, routes) in [("smtp", &options.routes), ("lmtp", &options.lmtp_routes)] {
            for (destination, port) in routes {
                let inet = if protocol == "lmtp" { "inet:" } else { "" };
                transport.push_str(&format!("{destination} {protocol}:{inet}[127.0.0.1]:{port}\n"));
            }
        }
        let master = format!(
            "127.0.0.1:{} inet n - n - - smtpd\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\n\
             smtp unix - - n - - smtp\nrelay unix - - n - - smtp\nshowq unix n - n - - showq\nerror unix - - n - - error\n\
             retry unix - - n - - error\ndiscard unix - - n - - discard\nvirtual unix - n n - - virtual\n\
             lmtp unix - - n - - lmtp\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
             postlog unix-dgram n - n - 1 postlogd\n",
            self.port()
        );
        for (name, text) in [("main.cf", main), ("users", users), ("transport", transport), ("master.cf", master)] {
            std::fs::write(self.etc().join(name), text).expect("write a configuration");
        }
    }
}

/// A number of the user that Debian's package makes for Postfix.
fn id(which: &str) -> String {
    run(Command::new("id").args([which, "postfix"]), b"", COMMAND).success().stdout.trim().to_owned()
}
