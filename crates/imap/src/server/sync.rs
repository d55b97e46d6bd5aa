//! Synchronisation: the difference between the view and the mailbox, told as untagged responses.
//!
//! Called behind each command, by IDLE and by NOTIFY. The difference is found without looking at what the two indexes
//! share, so that it costs what changed and not what the mailbox holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use sterna_core::{Flag, Flags, SystemFlags, Uid};
use sterna_store::{Error, IndexEntry, Keysets, MailboxIndex, StoredFlags};

use super::problem::Problem;
use super::session::Session;
use super::view::View;
use crate::codec::sequence::NumberSet;
use crate::codec::write;
use crate::codec::write::fetch::FetchLine;
use crate::codec::write::status::{Code, Condition};

/// What has to be told, and the view that results.
#[derive(Debug)]
pub(super) struct Changes {
    /// Sequence numbers in the old view, with their UIDs, ascending; empty if expunges must wait.
    pub expunged: Vec<(u32, Uid)>,
    /// Messages whose flags are other than told.
    pub flags: Vec<IndexEntry>,
    /// How many messages at the end of `next` are new.
    pub added: usize,
    /// What the client knows afterwards.
    pub next: Arc<MailboxIndex>,
}

/// The changes from `view` to `current`. Without `expunge`, messages that are gone stay in the view; with `modseqs`, a
/// message whose MODSEQ alone changed is told, too (RFC 7162 §3.2.4).
pub(super) fn difference(view: &View, current: &Arc<MailboxIndex>, expunge: bool, modseqs: bool) -> Changes {
    let known = view.known();
    let mut changes = Changes { expunged: Vec::new(), flags: Vec::new(), added: 0, next: current.clone() };
    if Arc::ptr_eq(known, current) && !view.has_told() {
        return changes;
    }
    let last = known.last().map(|e| e.uid);
    let (mut old, mut new) = (Walk::new(known), Walk::new(current));
    // What keeps the next view from being the mailbox itself.
    let mut apart: BTreeMap<Uid, Option<IndexEntry>> = BTreeMap::new();
    let mut sequence = 0u32;
    loop {
        if let Some(shared) = old.shared_chunk(&new) {
            sequence = sequence.saturating_add(u32::try_from(shared).unwrap_or(u32::MAX));
            old.skip_chunk();
            new.skip_chunk();
            continue;
        }
        match (old.entry(), new.entry()) {
            (None, None) => break,
            (Some(k), c) if c.is_none_or(|c| k.uid < c.uid) => {
                sequence += 1;
                if expunge {
                    changes.expunged.push((sequence, k.uid));
                } else {
                    apart.insert(k.uid, Some(view.entry_told(k)));
                }
                old.step();
            }
            (Some(k), Some(c)) if k.uid == c.uid => {
                sequence += 1;
                let told = view.entry_told(k);
                if told.flags != c.flags || modseqs && told.modseq != c.modseq {
                    changes.flags.push(*c);
                }
                old.step();
                new.step();
            }
            // New messages have UIDs above all others (RFC 9051 §2.3.1.1). An import may bring one below them into an
            // open mailbox: no response can say so, and the client sees it when it opens the mailbox again.
            (_, Some(c)) => {
                if last.is_some_and(|last| c.uid < last) {
                    apart.insert(c.uid, None);
                } else {
                    changes.added += 1;
                }
                new.step();
            }
            (Some(_), None) => old.step(),
        }
    }
    if !apart.is_empty() {
        changes.next = Arc::new(current.with_changes(&apart));
    }
    changes
}

/// A position in an index, chunk by chunk.
struct Walk<'a> {
    chunks: Vec<&'a Arc<[IndexEntry]>>,
    chunk: usize,
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(index: &'a MailboxIndex) -> Walk<'a> {
        Walk { chunks: index.chunks().collect(), chunk: 0, at: 0 }
    }

    fn entry(&self) -> Option<&'a IndexEntry> {
        self.chunks.get(self.chunk)?.get(self.at)
    }

    fn step(&mut self) {
        self.at += 1;
        if self.chunks.get(self.chunk).is_some_and(|c| self.at >= c.len()) {
            self.skip_chunk();
        }
    }

    fn skip_chunk(&mut self) {
        (self.chunk, self.at) = (self.chunk + 1, 0);
    }

    /// The length of the chunk that begins here and there, if it is one and the same.
    fn shared_chunk(&self, other: &Walk<'_>) -> Option<usize> {
        let (a, b) = (self.chunks.get(self.chunk)?, other.chunks.get(other.chunk)?);
        (self.at == 0 && other.at == 0 && Arc::ptr_eq(a, b)).then_some(a.len())
    }
}

