//! The messages of a mailbox in memory: UID, flags and MODSEQ by sequence number.
//!
//! An index is a value: it is never changed, a newer one shares with it every chunk in which nothing changed. So an
//! IMAP session can keep the index it has told its client as its view, ten thousand sessions on one mailbox share
//! one, and the difference between two is found without looking at what they share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sterna_core::{AccountId, EmailId, MailboxId, ModSeq, SystemFlags, Uid, UidValidity};

use super::keyset::StoredFlags;
use super::mailbox::Mailbox;
use super::page::UidRange;
use crate::db::{Tx, vals};
use crate::error::Result;

/// Messages in one chunk at most.
const CHUNK: usize = 1024;

/// What a session knows about one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Ascending through the index.
    pub uid: Uid,
    /// System flags and keyword set.
    pub flags: StoredFlags,
    /// Last change.
    pub modseq: ModSeq,
    /// The immutable part.
    pub email: EmailId,
}

/// A mailbox at one moment.
#[derive(Clone, Debug)]
pub struct MailboxIndex {
    /// The mailbox's row at that moment.
    pub mailbox: Mailbox,
    /// The account's clock at that moment.
    pub as_of: ModSeq,
    /// Each not empty; the number of messages before it stands beside it.
    chunks: Vec<(usize, Arc<[IndexEntry]>)>,
    len: usize,
    summary: OnceLock<Summary>,
}

/// What opening a mailbox tells of all its messages; worked out once for each index, when it is first asked for.
#[derive(Clone, Debug)]
struct Summary {
    first_unseen: Option<usize>,
    keysets: Vec<u32>,
}

impl MailboxIndex {
    /// From entries in ascending order of UID. The view of a session that was handed over is made so, too.
    pub fn new(mailbox: Mailbox, as_of: ModSeq, entries: &[IndexEntry]) -> MailboxIndex {
        let chunks = entries.chunks(CHUNK).map(Arc::from).collect();
        MailboxIndex { mailbox, as_of, chunks: Vec::new(), len: 0, summary: OnceLock::new() }.with_chunks(chunks)
    }

    fn with_chunks(mut self, chunks: Vec<Arc<[IndexEntry]>>) -> MailboxIndex {
        self.len = 0;
        self.chunks.clear();
        self.summary = OnceLock::new();
        for chunk in chunks.into_iter().filter(|c| !c.is_empty()) {
            let before = self.len;
            self.len += chunk.len();
            self.chunks.push((before, chunk));
        }
        self
    }

    /// Number of messages: EXISTS.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No message.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// UIDVALIDITY at that moment.
    pub fn uid_validity(&self) -> UidValidity {
        self.mailbox.uid_validity
    }

    /// The message with a sequence number, which begins at 1.
    pub fn get(&self, sequence: usize) -> Option<&IndexEntry> {
        let i = sequence.checked_sub(1)?;
        let c = self.chunks.partition_point(|(before, _)| *before <= i).checked_sub(1)?;
        let (before, chunk) = self.chunks.get(c)?;
        chunk.get(i - before)
    }

    /// The sequence number of a UID, or that of the first larger one.
    pub fn position(&self, uid: Uid) -> Result<usize, usize> {
        let c = self.chunks.partition_point(|(_, chunk)| chunk.last().is_some_and(|last| last.uid < uid));
        let Some((before, chunk)) = self.chunks.get(c) else { return Err(self.len + 1) };
        match chunk.binary_search_by_key(&uid, |e| e.uid) {
            Ok(i) => Ok(before + i + 1),
            Err(i) => Err(before + i + 1),
        }
    }

    /// The message with that UID and its sequence number.
    pub fn find(&self, uid: Uid) -> Option<(usize, &IndexEntry)> {
        let sequence = self.position(uid).ok()?;
        self.get(sequence).map(|entry| (sequence, entry))
    }

