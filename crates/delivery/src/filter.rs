//! A user's Sieve script over one message: what it may ask of its account, and its decisions brought into the order in which
//! they are carried out.
//!
//! The script runs over a snapshot of the account and changes nothing. Blocking.

use std::cell::OnceCell;
use std::sync::Arc;

use sterna_core::{Flag, Flags, Keyword, Role, SystemFlags};
use sterna_sieve::{Action, Compiled, Host, HostError, Limits, Location, Message, Remember, RunError};
use sterna_store::{MailboxTree, Result, Tx};

use crate::place;

/// Versions of one message, by edited headers, that are stored at most; each is a body of its own.
const MAX_VERSIONS: usize = 8;

/// Where a message is filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nowhere else: INBOX, or the mailbox for junk.
    Kept,
    Mailbox {
        name: String,
        special_use: Option<Role>,
        create: bool,
    },
}

/// One copy of the message in the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filing {
    pub target: Target,
    pub flags: Flags,
    /// Which of [`Decision::versions`].
    pub version: usize,
}

/// An automatic message, sent when its account remembers that it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub to: Vec<String>,
    pub message: Vec<u8>,
    pub remember: Option<Remember>,
}

/// Everything that is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub filings: Vec<Filing>,
    /// The headers under which the message is filed; `None`: its own.
    pub versions: Vec<Option<Arc<[u8]>>>,
    /// Where in the mail's body that begins which follows such a header.
    pub body_at: u64,
    pub redirects: Vec<(String, Option<Arc<[u8]>>)>,
    pub replies: Vec<Reply>,
    pub remember: Vec<Remember>,
    /// The sender is told this.
    pub reject: Option<String>,
    /// What is wrong with the script; the message is kept.
    pub broken: Option<String>,
}

impl Decision {
    /// What is done without a script, or with one that cannot be used.
    pub fn keep(broken: Option<String>) -> Decision {
        let filing = Filing { target: Target::Kept, flags: Flags::default(), version: 0 };
        Decision { filings: vec![filing], versions: vec![None], broken, ..Decision::default() }
    }

    fn new(actions: Vec<Action>) -> Decision {
        let mut decision = Decision::default();
        for action in actions {
            match action {
                Action::Keep { flags, header } => decision.file(Target::Kept, &flags, header),
                Action::FileInto { mailbox, special_use, create, flags, header } => {
                    decision.file(Target::Mailbox { name: mailbox, special_use, create }, &flags, header);
                }
                Action::Redirect { to, header } => {
                    if !decision.redirects.iter().any(|(known, _)| *known == to) {
                        decision.redirects.push((to, header));
                    }
                }
                Action::Reject { text, extended: _ } => decision.reject = Some(text),
                Action::Vacation { to, message, remember } => {
                    decision.replies.push(Reply { to: vec![to], message, remember: Some(remember) });
                }
                Action::Notify { to, message } => decision.replies.push(Reply { to, message, remember: None }),
                Action::Remember(remember) => decision.remember.push(remember),
            }
        }
        decision
    }

    fn file(&mut self, target: Target, flags: &[String], header: Option<Arc<[u8]>>) {
        let known = self.versions.iter().position(|version| *version == header);
        let version = known.unwrap_or_else(|| {
            if self.versions.len() < MAX_VERSIONS {
                self.versions.push(header);
            }
            self.versions.len() - 1
        });
        let flags: Flags = flags.iter().filter_map(|flag| flag_named(flag)).collect();
        // RFC 5228 §2.10.3: one mailbox gets one copy.
        match self.filings.iter_mut().find(|filing| filing.target == target) {
            Some(known) => merge(&mut known.flags, &flags),
            None => self.filings.push(Filing { target, flags, version }),
        }
    }

    /// Redirects to the account itself would come back: the message is kept instead.
    pub fn keep_own(&mut self, is_own: impl Fn(&str) -> bool) {
        let redirects = std::mem::take(&mut self.redirects);
        for (to, header) in redirects {
            match is_own(&to) {
                true => self.file(Target::Kept, &[], header),
                false => self.redirects.push((to, header)),
            }
        }
    }
}

fn flag_named(name: &str) -> Option<Flag> {
    match SystemFlags::from_name(name) {
        Some(flag) => Some(Flag::System(flag)),
        None => Keyword::new(name).map(Flag::Keyword),
    }
}

/// Adds the flags of `more`.
pub(crate) fn merge(flags: &mut Flags, more: &Flags) {
    flags.system = flags.system.union(more.system);
    more.keywords().cloned().map(Flag::Keyword).for_each(|keyword| flags.insert(keyword));
}

/// Runs the script. What is wrong with the script is part of the decision; an error is the store's.
pub(crate) fn decide(tx: &Tx<'_>, script: &str, message: &Message<'_>, limits: &Limits) -> Result<Decision> {
    let compiled = match sterna_sieve::compile(script, limits) {
        Ok(compiled) => compiled,
        Err(error) => return Ok(Decision::keep(Some(error.to_string()))),
    };
    let host = AccountHost { tx, limits, tree: OnceCell::new() };
    match sterna_sieve::run(&compiled, message, &host, limits) {
        Ok(actions) => Ok(Decision::new(actions)),
        Err(RunError::Host(error)) => Err(match error.downcast::<sterna_store::Error>() {
            Ok(error) => *error,
            Err(error) => sterna_store::Error::Internal(error.to_string()),
        }),
        Err(error) => Ok(Decision::keep(Some(error.to_string()))),
    }
}

/// The account as its script sees it.
struct AccountHost<'t, 'c> {
    tx: &'t Tx<'c>,
    limits: &'t Limits,
    /// Read when the script asks first.
    tree: OnceCell<(MailboxTree, String)>,
}

impl AccountHost<'_, '_> {
    fn tree(&self) -> Result<&(MailboxTree, String)> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = place::tree(self.tx)?;
        Ok(self.tree.get_or_init(|| tree))
    }
}

impl Host for AccountHost<'_, '_> {
    fn mailbox_exists(&self, name: &str) -> Result<bool, HostError> {
        let (tree, prefix) = self.tree()?;
        Ok(place::find(tree, prefix, name).is_some_and(|mailbox| mailbox.selectable))
    }

    fn special_use_exists(&self, mailbox: Option<&str>, role: Role) -> Result<bool, HostError> {
        let (tree, prefix) = self.tree()?;
        Ok(match mailbox {
            Some(name) => place::find(tree, prefix, name).is_some_and(|found| found.role == Some(role)),
            None => place::with_role(tree, role).is_some(),
        })
    }

    fn remembered(&self, kind: &str, key: &[u8]) -> Result<bool, HostError> {
        Ok(self.tx.remembered(kind, key)?)
    }

    fn include(&self, location: Location, name: &str) -> Result<Option<Compiled>, HostError> {
        // The provider has none yet.
        if location == Location::Global {
            return Ok(None);
        }
        let Some(text) = self.tx.sieve_script(name)? else { return Ok(None) };
        // One that is broken is as good as none: the script that includes it fails, and its user is told.
        Ok(sterna_sieve::compile(&text, self.limits).ok())
    }
}
