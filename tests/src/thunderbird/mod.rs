//! The mail client Thunderbird, without a screen, with a profile of its own: driven by Marionette.
//!
//! What it fetched is read from its log of the wire: a cache that did not hold shows there.

mod marionette;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dovecot::User;
use crate::peer;
use crate::ports::Port;
use crate::process::Process;
use marionette::Marionette;

/// The scripts' functions.
const ACCOUNT: &str = include_str!("account.js");

/// How long it may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with what it remembers. It runs from its first use on.
#[derive(Debug)]
pub struct Thunderbird {
    user: User,
    port: u16,
    condstore: bool,
    // It is gone before its profile is removed.
    running: Option<Running>,
    profile: TempDir,
    /// Bytes of the log that were counted.
    read: usize,
}

#[derive(Debug)]
struct Running {
    session: Marionette,
    process: Process,
    _port: Port,
}

/// What it asked for in a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThunderbirdReport {
    /// Messages whose headers came.
    pub headers: u64,
    /// Messages that came whole.
    pub bodies: u64,
}

/// What it has of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whether the message is here whole.
    pub body: bool,
    /// `\seen`, `\answered`, `\flagged` and `\deleted`, as far as they are set.
    pub flags: BTreeSet<String>,
}

impl Thunderbird {
    /// A client that has never been there, for an account on a port of 127.0.0.1. `condstore`: it asks for flags that changed
    /// only, which is not its default.
    pub fn new(port: u16, user: &User, condstore: bool) -> Thunderbird {
        let profile = tempfile::Builder::new().prefix("sterna-thunderbird-").tempdir().expect("make a directory");
        Thunderbird { user: user.clone(), port, condstore, profile, running: None, read: 0 }
    }

    /// Lists the folders, looks into each, fetches all bodies that are not here yet, and stays in INBOX.
    #[track_caller]
    pub fn synchronise(&mut self) {
        self.script("return synchronise();", &[]);
    }

    /// What it knows without asking: by folder (its name on the wire) and UID.
    #[track_caller]
    pub fn known(&mut self) -> BTreeMap<String, BTreeMap<u32, Kept>> {
        let told = self.script("return known();", &[]);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let all = |value: &Value| value.as_array().expect("a list").clone();
        let message = |message: &Value| {
            let flags = all(&message["flags"]).iter().map(text).collect();
            let uid = message["uid"].as_u64().and_then(|uid| u32::try_from(uid).ok()).expect("a UID");
            (uid, Kept { body: message["body"] == true, flags })
        };
        let folder = |folder: &Value| (text(&folder["name"]), all(&folder["messages"]).iter().map(message).collect());
        all(&told).iter().map(folder).collect()
    }

    /// Marks a message as read, and does not wait until the server knows.
    #[track_caller]
    pub fn mark_read(&mut self, folder: &str, uid: u32) {
        self.script("markRead(...arguments);", &[json!(folder), json!(uid)]);
    }

    /// What came since this was asked last.
    pub fn fetched(&mut self) -> ThunderbirdReport {
        let log = self.raw_log();
        let report = parse(&String::from_utf8_lossy(&log[self.read..]));
        self.read = log.len();
        report
    }