    /// Messages from sequence number `first` on, with their numbers.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = (usize, &IndexEntry)> {
        let first = first.max(1);
        let c = self.chunks.partition_point(|(before, chunk)| before + chunk.len() < first);
        let skip = self.chunks.get(c).map_or(0, |(before, _)| first.saturating_sub(before + 1));
        let entries = self.chunks.iter().skip(c).flat_map(|(_, chunk)| chunk.iter()).skip(skip);
        (first..).zip(entries)
    }

    /// All messages with their sequence numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &IndexEntry)> {
        self.iter_from(1)
    }

    /// The last message.
    pub fn last(&self) -> Option<&IndexEntry> {
        self.chunks.last().and_then(|(_, chunk)| chunk.last())
    }

    /// The sequence number of the first message without `\Seen`.
    pub fn first_unseen(&self) -> Option<usize> {
        self.summary().first_unseen
    }

    /// The numbers of the keyword sets in use, ascending, without the empty one.
    pub fn keysets(&self) -> &[u32] {
        &self.summary().keysets
    }

    fn summary(&self) -> &Summary {
        self.summary.get_or_init(|| {
            let mut keysets = BTreeSet::new();
            let mut last = 0;
            for entry in self.chunks().flat_map(|chunk| chunk.iter()) {
                // Neighbours mostly have the same set.
                if entry.flags.keyset() != last {
                    last = entry.flags.keyset();
                    keysets.insert(last);
                }
            }
            keysets.remove(&0);
            let unseen = |(_, e): &(usize, &IndexEntry)| !e.flags.system().contains(SystemFlags::SEEN);
            Summary { first_unseen: self.iter().find(unseen).map(|(n, _)| n), keysets: keysets.into_iter().collect() }
        })
    }

    /// The chunks in order, for a comparison that skips what two indexes share.
    pub fn chunks(&self) -> impl Iterator<Item = &Arc<[IndexEntry]>> {
        self.chunks.iter().map(|(_, chunk)| chunk)
    }

    /// This index with some messages changed or added (`Some`) or removed (`None`).
    pub fn with_changes(&self, changes: &BTreeMap<Uid, Option<IndexEntry>>) -> MailboxIndex {
        let mut changes = changes.iter().peekable();
        let mut chunks: Vec<Arc<[IndexEntry]>> = Vec::with_capacity(self.chunks.len() + 1);
        for (n, (_, chunk)) in self.chunks.iter().enumerate() {
            let is_last = n + 1 == self.chunks.len();
            let upto = chunk.last().map_or(Uid::MIN, |e| e.uid);
            let mut mine = Vec::new();
            while let Some(change) = changes.next_if(|(uid, _)| **uid <= upto || (is_last && chunk.len() < CHUNK)) {
                mine.push(change);
            }
            if mine.is_empty() {
                chunks.push(chunk.clone());
            } else {
                chunks.extend(merge(chunk, &mine).chunks(CHUNK).map(Arc::from));
            }
        }
        let added: Vec<IndexEntry> = changes.filter_map(|(_, entry)| *entry).collect();
        chunks.extend(added.chunks(CHUNK).map(Arc::from));
        self.clone().with_chunks(chunks)
    }
}

fn merge(chunk: &[IndexEntry], changes: &[(&Uid, &Option<IndexEntry>)]) -> Vec<IndexEntry> {
    let mut merged = Vec::with_capacity(chunk.len() + changes.len());
    let mut rest = chunk;
    for (uid, entry) in changes {
        let (before, after) = rest.split_at(rest.partition_point(|e| e.uid < **uid));
        merged.extend_from_slice(before);
        merged.extend(entry.iter());
        rest = match after {
            [same, tail @ ..] if same.uid == **uid => tail,
            other => other,
        };
    }
    merged.extend_from_slice(rest);
    merged
}