impl Session {
    /// Tells what changed since the view: EXPUNGE or VANISHED (only if `expunge`), EXISTS, FETCH with FLAGS.
    ///
    /// Called behind each command; `expunge` is false for FETCH, STORE, SEARCH, SORT and THREAD without UID
    /// (RFC 9051 §7.5.1).
    pub async fn sync(&mut self, expunge: bool) -> Result<(), Problem> {
        let (Some(account), Some(selected)) = (&self.account, &mut self.selected) else { return Ok(()) };
        let wanted = self.notify.selected();
        if !wanted.messages {
            return Ok(());
        }
        let current = match account.index(selected.mailbox).await {
            Ok(index) if index.uid_validity() == selected.view.known().uid_validity() => index,
            // Nothing that the client knows of the mailbox is true any more, and no response can say so.
            Ok(_) => return Err(Problem::bye("the mailbox was replaced")),
            Err(Error::NoSuchMailbox(_)) => return Err(Problem::bye("the mailbox was deleted")),
            Err(e) => return Err(e.into()),
        };
        let changes = difference(&selected.view, &current, expunge, self.enabled.condstore);
        let was_known = !selected.saved.is_empty() && !changes.expunged.is_empty();
        if was_known {
            // RFC 5182 §2.1: an expunged message leaves the saved result.
            selected.saved.retain(|uid| changes.next.position(*uid).is_ok());
        }
        selected.view.replace(changes.next.clone());
        let flags_of_new = changes.next.iter_from(changes.next.len() - changes.added + 1).map(|(_, e)| e.flags);
        let unknown = changes.flags.iter().map(|e| e.flags).chain(flags_of_new);
        if let Some(keysets) = newer_keysets(account, &selected.keysets, unknown).await? {
            selected.keysets = keysets;
            self.tell_flags();
        }
        self.tell_expunged(&changes.expunged);
        self.out.flush_if_full().await?;
        if changes.added > 0 {
            let exists = u32::try_from(changes.next.len()).unwrap_or(u32::MAX);
            write::mailbox::exists(self.out.buffer(), exists);
        }
        if wanted.flags {
            for entry in &changes.flags {
                self.tell_flag_change(entry, &changes.next);
                self.out.flush_if_full().await?;
            }
        }
        if changes.added > 0 && !wanted.items.is_empty() {
            Box::pin(self.fetch_new(changes.added, wanted.items)).await?;
        }
        Ok(())
    }

    /// EXPUNGE from the last to the first, so that each number is right when it is read; or one VANISHED.
    fn tell_expunged(&mut self, expunged: &[(u32, Uid)]) {
        if self.enabled.qresync || self.enabled.uidonly {
            let uids: NumberSet = expunged.iter().map(|(_, uid)| *uid).collect();
            return write::search::vanished(self.out.buffer(), &uids, false);
        }
        for (sequence, _) in expunged.iter().rev() {
            write::mailbox::expunge(self.out.buffer(), *sequence);
        }
    }

    pub(super) fn tell_flag_change(&mut self, entry: &IndexEntry, index: &MailboxIndex) {
        let Some(selected) = &self.selected else { return };
        let flags = selected.keysets.flags(entry.flags);
        let out = self.out.buffer();
        let mut line = if self.enabled.uidonly {
            FetchLine::begin_uid(out, entry.uid)
        } else {
            let Ok(sequence) = index.position(entry.uid) else { return };
            let mut line = FetchLine::begin(out, u32::try_from(sequence).unwrap_or(u32::MAX));
            line.uid(out, entry.uid);
            line
        };
        line.flags(out, &flags);
        if self.enabled.condstore {
            line.mod_seq(out, entry.modseq);
        }
        line.end(out);
    }

    /// FLAGS and PERMANENTFLAGS: when the mailbox is opened, and when a keyword comes up that it did not have.
    pub(super) fn tell_flags(&mut self) {
        let Some(selected) = &self.selected else { return };
        let flags = flags_in_use(selected.view.known(), &selected.keysets);
        let read_only = selected.read_only;
        write::mailbox::flags(self.out.buffer(), &flags);
        let permanent = if read_only { Flags::default() } else { flags };
        let code = Code::PermanentFlags { flags: &permanent, more: !read_only };
        write::status::untagged(self.out.buffer(), Condition::Ok, Some(code), "permanent flags");
    }
}

/// Reads the account's keyword sets again if one of the flags names a set that is not known.
pub(super) async fn newer_keysets(
    account: &sterna_store::Account,
    known: &Arc<Keysets>,
    flags: impl Iterator<Item = StoredFlags>,
) -> Result<Option<Arc<Keysets>>, Problem> {
    let mut sets = flags.map(StoredFlags::keyset);
    if sets.all(|set| known.knows(set)) {
        return Ok(None);
    }
    Ok(Some(Arc::new(account.read(|tx| tx.keysets()).await?)))
}

/// The system flags, and every keyword that a message of the mailbox has.
fn flags_in_use(index: &MailboxIndex, keysets: &Keysets) -> Flags {
    let mut flags = Flags::system(SystemFlags(SystemFlags::ALL.iter().fold(0, |all, (bit, _)| all | bit.0)));
    let keywords = index.keysets().iter().flat_map(|set| keysets.keywords(*set));
    keywords.for_each(|k| flags.insert(Flag::Keyword(k.clone())));
    flags
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
