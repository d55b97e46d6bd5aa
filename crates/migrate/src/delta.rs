//! What differs between a folder of the source and its mailbox here: found in one or two round trips.
//!
//! With QRESYNC the answer to SELECT tells all of it (RFC 7162 §3.2.5); the count of messages proves that nothing was
//! left out. Otherwise, or if the proof fails, UIDs are compared, and flags where no MODSEQ tells which changed.

use std::collections::HashMap;
use std::sync::Arc;

use sterna_core::{Flags, MailboxId, ModSeq, Uid, UidValidity};
use sterna_imap::client::{Connection, Known, Selected};
use sterna_imap::codec::mailbox::MailboxName;
use sterna_imap::codec::response_parser::Fetch;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{Account, Keysets, MailboxIndex, StoredFlags, UidRange};

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::folders::SourceFolder;
use crate::session::Login;

/// The difference.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// UIDs to fetch.
    pub wanted: NumberSet,
    /// Messages here whose flags or MODSEQ are others at the source.
    pub flags: Vec<(Uid, Flags, Option<ModSeq>)>,
    /// Messages that the move brought and the source has no more.
    pub gone: NumberSet,
    /// UIDs that were removed here and are still at the source.
    pub removed_here: NumberSet,
}

/// What the caller of SELECT may offer to be told only the changes.
pub(crate) fn known(cursor: &Cursor) -> Option<Known> {
    // While the first copy is not complete, UIDs are compared in any case.
    cursor.seen?;
    let uid_validity = UidValidity::new(cursor.uid_validity)?;
    (cursor.modseq > 0).then_some(Known { uid_validity, modseq: ModSeq(cursor.modseq), uids: None })
}

/// The mailbox as it is here.
pub(crate) struct Local {
    index: Arc<MailboxIndex>,
    keysets: Keysets,
    /// UIDs here that the move is answerable for.
    brought: NumberSet,
    all: NumberSet,
    decoded: HashMap<StoredFlags, Flags>,
}

impl Local {
    pub async fn read(account: &Account, mailbox: MailboxId, cursor: &Cursor) -> Result<Local> {
        let index = account.index(mailbox).await?;
        let keysets = account.read(|tx| tx.keysets()).await?;
        let all: NumberSet = index.iter().map(|(_, entry)| entry.uid.get()).collect();
        let brought = all.intersection(&cursor.brought());
        Ok(Local { index, keysets, brought, all, decoded: HashMap::new() })
    }

    /// Keeps a FETCH that tells of a change to a message that the move brought.
    fn compare(&mut self, fetch: &Fetch, changes: &mut Vec<(Uid, Flags, Option<ModSeq>)>) {
        let (Some(uid), Some(list)) = (fetch.uid, &fetch.flags) else { return };
        if !self.brought.contains(uid.get()) {
            return;
        }
        let Some((_, entry)) = self.index.find(uid) else { return };
        let modseq = fetch.modseq.filter(|m| *m > ModSeq(0));
        let here = self.decoded.entry(entry.flags).or_insert_with(|| self.keysets.flags(entry.flags));
        if *here != list.flags || modseq.is_some_and(|m| m != entry.modseq) {
            changes.push((uid, list.flags.clone(), modseq));
        }
    }
}

/// What is compared.
pub(crate) struct Subject<'s> {
    pub login: &'s Login,
    pub account: &'s Account,
    pub folder: &'s SourceFolder,
    pub mailbox: MailboxId,
    pub cursor: &'s Cursor,
}

