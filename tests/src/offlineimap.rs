//! The mail client OfflineIMAP (Debian's `offlineimap3`) with a configuration and a state of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dovecot::User;
use crate::maildir::MaildirTree;
use crate::peer;
use crate::process::{Outcome, run};

/// A client with its local mail and its memory of the last synchronisation.
#[derive(Debug)]
pub struct OfflineImap {
    user: User,
    port: u16,
    directory: TempDir,
}

/// What one run did, from its own account of it and from the files it left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfflineImapReport {
    /// Messages copied, in either direction.
    pub copied: u64,
    /// Messages deleted on either side.
    pub deleted: u64,
    /// Messages whose flags were changed on either side.
    pub flags: u64,
    /// Local messages that came.
    pub near_added: u64,
    /// Local messages that went.
    pub near_removed: u64,
    /// Everything that it complained about, UIDVALIDITY included.
    pub errors: Vec<String>,
    /// Whether it ended with success (a folder skipped for its UIDVALIDITY is a success to it: see `errors`).
    pub success: bool,
}

impl OfflineImapReport {
    /// Whether the run succeeded and moved nothing in either direction.
    pub fn nothing_happened(&self) -> bool {
        *self == OfflineImapReport { success: true, ..OfflineImapReport::default() }
    }
}

impl OfflineImap {
    /// A client that has never synchronised, for an account on a port of 127.0.0.1.
    pub fn new(port: u16, user: &User) -> OfflineImap {
        peer::require("offlineimap", "offlineimap3");
        let directory = tempfile::Builder::new().prefix("sterna-offlineimap-").tempdir().expect("make a directory");
        OfflineImap { user: user.clone(), port, directory }
    }

    /// Points the same configuration at another port.
    pub fn point_at(&mut self, port: u16) {
        self.port = port;
    }

    /// Where the local mail lies.
    pub fn mail(&self) -> PathBuf {
        self.directory.path().join("mail")
    }

    /// Synchronises once and counts what happened.
    #[track_caller]
    pub fn run(&self) -> OfflineImapReport {
        let before = MaildirTree::read(&self.mail());
        let outcome = self.run_raw();
        // A flag change renames the file but keeps the part before the colon, so additions are true additions.
        let (near_added, near_removed, _) = before.changes(&MaildirTree::read(&self.mail()));
        let mut report = parse(&format!("{}\n{}", outcome.stdout, outcome.stderr));
        report.near_added = near_added;
        report.near_removed = near_removed;
        report.success = outcome.status.success();
        report
    }

    fn run_raw(&self) -> Outcome {
        let d = self.directory.path();
        let file = d.join("offlineimaprc");
        std::fs::write(&file, self.configuration()).unwrap();
        let mut command = Command::new(peer::require("offlineimap", "offlineimap3"));
        command.arg("-c").arg(file).args(["-o", "-u", "basic"]).env("HOME", d);
        run(&mut command, b"", Duration::from_secs(600))
    }

    fn configuration(&self) -> String {
        let d = self.directory.path().display();
        // ConfigParser interpolates `%`.
        let (login, password) = (self.user.login.replace('%', "%%"), self.user.password.replace('%', "%%"));
        format!(
            "[general]\naccounts = account\nmetadata = {d}/state\nui = basic\nsocktimeout = 120\n\n\
             [Account account]\nlocalrepository = near\nremoterepository = far\n\n\
             [Repository near]\ntype = Maildir\nlocalfolders = {d}/mail\n\n\
             [Repository far]\ntype = IMAP\nremotehost = 127.0.0.1\nremoteport = {}\nremoteuser = {login}\n\
             remotepass = {password}\nssl = no\nstarttls = no\nauth_mechanisms = LOGIN\nmaxconnections = 1\n",
            self.port,
        )
    }
}

fn parse(log: &str) -> OfflineImapReport {
    let mut report = OfflineImapReport::default();
    for line in log.lines() {
        let after = |prefix: &str| line.strip_prefix(prefix);
        let count = |rest: &str| rest.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(1);
        if after("Copy message UID").is_some() {
            report.copied += 1;
        } else if let Some(rest) = after("Deleting ") {
            // "Deleting flag …" names a flag of some messages, "Deleting 3 messages …" messages.
            match rest.starts_with("flag") {
                true => report.flags += 1,
                false => report.deleted += count(rest),
            }
        } else if after("Adding flag").is_some() {
            report.flags += 1;
        } else if line.starts_with("ERROR") || line.contains("UID validity problem") || line.starts_with("WARNING") {
            report.errors.push(line.to_owned());
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_account_of_a_run_is_counted() {
        let log = "Copy message UID 10 (1/2) r:INBOX -> l:INBOX\nDeleting 3 messages (4) in Maildir[INBOX]\n\
                   Adding flag F to 1 messages (1) in IMAP[INBOX]\n\
                   UID validity problem for folder INBOX (repo r) (saved 1; got 77); skipping it.\n";
        let report = parse(log);
        assert_eq!((report.copied, report.deleted, report.flags, report.errors.len()), (1, 3, 1, 1));
    }
}