    /// What it said and was told, and its own complaints.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.raw_log()).into_owned()
    }

    fn raw_log(&self) -> Vec<u8> {
        std::fs::read(self.path("log")).unwrap_or_default()
    }

    /// Ends it as its user does. The next use starts it anew, with what it remembers.
    #[track_caller]
    pub fn quit(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.session.script("Services.startup.quit(Ci.nsIAppStartup.eAttemptQuit);", &[]);
        let ended = running.process.wait(PATIENCE);
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {}", running.process.log_tail());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.profile.path().join(name)
    }

    #[track_caller]
    fn script(&mut self, script: &str, arguments: &[Value]) -> Value {
        if self.running.is_none() {
            self.running = Some(self.start());
        }
        let running = self.running.as_mut().expect("it was started");
        running.session.script(&format!("{ACCOUNT}\n{script}"), arguments)
    }

    #[track_caller]
    fn start(&self) -> Running {
        let port = Port::free();
        std::fs::write(self.path("user.js"), self.preferences(port.number())).unwrap();
        let mut command = Command::new(peer::require("thunderbird", "thunderbird"));
        command.args(["--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile"]);
        command.arg(self.profile.path()).env("HOME", self.profile.path());
        // Its own log of IMAP, on standard error.
        command.env("MOZ_LOG", "IMAP:5").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        let mut process = Process::spawn(&mut command, &self.path("log"));
        process.wait_for_port(port.number(), PATIENCE);
        let mut session = Marionette::connect(port.number());
        // As after its user has typed it.
        session.script(&format!("{ACCOUNT}\nserver.password = arguments[0];"), &[json!(self.user.password)]);
        Running { session, process, _port: port }
    }

    /// An account, no questions at the start, and nothing that would leave this machine.
    fn preferences(&self, marionette: u16) -> String {
        let of_server = |name: &str| format!("mail.server.server1.{name}");
        let preferences = [
            ("mail.accountmanager.accounts".to_owned(), json!("account1")),
            ("mail.account.account1.server".to_owned(), json!("server1")),
            ("mail.account.account1.identities".to_owned(), json!("id1")),
            ("mail.identity.id1.useremail".to_owned(), json!(self.user.login)),
            ("mail.identity.id1.valid".to_owned(), json!(true)),
            (of_server("type"), json!("imap")),
            (of_server("hostname"), json!("127.0.0.1")),
            (of_server("port"), json!(self.port)),
            (of_server("userName"), json!(self.user.login)),
            (of_server("name"), json!(self.user.login)),
            // A password in the clear, over a connection without TLS.
            (of_server("authMethod"), json!(3)),
            (of_server("socketType"), json!(0)),
            // The tests say when.
            (of_server("login_at_startup"), json!(false)),
            (of_server("check_new_mail"), json!(false)),
            (of_server("use_condstore"), json!(self.condstore)),
            (of_server("autosync_offline_stores"), json!(false)),
            (of_server("offline_download"), json!(true)),
            ("marionette.port".to_owned(), json!(marionette)),
            // A glance at a new message, to show it beside the screen's clock.
            ("mail.biff.show_alert".to_owned(), json!(false)),
            ("mail.provider.suppress_dialog_on_startup".to_owned(), json!(true)),
            ("mail.shell.checkDefaultClient".to_owned(), json!(false)),
            ("mailnews.start_page.enabled".to_owned(), json!(false)),
            ("app.donation.eoy.version.viewed".to_owned(), json!(999)),
            ("app.update.enabled".to_owned(), json!(false)),
            ("datareporting.policy.dataSubmissionEnabled".to_owned(), json!(false)),
            ("extensions.getAddons.cache.enabled".to_owned(), json!(false)),
            ("extensions.update.enabled".to_owned(), json!(false)),
            ("network.captive-portal-service.enabled".to_owned(), json!(false)),
            ("network.connectivity-service.enabled".to_owned(), json!(false)),
            // A machine without a network is not offline: loopback is all that this takes.
            ("network.manage-offline-status".to_owned(), json!(false)),
            ("offline.autoDetect".to_owned(), json!(false)),
            ("services.settings.server".to_owned(), json!("data:,")),
        ];
        preferences.iter().map(|(name, value)| format!("user_pref(\"{name}\", {value});\n")).collect()
    }
}

impl Drop for Thunderbird {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- end of the log of Thunderbird\n{}", lines[lines.len().saturating_sub(100)..].join("\n"));
        }
    }
}

/// Counts the answers with headers and with whole messages.
fn parse(log: &str) -> ThunderbirdReport {
    let mut report = ThunderbirdReport::default();
    for line in log.lines().filter_map(|line| Some(line.split_once("CreateNewLineFromSocket: * ")?.1)) {
        report.headers += u64::from(line.contains(" FETCH (") && line.contains("BODY[HEADER"));
        report.bodies += u64::from(line.contains(" FETCH (") && line.contains("BODY[] {"));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_wire_is_counted() {
        let log = "[Parent 1: IMAP]: I/IMAP 7f:127.0.0.1:S-INBOX:SendData: 20 UID fetch 1:2 (UID BODY.PEEK[HEADER.FIELDS (From)])\n\
            [Parent 1: IMAP]: I/IMAP 7f:127.0.0.1:S-INBOX:CreateNewLineFromSocket: * 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)] {9}\n\
            [Parent 1: IMAP]: I/IMAP 7f:127.0.0.1:S-INBOX:CreateNewLineFromSocket: From: a\n\
            [Parent 1: IMAP]: I/IMAP 7f:127.0.0.1:S-INBOX:CreateNewLineFromSocket: * 1 FETCH (UID 1 BODY[] {20}\n\
            [Parent 1: IMAP]: I/IMAP 7f:127.0.0.1:S-INBOX:CreateNewLineFromSocket: * 1 FETCH (UID 1 FLAGS ())\n";
        assert_eq!(parse(log), ThunderbirdReport { headers: 1, bodies: 1 });
    }
}
