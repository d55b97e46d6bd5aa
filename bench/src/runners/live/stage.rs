//! An old platform and Sterna in front of it, with the commands that an operator gives: the one place that knows them.

use std::time::{Duration, Instant};

use sterna_tests::{Dovecot, SternaConfig, SternaServer, User};

/// A cutover may try as often as it takes within this time.
const CUTOVER: Duration = Duration::from_secs(120);

/// Sterna, with everything of `example.org` on a platform.
pub struct Stage {
    /// The front door.
    pub sterna: SternaServer,
    imap: String,
    pop3: Option<String>,
}

impl Stage {
    /// Starts Sterna in front of a server; `pop3`: it has mailboxes that are read by POP3, too.
    pub fn start(old: &Dovecot, pop3: bool, config: &SternaConfig) -> Stage {
        // Said in so many words: a measurement does not depend on where the tests keep their mail.
        let extra = format!("\n[store]\nengine = \"sqlite\"\n{}", config.extra);
        let sterna = SternaServer::with(&SternaConfig { extra, ..config.clone() });
        let imap = format!("imap://127.0.0.1:{}?tls=none", old.port());
        sterna.cli(&["platform", "add", "old", "--imap", &imap, "--learn"], "").success();
        let pop3 = pop3.then(|| format!("pop3://127.0.0.1:{}?tls=none", old.pop3_port()));
        if let Some(url) = &pop3 {
            sterna.cli(&["platform", "set", "old", "--pop3", url], "").success();
        }
        sterna.cli(&["domain", "add", "example.org", "--platform", "old"], "").success();
        Stage { sterna, imap, pop3 }
    }

    /// An account whose mailbox is on the platform, which knows its password; Sterna learns it with the first login.
    pub fn account(&self, user: &User) {
        self.sterna.cli(&["account", "add", &user.login], "").success();
    }

    /// Copies a mailbox for the first time; it stays where it is.
    pub fn seed(&self, user: &User) {
        let login = user.login.as_str();
        let mut arguments =
            vec!["move", "start", login, "--from", &self.imap, "--user", login, "--password-stdin", "--wait"];
        if let Some(url) = &self.pop3 {
            arguments.extend(["--pop3", url]);
        }
        self.sterna.cli(&arguments, &format!("{}\n", user.password)).success();
    }

    /// Moves a mailbox that was copied, under the sessions of its user; returns when it is here.
    pub fn cut_over(&self, user: &User) {
        self.sterna.cli(&["move", "cutover", &user.login, "--wait"], "").success();
        let deadline = Instant::now() + CUTOVER;
        while self.place(user) != "local" {
            assert!(Instant::now() < deadline, "{} is still on its platform: {}", user.login, self.sterna.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn place(&self, user: &User) -> String {
        let account = self.sterna.json(&["account", "show", &user.login], "");
        account["place"].as_str().unwrap_or_default().to_owned()
    }

    /// The move's receipt.
    pub fn receipt(&self, user: &User) -> serde_json::Value {
        self.sterna.json(&["move", "receipt", &user.login], "")
    }
}
