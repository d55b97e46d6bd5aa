//! Scripts against the rules of their RFCs, a file for each group of extensions.

mod base;
mod compare;
mod edit;
mod hostile;
mod include;
mod mailboxes;
mod notification;
mod reply;
mod variables;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use sterna_core::Role;

use crate::{Action, Compiled, Host, HostError, Limits, Location, Message, RunError, compile, run};

/// A message like any other.
pub(super) const MAIL: &str = "Return-Path: <bob@example.net>\r\n\
    Received: from mx.example.net by mx.example.org; Sun, 22 Nov 2026 10:00:00 +0000\r\n\
    From: Bob Martin <bob@example.net>\r\n\
    To: Anne <anne@example.org>\r\n\
    Cc: team@example.org, carl@example.com\r\n\
    Subject: =?utf-8?Q?Caf=C3=A9?= at noon\r\n\
    Date: Sun, 22 Nov 2026 23:30:00 -0500\r\n\
    Message-ID: <1@example.net>\r\n\
    X-Spam-Score: 7\r\n\
    \r\n\
    Shall we meet?\r\n";

/// An account that stands still.
#[derive(Default)]
pub(super) struct Account {
    pub mailboxes: HashMap<&'static str, Option<Role>>,
    pub scripts: HashMap<&'static str, String>,
    pub memory: RefCell<HashSet<Vec<u8>>>,
    pub asked: RefCell<Vec<String>>,
}

impl Host for Account {
    fn mailbox_exists(&self, name: &str) -> Result<bool, HostError> {
        if name == "broken" {
            return Err("the store is away".into());
        }
        Ok(self.mailboxes.contains_key(name))
    }

    fn special_use_exists(&self, mailbox: Option<&str>, role: Role) -> Result<bool, HostError> {
        Ok(self.mailboxes.iter().any(|(name, has)| *has == Some(role) && mailbox.is_none_or(|m| m == *name)))
    }

    fn remembered(&self, kind: &str, key: &[u8]) -> Result<bool, HostError> {
        assert!(matches!(kind, "vacation" | "duplicate"));
        Ok(self.memory.borrow().contains(key))
    }

    fn include(&self, location: Location, name: &str) -> Result<Option<Compiled>, HostError> {
        self.asked.borrow_mut().push(format!("{location:?} {name}"));
        Ok(match (location, self.scripts.get(name)) {
            (Location::Personal, Some(script)) => Some(compile(script, &Limits::default())?),
            _ => None,
        })
    }
}

/// Runs a script over a message of bob@example.net to anne+lists@example.org.
pub(super) fn run_on(script: &str, mail: &str, account: &Account) -> Result<Vec<Action>, RunError> {
    run_from(script, mail, "bob@example.net", account)
}

/// Runs what is compiled already.
pub(super) fn run_compiled(
    compiled: &Compiled,
    mail: &str,
    limits: &Limits,
    account: &Account,
) -> Result<Vec<Action>, RunError> {
    run_message(compiled, mail, "bob@example.net", limits, account)
}

/// [`run_on`] from another envelope sender.
pub(super) fn run_from(script: &str, mail: &str, sender: &str, account: &Account) -> Result<Vec<Action>, RunError> {
    let limits = Limits::default();
    let compiled = compile(script, &limits).unwrap_or_else(|e| panic!("{script}: {e}"));
    run_message(&compiled, mail, sender, &limits, account)
}

fn run_message(
    compiled: &Compiled,
    mail: &str,
    sender: &str,
    limits: &Limits,
    account: &Account,
) -> Result<Vec<Action>, RunError> {
    let identities = ["anne@example.org".to_owned(), "sales@example.org".to_owned()];
    let message = Message {
        bytes: mail.as_bytes(),
        size: mail.len() as u64,
        sender,
        recipient: "anne+lists@example.org",
        identities: &identities,
        full_name: Some("Anne Martin"),
        hostname: "mx.example.org",
        environment: &[("remote-ip", "192.0.2.1".to_owned()), ("vnd.sterna.external", "yes".to_owned())],
        may_reply: true,
        now: 1_795_345_200,
    };
    run(compiled, &message, account, limits)
}

/// Actions in short: `keep`, `file X`, `redirect X`, `reject X`, with flags in brackets and `*` if the header is edited.
pub(super) fn done(script: &str) -> Vec<String> {
    short(&run_on(script, MAIL, &Account::default()).unwrap_or_else(|e| panic!("{script}: {e}")))
}

/// [`done`] of actions.
pub(super) fn short(actions: &[Action]) -> Vec<String> {
    let flags = |flags: &[String], edited: bool| {
        let flags = if flags.is_empty() { String::new() } else { format!(" [{}]", flags.join(" ")) };
        if edited { flags + " *" } else { flags }
    };
    let one = |action: &Action| match action {
        Action::Keep { flags: f, header } => format!("keep{}", flags(f, header.is_some())),
        Action::FileInto { mailbox, special_use, create, flags: f, header } => {
            let role = special_use.map(|r| format!(" as {r}")).unwrap_or_default();
            let create = if *create { " create" } else { "" };
            format!("file {mailbox}{role}{create}{}", flags(f, header.is_some()))
        }
        Action::Redirect { to, header } => format!("redirect {to}{}", flags(&[], header.is_some())),
        Action::Reject { text, extended } => format!("{}reject {text}", if *extended { "e" } else { "" }),
        Action::Vacation { to, .. } => format!("reply {to}"),
        Action::Notify { to, .. } => format!("notify {}", to.join(" ")),
        Action::Remember(remember) => format!("remember {}", remember.seconds),
    };
    actions.iter().map(one).collect()
}

/// Whether a test holds for [`MAIL`].
pub(super) fn holds(require: &str, test: &str) -> bool {
    let require = if require.is_empty() { String::new() } else { format!("require [{require}];") };
    match done(&format!("{require} if {test} {{ keep; }} else {{ discard; }}")).as_slice() {
        [keep] if keep == "keep" => true,
        [] => false,
        other => panic!("{test}: {other:?}"),
    }
}
