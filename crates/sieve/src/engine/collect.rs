//! What a run decides, as it is gathered: each thing once, no more than the limits allow, nothing that excludes another.

use std::sync::Arc;

use sterna_core::Role;

use crate::{Action, Limits, Remember, RunError};

/// Flags of one message.
const FLAGS: usize = 64;

/// The actions so far.
#[derive(Default)]
pub(super) struct Collect {
    actions: Vec<Action>,
    redirects: usize,
    notifications: usize,
    vacation: bool,
    discarded: bool,
}

impl Collect {
    /// Adds one, unless it is there already (RFC 5228 §2.10.3).
    pub fn add(&mut self, action: Action, limits: &Limits) -> Result<(), RunError> {
        let twice = self.actions.iter().any(|there| match (there, &action) {
            (Action::Keep { .. }, Action::Keep { .. }) => true,
            (
                Action::FileInto { mailbox: a, special_use: b, .. },
                Action::FileInto { mailbox: c, special_use: d, .. },
            ) => a == c && b == d,
            (Action::Redirect { to: a, .. }, Action::Redirect { to: b, .. }) => a.eq_ignore_ascii_case(b),
            (Action::Remember(a), Action::Remember(b)) => a.key == b.key,
            _ => false,
        });
        if twice {
            return Ok(());
        }
        match &action {
            Action::Redirect { .. } => {
                self.redirects += 1;
                within(self.redirects, limits.redirects, "redirected messages")?;
            }
            Action::Notify { .. } => {
                self.notifications += 1;
                within(self.notifications, limits.notifications, "notifications")?;
            }
            _ => {}
        }
        within(self.actions.len() + 1, limits.actions, "actions")?;
        self.actions.push(action);
        Ok(())
    }

    /// RFC 5230 §4.7: a second `vacation` is an error, whether the first one answered or not.
    pub fn vacation(&mut self) -> Result<(), RunError> {
        match std::mem::replace(&mut self.vacation, true) {
            true => Err(RunError::Script("\"vacation\" is done twice".to_owned())),
            false => Ok(()),
        }
    }

    /// The implicit keep was cancelled by `discard`.
    pub fn discard(&mut self) {
        self.discarded = true;
    }

    /// All of them. RFC 5429 §2.3: a message that is refused is neither delivered nor answered.
    pub fn finish(self) -> Result<Vec<Action>, RunError> {
        if !self.discarded && self.actions.iter().all(|a| matches!(a, Action::Remember(_))) {
            // A script that says nothing keeps its message: the evaluator gave up without a word.
            return Err(RunError::Evaluator);
        }
        let rejects = self.actions.iter().filter(|a| matches!(a, Action::Reject { .. })).count();
        let others = self.actions.iter().filter(|a| !matches!(a, Action::Reject { .. } | Action::Remember(_))).count();
        if rejects > 1 || (rejects == 1 && (others > 0 || self.vacation)) {
            return Err(RunError::Script("a message cannot be refused and delivered or answered too".to_owned()));
        }
        Ok(self.actions)
    }
}

fn within(count: usize, limit: usize, what: &'static str) -> Result<(), RunError> {
    if count > limit { Err(RunError::Limit(what)) } else { Ok(()) }
}

/// Where a message is filed.
pub(super) fn file(
    mailbox: String,
    special_use: Option<String>,
    create: bool,
    flags: Vec<String>,
    header: Option<Arc<[u8]>>,
) -> Result<Action, RunError> {
    let flags = clean(&flags);
    let special_use = special_use.and_then(|role| Role::from_imap_attribute(&role));
    if mailbox.trim().is_empty() || mailbox.len() > 1000 || mailbox.chars().any(char::is_control) {
        return Err(RunError::Script("the name of a mailbox is not valid".to_owned()));
    }
    if mailbox.eq_ignore_ascii_case("INBOX") && special_use.is_none() {
        return Ok(Action::Keep { flags, header });
    }
    Ok(Action::FileInto { mailbox, special_use, create, flags, header })
}

/// RFC 5232 §2: words that are no flags are left out, each flag stands once.
pub(super) fn clean(flags: &[String]) -> Vec<String> {
    const SYSTEM: [&str; 5] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];
    let mut clean: Vec<String> = Vec::new();
    for flag in flags.iter().flat_map(|f| f.split_ascii_whitespace()) {
        let known = SYSTEM.iter().find(|s| s.eq_ignore_ascii_case(flag)).map(|s| (*s).to_owned());
        let atom = |c: char| c.is_ascii_graphic() && !"(){%*\"\\]".contains(c);
        let keyword = (flag.len() <= 100 && flag.chars().all(atom)).then(|| flag.to_owned());
        if let Some(flag) = known.or(keyword)
            && !clean.iter().any(|f| f.eq_ignore_ascii_case(&flag))
            && clean.len() < FLAGS
        {
            clean.push(flag);
        }
    }
    clean
}

/// The memory of a `duplicate` test.
pub(super) fn duplicate(id: &str, seconds: u64, renew: bool) -> Remember {
    const LONGEST: u64 = 366 * 86_400;
    let key = blake3::hash(id.as_bytes()).as_bytes().to_vec();
    Remember { kind: "duplicate", key, seconds: seconds.min(LONGEST), renew }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_imap_does_not_know_are_no_flags() {
        let flags = ["\\seen $Work  \\Recent".to_owned(), "\\SEEN".to_owned(), "a(b".to_owned(), "é".to_owned()];
        assert_eq!(clean(&flags), ["\\Seen", "$Work"]);
    }
}
