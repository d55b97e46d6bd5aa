//! The mail client mutt with caches of headers and messages, driven by keys on a terminal of its own.
//!
//! What it fetched is read from its log of the wire: a cache that did not hold shows there.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dovecot::User;
use crate::peer;
use crate::process::run;

/// Marks all messages and reads them to their end, then leaves.
const KEYS: &str = "<tag-pattern>~A<enter><tag-prefix><pipe-message>cat >/dev/null<enter><sync-mailbox><quit>";

/// A client with what it remembers.
#[derive(Debug)]
pub struct Mutt {
    user: User,
    port: u16,
    qresync: bool,
    directory: TempDir,
}

/// What one look into a mailbox made it fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MuttReport {
    /// Messages whose headers came.
    pub headers: u64,
    /// Messages that came whole.
    pub bodies: u64,
}

impl Mutt {
    /// A client that has never been there, for an account on a port of 127.0.0.1. `qresync`: it asks for what changed only.
    pub fn new(port: u16, user: &User, qresync: bool) -> Mutt {
        let directory = tempfile::Builder::new().prefix("sterna-mutt-").tempdir().expect("make a directory");
        for name in ["headers", "messages"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        let mutt = Mutt { user: user.clone(), port, qresync, directory };
        std::fs::write(mutt.path("muttrc"), mutt.configuration()).unwrap();
        mutt
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn configuration(&self) -> String {
        let (d, User { login, password }) = (self.directory.path().display(), &self.user);
        let qresync = if self.qresync { "yes" } else { "no" };
        format!(
            "set header_cache={d}/headers/ message_cachedir={d}/messages\nset imap_user=\"{login}\" imap_pass=\"{password}\"\n\
             set imap_authenticators=login ssl_starttls=no ssl_force_tls=no imap_qresync={qresync}\n\
             set mark_old=no wait_key=no quit=yes delete=no move=no confirmappend=no sort=mailbox-order\n\
             set folder=\"imap://127.0.0.1:{}/\" spoolfile=\"+INBOX\" record=\"\" postponed=\"\" mbox=\"\"\n",
            self.port
        )
    }

    /// Opens a mailbox and reads every message in it.
    ///
    /// # Panics
    /// If it could not log in, or did not leave by itself.
    #[track_caller]
    pub fn read(&self, mailbox: &str) -> MuttReport {
        let log = self.path(".muttdebug0");
        // One of an earlier run, if any.
        let _ = std::fs::remove_file(&log);
        let mutt = peer::require("mutt", "mutt");
        let command = format!("{} -n -d 2 -F muttrc -f +{mailbox} -e 'push \"{KEYS}\"'", mutt.display());
        // It reads keys from nothing but a terminal.
        let mut terminal = Command::new(peer::require("script", "bsdutils"));
        terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(self.directory.path());
        terminal.env("HOME", self.directory.path()).env("TERM", "vt100").env("LC_ALL", "C.UTF-8");
        let outcome = run(&mut terminal, b"", Duration::from_secs(120));
        let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
        assert!(outcome.status.success() && text.contains("LOGOUT"), "{outcome:#?}\n{text}");
        parse(&text)
    }
}

fn parse(log: &str) -> MuttReport {
    let mut report = MuttReport::default();
    for line in log.lines().filter_map(|line| Some(line.split_once("< * ")?.1)) {
        report.headers += u64::from(line.contains("FETCH (") && line.contains("BODY[HEADER"));
        report.bodies += u64::from(line.contains("FETCH (") && line.contains("BODY[] {"));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_wire_is_counted() {
        let log = "[2026-11-28 23:00:00] 4> a0005 UID FETCH 1:2 (BODY.PEEK[HEADER.FIELDS (DATE FROM)])\n\
            [2026-11-28 23:00:00] 4< * 1 FETCH (UID 1 FLAGS (\\Seen) BODY[HEADER.FIELDS (DATE FROM)] {20}\n\
            [2026-11-28 23:00:00] 4> a0006 UID FETCH 1 BODY.PEEK[]\n\
            [2026-11-28 23:00:00] 4< * 1 FETCH (UID 1 BODY[] {200}\n[2026-11-28 23:00:00] 4< * 1 FETCH (FLAGS ())\n";
        assert_eq!(parse(log), MuttReport { headers: 1, bodies: 1 });
    }
}
