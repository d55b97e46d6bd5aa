//! STORE and UID STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).
//!
//! One write changes all flags. Then the messages named are told their flags; what others changed meanwhile is told by
//! the synchronisation behind the command, from which a silent STORE hides nothing but its own doing.

use std::collections::HashMap;

use sterna_core::{Flag, Flags, Keyword, SystemFlags, Uid};
use sterna_store::{Error, FlagChange, FlagsChanged, IndexEntry, MailboxIndex, StoredFlags};

use super::fetch::{FlagNames, enable_condstore, know_keysets, wanted};
use super::problem::{Problem, Reply, ReplyCode};
use super::session::Session;
use crate::codec::command::Addressing;
use crate::codec::command::store::{Store, StoreAction};
use crate::codec::sequence::NumberSet;
use crate::codec::write::fetch::FetchLine;
use crate::codec::write::status::names;

/// Keywords that one STORE may name.
const KEYWORDS_MAX: usize = 100;

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, command: Store) -> Result<Reply, Problem> {
    let selected = session.selected()?;
    if selected.read_only {
        return Err(Problem::no_code(names::NOPERM, "The mailbox is open read-only"));
    }
    if command.flags.keywords().count() > KEYWORDS_MAX {
        return Err(Problem::no_code(names::LIMIT, "At most 100 keywords at once"));
    }
    if command.unchanged_since.is_some() {
        enable_condstore(session)?;
    }
    let selected = session.selected()?;
    let ranges = selected.view.resolve(&command.set, command.by, &selected.saved)?;
    let named = wanted(&selected.view, &ranges, None);
    let change = match command.action {
        StoreAction::Replace => FlagChange::Set(command.flags.clone()),
        StoreAction::Add => FlagChange::Add(command.flags.clone()),
        StoreAction::Remove => FlagChange::Remove(command.flags.clone()),
    };
    let (account, mailbox, since) = (session.account()?.clone(), selected.mailbox, command.unchanged_since);
    let written = account.write(move |tx| tx.change_flags(mailbox, &ranges, &change, since)).await;
    let outcome = written.map_err(|e| match e {
        Error::NotPermitted(text) => Problem::no_code(names::LIMIT, text),
        e => e.into(),
    })?;
    let now = account.index(mailbox).await?;
    let missing = tell(session, &command, &named, &outcome, &now).await?;
    reply(session, &command, &outcome.modified, missing)
}

/// Tells the messages named what their flags are now. How many of them are gone.
async fn tell(
    session: &mut Session,
    command: &Store,
    named: &[u32],
    outcome: &FlagsChanged,
    now: &MailboxIndex,
) -> Result<usize, Problem> {
    let known = session.selected()?.view.known().clone();
    let current = |sequence: u32| {
        let uid = known.get(sequence as usize)?.uid;
        now.find(uid).map(|(_, entry)| *entry)
    };
    know_keysets(session, named.iter().filter_map(|n| current(*n)).map(|e| e.flags)).await?;
    let mut flags = FlagNames::new(session.selected()?.keysets.clone());
    let mut expected = Expected { command, cache: HashMap::new() };
    let mut missing = 0;
    for sequence in named {
        let Some(entry) = current(*sequence) else {
            missing += 1;
            continue;
        };
        let changed = outcome.changed.binary_search(&entry.uid).is_ok();
        let refused = outcome.modified.binary_search(&entry.uid).is_ok();
        if !command.silent || refused {
            // RFC 7162 §3.1.3: the client learns the state that made its change fail.
            write(session, *sequence, &entry, Some(flags.get(entry.flags)), command.by);
        } else {
            let selected = session.selected()?;
            let told = known.get(*sequence as usize).map_or(entry, |e| selected.view.entry_told(e));
            if *expected.flags(told.flags, &mut flags) != *flags.get(entry.flags) {
                continue;
            }
            // RFC 7162 §3.1.3: the new MODSEQ is told even by a silent STORE.
            if changed && session.enabled.condstore {
                write(session, *sequence, &entry, None, command.by);
            } else if session.enabled.condstore && told.modseq != entry.modseq {
                continue;
            }
        }
        session.selected_mut()?.view.told_flags(entry.uid, entry.flags, entry.modseq);
        session.out.flush_if_full().await?;
    }
    Ok(missing)
}

fn write(session: &mut Session, sequence: u32, entry: &IndexEntry, flags: Option<&Flags>, by: Addressing) {
    let (uid_only, condstore) = (session.enabled.uidonly, session.enabled.condstore);
    let out = session.out.buffer();
    let mut line = if uid_only { FetchLine::begin_uid(out, entry.uid) } else { FetchLine::begin(out, sequence) };
    if by == Addressing::Uid && !uid_only {
        line.uid(out, entry.uid);
    }
    if let Some(flags) = flags {
        line.flags(out, flags);
    }
    if condstore {
        line.mod_seq(out, entry.modseq);
    }
    line.end(out);
}

fn reply(session: &Session, command: &Store, modified: &[Uid], missing: usize) -> Result<Reply, Problem> {
    if !modified.is_empty() {
        let view = &session.selected()?.view;
        let numbers: NumberSet = match command.by {
            Addressing::Uid => modified.iter().copied().collect(),
            Addressing::Sequence => modified.iter().filter_map(|uid| view.sequence(*uid)).collect(),
        };
        let text = "Some messages had been changed";
        // RFC 7162 §3.1.3: OK with MODIFIED, even if every message was refused; gone ones make it NO.
        return match missing > 0 && command.by == Addressing::Sequence {
            true => Err(Problem::no_code(ReplyCode::Modified(numbers), text)),
            false => Ok(Reply::ok_code(ReplyCode::Modified(numbers), text)),
        };
    }
    if missing > 0 && command.by == Addressing::Sequence {
        // RFC 2180 §4.2.1: the others were changed.
        return Err(Problem::no_code(names::EXPUNGEISSUED, "Some messages no longer exist"));
    }
    Ok(Reply::ok("STORE completed"))
}

/// The flags that a client reckons with after its own silent STORE.
struct Expected<'c> {
    command: &'c Store,
    cache: HashMap<StoredFlags, Flags>,
}

impl Expected<'_> {
    fn flags(&mut self, told: StoredFlags, names: &mut FlagNames) -> &Flags {
        let command = self.command;
        self.cache.entry(told).or_insert_with(|| apply(command, names.get(told)))
    }
}

fn apply(command: &Store, old: &Flags) -> Flags {
    let mut new = match command.action {
        StoreAction::Replace => return command.flags.clone(),
        StoreAction::Add | StoreAction::Remove => old.clone(),
    };
    let system = SystemFlags::ALL.iter().map(|(bit, _)| *bit).filter(|bit| command.flags.system.contains(*bit));
    let keywords = command.flags.keywords().map(|k: &Keyword| Flag::Keyword(k.clone()));
    for flag in system.map(Flag::System).chain(keywords) {
        match command.action {
            StoreAction::Remove => new.remove(&flag),
            _ => new.insert(flag),
        }
    }
    new
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