impl Tx<'_> {
    /// The index of a mailbox: `old` brought up to date by the change log, or read whole.
    pub(crate) fn load_index(&self, id: MailboxId, old: Option<Arc<MailboxIndex>>) -> Result<Arc<MailboxIndex>> {
        let mailbox = self.mailbox(id)?;
        let as_of = self.account_state()?.modseq;
        let old = old.filter(|o| {
            // Rows with a source's modseqs do not show up after `as_of`: read whole.
            mailbox.uid_validity == o.mailbox.uid_validity && mailbox.import_modseq <= o.as_of && as_of >= o.as_of
        });
        let Some(old) = old else {
            let mut entries = Vec::with_capacity(mailbox.total as usize);
            let _ = self.messages(id, UidRange::ALL, |m| {
                entries.push(IndexEntry { uid: m.uid, flags: m.flags, modseq: m.modseq, email: m.email });
                Ok(ControlFlow::Continue(()))
            })?;
            return Ok(Arc::new(MailboxIndex::new(mailbox, as_of, &entries)));
        };
        let mut changes: BTreeMap<Uid, Option<IndexEntry>> =
            self.vanished_since(id, old.as_of)?.into_iter().map(|uid| (uid, None)).collect();
        self.each(
            "SELECT uid, flags, modseq, email_id FROM message \
             WHERE account_id = ?1 AND mailbox_id = ?2 AND modseq > ?3",
            vals![self.account, id, old.as_of],
            |r| {
                if let Some(uid) = Uid::new(r.u32(0)?) {
                    let (flags, modseq) = (StoredFlags(r.u32(1)?), ModSeq(r.u64(2)?));
                    changes.insert(uid, Some(IndexEntry { uid, flags, modseq, email: EmailId(r.u64(3)?) }));
                }
                Ok(())
            },
        )?;
        if changes.is_empty() && old.mailbox == mailbox && old.as_of == as_of {
            return Ok(old);
        }
        let changed = if changes.is_empty() { (*old).clone() } else { old.with_changes(&changes) };
        Ok(Arc::new(MailboxIndex { mailbox, as_of, ..changed }))
    }
}

/// Indexes that were used last, within a bound of messages in all.
pub struct IndexCache {
    inner: Mutex<Inner>,
    max_entries: usize,
}

type Key = (AccountId, MailboxId);

#[derive(Default)]
struct Inner {
    /// Least recently used first.
    order: VecDeque<Key>,
    indexes: std::collections::HashMap<Key, Arc<MailboxIndex>>,
    entries: usize,
}

/// What an index costs beside its messages, counted in messages.
const OVERHEAD: usize = 16;

impl IndexCache {
    pub(crate) fn new(max_entries: usize) -> IndexCache {
        IndexCache { inner: Mutex::default(), max_entries }
    }

    pub(crate) fn get(&self, account: AccountId, mailbox: MailboxId) -> Option<Arc<MailboxIndex>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.indexes.get(&(account, mailbox)).cloned()
    }

    pub(crate) fn put(&self, account: AccountId, mailbox: MailboxId, index: Arc<MailboxIndex>) {
        let key = (account, mailbox);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // A slower reader must not put an older state over a newer one.
        if inner.indexes.get(&key).is_some_and(|known| known.as_of > index.as_of) {
            return;
        }
        inner.entries += index.len() + OVERHEAD;
        match inner.indexes.insert(key, index) {
            Some(old) => inner.entries -= old.len() + OVERHEAD,
            None => inner.order.push_back(key),
        }
        while inner.entries > self.max_entries && inner.order.len() > 1 {
            let Some(oldest) = inner.order.pop_front() else { break };
            if oldest == key {
                inner.order.push_back(key);
                continue;
            }
            if let Some(old) = inner.indexes.remove(&oldest) {
                inner.entries -= old.len() + OVERHEAD;
            }
        }
    }

    pub(crate) fn forget(&self, account: AccountId) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<Key> = inner.order.iter().filter(|(a, _)| *a == account).copied().collect();
        for key in gone {
            if let Some(old) = inner.indexes.remove(&key) {
                inner.entries -= old.len() + OVERHEAD;
            }
        }
        inner.order.retain(|(a, _)| *a != account);
    }
}