/// Compares. The connection has the folder selected; `selected` is what that told, with the changes if `resynced`.
pub(crate) async fn compare(
    connection: &mut Connection,
    subject: &Subject<'_>,
    selected: &Selected,
    resynced: bool,
) -> Result<Delta> {
    let Subject { login, account, folder, mailbox, cursor } = *subject;
    let mut local = Local::read(account, mailbox, cursor).await?;
    if resynced && let Some(delta) = from_resync(&mut local, cursor, selected) {
        // All that was here may be gone and others have come: then it is not empty.
        if selected.exists == 0 && !delta.gone.is_empty() {
            confirm_empty(login, &folder.name, cursor).await?;
        }
        return Ok(delta);
    }
    let uids = uids(connection, folder, selected).await?;
    let mut delta = Delta { gone: local.brought.difference(&uids), ..Delta::default() };
    if uids.is_empty() && !local.brought.is_empty() {
        confirm_empty(login, &folder.name, cursor).await?;
    }
    // Dealt with, at the source, and not here: removed by somebody here, or lost by a source that answered wrongly.
    let absent = uids.intersection(&cursor.done).difference(&local.all).difference(&cursor.missing);
    if !absent.is_empty() {
        let gone = account.read(move |tx| tx.vanished_since(mailbox, ModSeq(0))).await?;
        let tombs: NumberSet = gone.into_iter().map(Uid::get).collect();
        delta.removed_here = absent.intersection(&tombs);
    }
    let relocated = cursor.foreign.intersection(&cursor.done);
    delta.wanted = uids
        .difference(&cursor.done)
        .union(&uids.intersection(&cursor.missing))
        .union(&absent.difference(&delta.removed_here).difference(&relocated));
    if !local.brought.is_empty() {
        let mut changes = Vec::new();
        if cursor.modseq > 0 && connection.capabilities().has("CONDSTORE") && selected.highest_modseq.is_some() {
            let since = ModSeq(cursor.modseq);
            connection.changed_since(since, "UID FLAGS MODSEQ", |f| local.compare(&f, &mut changes)).await?;
        } else {
            connection.uid_fetch(None, "UID FLAGS", |f| local.compare(&f, &mut changes)).await?;
        }
        changes.retain(|(uid, _, _)| !delta.gone.contains(uid.get()));
        delta.flags = changes;
    }
    Ok(delta)
}

/// From the answer to SELECT alone; `None` if the counts prove that it does not tell everything.
fn from_resync(local: &mut Local, cursor: &Cursor, selected: &Selected) -> Option<Delta> {
    let mut delta = Delta { gone: local.brought.intersection(&selected.vanished), ..Delta::default() };
    let changed: NumberSet = selected.changed.iter().filter_map(|f| f.uid).map(Uid::get).collect();
    let missing = cursor.missing.difference(&selected.vanished);
    delta.wanted = changed.difference(&cursor.done).union(&missing);
    let mut changes = Vec::new();
    selected.changed.iter().for_each(|fetch| local.compare(fetch, &mut changes));
    changes.retain(|(uid, _, _)| !delta.gone.contains(uid.get()));
    delta.flags = changes;
    let expected = (local.brought.len() + delta.wanted.len()).checked_sub(delta.gone.len());
    (expected == Some(u64::from(selected.exists))).then_some(delta)
}

/// Every UID of the source's folder.
async fn uids(connection: &mut Connection, folder: &SourceFolder, selected: &Selected) -> Result<NumberSet> {
    if selected.exists == 0 {
        return Ok(NumberSet::new());
    }
    let found = connection.uid_search("ALL").await?;
    if found.len() >= u64::from(selected.exists) {
        return Ok(found);
    }
    // Some servers search an index that lags behind.
    let mut fetched = Vec::new();
    connection.uid_fetch(None, "UID", |fetch| fetched.extend(fetch.uid.map(Uid::get))).await?;
    let all = found.union(&fetched.into_iter().collect());
    if all.is_empty() {
        return Err(Error::Doubtful(format!(
            "{}: the source says that \"{}\" has {} messages and lists none; it will be asked again",
            connection.at(),
            folder.shown(),
            selected.exists
        )));
    }
    Ok(all)
}

/// A folder that is suddenly empty must be so for a second connection, too.
pub(crate) async fn confirm_empty(login: &Login, name: &MailboxName, cursor: &Cursor) -> Result<()> {
    let mut second = login.open().await?;
    let selected = match second.select(name, true, None).await {
        Err(e) if e.is_refusal() => {
            return Err(Error::Doubtful(format!("\"{}\" seemed empty and cannot be opened: {e}", name.as_str())));
        }
        selected => selected?,
    };
    let same = selected.uid_validity.map(UidValidity::get) == Some(cursor.uid_validity);
    let at = second.at().to_owned();
    // Only a courtesy: the answer is in.
    let _ = second.logout().await;
    match same && selected.exists == 0 {
        true => Ok(()),
        false => Err(Error::Doubtful(format!(
            "{at}: \"{}\" seemed empty and is not; it will be looked at again",
            name.as_str()
        ))),
    }
}

/// A set as the store takes it.
pub(crate) fn ranges(set: &NumberSet) -> Vec<UidRange> {
    let range = |(first, last): &(u32, u32)| Some(UidRange { first: Uid::new(*first)?, last: Uid::new(*last)? });
    set.ranges().iter().filter_map(range).collect()
}
