//! The mail client mbsync (Debian's `isync`) with a configuration and a state directory of its own.
//!
//! What it transferred is counted where it cannot be glossed over: the commands that it sent to the server (its own
//! network log) and the files that it made or removed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dovecot::User;
use crate::maildir::MaildirTree;
use crate::peer;
use crate::process::{Outcome, run};

/// What the client synchronises.
#[derive(Clone, Debug)]
pub struct MbsyncOptions {
    /// `Sync`: `Pull`, `Push`, `All`.
    pub sync: &'static str,
    /// `Create`, `Remove` and `Expunge`: `None`, `Near`, `Far`, `Both`.
    pub both_ways: &'static str,
    /// `Patterns`.
    pub patterns: String,
}

impl Default for MbsyncOptions {
    fn default() -> Self {
        MbsyncOptions { sync: "All", both_ways: "Both", patterns: "*".to_owned() }
    }
}

/// A client with its local mail and its memory of the last synchronisation.
#[derive(Debug)]
pub struct Mbsync {
    user: User,
    port: u16,
    options: MbsyncOptions,
    directory: TempDir,
}

/// What one run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MbsyncReport {
    /// Message bodies asked from the server.
    pub fetched: u64,
    /// The bytes of those bodies.
    pub fetched_bytes: u64,
    /// Messages put onto the server (`APPEND`).
    pub pushed: u64,
    /// Changes of flags sent to the server (`UID STORE`).
    pub stored: u64,
    /// Local messages that came.
    pub near_added: u64,
    /// Local messages that went.
    pub near_removed: u64,
    /// Local messages whose flags changed.
    pub near_changed: u64,
    /// Everything that it complained about, UIDVALIDITY included.
    pub errors: Vec<String>,
    /// Whether it ended with success.
    pub success: bool,
}

impl MbsyncReport {
    /// Whether the run succeeded and moved nothing in either direction.
    pub fn nothing_happened(&self) -> bool {
        *self == MbsyncReport { success: true, ..MbsyncReport::default() }
    }
}

impl Mbsync {
    /// A client that has never synchronised, for an account on a port of 127.0.0.1.
    pub fn new(port: u16, user: &User, options: MbsyncOptions) -> Mbsync {
        peer::require("mbsync", "isync");
        let directory = tempfile::Builder::new().prefix("sterna-mbsync-").tempdir().expect("make a directory");
        for name in ["mail", "state"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        Mbsync { user: user.clone(), port, options, directory }
    }

    /// Points the same configuration at another port: what changing the address behind a host name does.
    pub fn point_at(&mut self, port: u16) {
        self.port = port;
    }

    /// Where the local mail lies.
    pub fn mail(&self) -> PathBuf {
        self.directory.path().join("mail")
    }

    /// Synchronises everything once and counts what happened.
    #[track_caller]
    pub fn run(&self) -> MbsyncReport {
        let before = MaildirTree::read(&self.mail());
        let outcome = self.run_raw(&["-Dn"]);
        let (near_added, near_removed, near_changed) = before.changes(&MaildirTree::read(&self.mail()));
        let mut report = MbsyncReport { near_added, near_removed, near_changed, ..parse(&outcome.stdout) };
        report.errors.extend(complaints(&outcome.stderr));
        report.success = outcome.status.success();
        report
    }

    /// Synchronises without counting, with further options: for measurements.
    #[track_caller]
    pub fn run_raw(&self, options: &[&str]) -> Outcome {
        let file = self.directory.path().join("mbsyncrc");
        std::fs::write(&file, self.configuration()).unwrap();
        let mut command = Command::new(peer::require("mbsync", "isync"));
        command.arg("-c").arg(file).args(options).arg("-a").env("HOME", self.directory.path());
        run(&mut command, b"", Duration::from_secs(900))
    }

    fn configuration(&self) -> String {
        let d = self.directory.path().display();
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        format!(
            "IMAPStore far\nHost 127.0.0.1\nPort {}\nUser {}\nPass {}\nSSLType None\nAuthMechs LOGIN\nTimeout 300\n\n\
             MaildirStore near\nPath {d}/mail/\nInbox {d}/mail/INBOX\nSubFolders Verbatim\n\n\
             Channel account\nFar :far:\nNear :near:\nPatterns {}\nSync {}\nCreate {c}\nRemove {c}\nExpunge {c}\n\
             CopyArrivalDate yes\nSyncState {d}/state/\n",
            self.port,
            quoted(&self.user.login),
            quoted(&self.user.password),
            self.options.patterns,
            self.options.sync,
            c = self.options.both_ways,
        )
    }

    /// The directory of the client, to keep aside or look into.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Counts commands in the network log; commands start with `>>> TAG `, possibly after a remark in parentheses.
fn parse(log: &str) -> MbsyncReport {
    let mut report = MbsyncReport::default();
    for line in log.lines() {
        if let Some((_, sent)) = line.split_once(">>> ") {
            let command = sent.split_once(' ').map_or("", |(_, c)| c);
            report.fetched += u64::from(command.starts_with("UID FETCH ") && command.contains("BODY.PEEK[]"));
            report.pushed += u64::from(command.starts_with("APPEND "));
            report.stored += u64::from(command.starts_with("UID STORE "));
        } else if line.starts_with("* ") && line.contains(" FETCH (") && line.ends_with('}') {
            let length = line.rsplit_once("BODY[] {").and_then(|(_, n)| n.trim_end_matches('}').parse::<u64>().ok());
            report.fetched_bytes += length.unwrap_or(0);
        }
        report.errors.extend(complaints(line));
    }
    report
}

fn complaints(text: &str) -> Vec<String> {
    // The server's own lines speak of UIDVALIDITY too; a complaint is a line of the client.
    let complaint = |line: &&str| {
        let own = !line.starts_with("* ") && !line.contains(">>> ");
        own && (line.starts_with("Error:") || line.contains("UIDVALIDITY change") || line.contains("Unable to recover"))
    };
    text.lines().filter(complaint).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_log_is_counted() {
        let log = ">>> 5 UID FETCH 1:7 (UID FLAGS)\n* 1 FETCH (UID 1 FLAGS ())\n>>> 6 UID FETCH 6 (BODY.PEEK[])\n\
                   (1 in progress) >>> 7 UID FETCH 7 (BODY.PEEK[])\n* 5 FETCH (UID 6 BODY[] {21}\n)\n\
                   * 6 FETCH (UID 7 BODY[] {20}\n)\n>>> 8 UID STORE 3 +FLAGS.SILENT (\\Seen)\n>>> 9 APPEND \"INBOX\" {9}\n\
                   Error: channel c, far side box INBOX: Unable to recover from UIDVALIDITY change.\n";
        let report = parse(log);
        assert_eq!((report.fetched, report.fetched_bytes, report.pushed, report.stored), (2, 41, 1, 1));
        assert_eq!(report.errors.len(), 1);
    }
}
