//! What the client knows of the selected mailbox.
//!
//! Sequence numbers are positions in the view, never in the mailbox: another session may have changed that meanwhile.
//! Synchronising ([`super::sync`]) brings the view up to the mailbox and tells the client each step. A session can be
//! started from any view, which is what the hand-over of a live session rests on.

use std::collections::BTreeMap;
use std::sync::Arc;

use sterna_core::{ModSeq, Uid};
use sterna_store::{IndexEntry, MailboxIndex, StoredFlags, UidRange};

use super::problem::Problem;
use crate::codec::command::Addressing;
use crate::codec::sequence::{MessageSet, NumberSet};

/// The messages that the client knows, with the flags it was told last.
#[derive(Clone, Debug)]
pub(crate) struct View {
    known: Arc<MailboxIndex>,
    /// Flags told since `known` was made: merged into it by the next synchronisation.
    told: BTreeMap<Uid, (StoredFlags, ModSeq)>,
}

impl View {
    /// The client knows exactly this.
    pub fn from_index(index: Arc<MailboxIndex>) -> View {
        View { known: index, told: BTreeMap::new() }
    }

    /// The messages by the client's sequence numbers. Flags may be older than those told: see [`View::entry_told`].
    pub fn known(&self) -> &Arc<MailboxIndex> {
        &self.known
    }

    /// A message with the flags that the client was told last.
    pub(super) fn entry_told(&self, entry: &IndexEntry) -> IndexEntry {
        match self.told.get(&entry.uid) {
            Some((flags, modseq)) => IndexEntry { flags: *flags, modseq: *modseq, ..*entry },
            None => *entry,
        }
    }

    /// A FETCH response with FLAGS was written, or the client knows without one what its own silent STORE did.
    pub fn told_flags(&mut self, uid: Uid, flags: StoredFlags, modseq: ModSeq) {
        self.told.insert(uid, (flags, modseq));
    }

    /// What was told since the view was made is part of `known` from now on.
    pub(super) fn replace(&mut self, known: Arc<MailboxIndex>) {
        self.known = known;
        self.told = BTreeMap::new();
    }

    /// Whether flags were told that [`View::known`] does not have.
    pub(super) fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// The sequence number of a message that the client knows.
    pub fn sequence(&self, uid: Uid) -> Option<u32> {
        self.known.position(uid).ok().and_then(|n| u32::try_from(n).ok())
    }

    /// The messages of the view that a command names, as ranges of UIDs, ascending: between the ends of a range there
    /// may be UIDs that the view does not have, and messages that the client does not know yet.
    ///
    /// A UID that does not exist is ignored (RFC 9051 §6.4.9); a sequence number beyond EXISTS is an error (§9,
    /// `seq-number`). `*` and `$` are resolved here.
    pub fn resolve(&self, set: &MessageSet, by: Addressing, saved: &[Uid]) -> Result<Vec<UidRange>, Problem> {
        let numbers = match (set, by) {
            (MessageSet::Saved, _) => return Ok(ranges(&saved.iter().copied().collect())),
            (MessageSet::Numbers(set), Addressing::Uid) => {
                // A range that begins above the last UID still ends at it: 559:* (RFC 9051 §9 `seq-range`).
                let largest = self.known.last().map_or(0, |e| e.uid.get());
                return Ok(ranges(&set.resolve(largest).up_to(largest)));
            }
            (MessageSet::Numbers(set), Addressing::Sequence) => {
                let exists = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
                if exists == 0 && set.has_largest() {
                    return Err(Problem::bad("the mailbox is empty"));
                }
                let numbers = set.resolve(exists);
                if numbers.last().is_some_and(|last| last > exists) {
                    return Err(Problem::bad("no message has that sequence number"));
                }
                numbers
            }
        };
        let uid = |n: u32| self.known.get(n as usize).map(|e| e.uid);
        let ends = numbers.ranges().iter();
        Ok(ends.filter_map(|(first, last)| Some(UidRange { first: uid(*first)?, last: uid(*last)? })).collect())
    }
}

fn ranges(set: &NumberSet) -> Vec<UidRange> {
    let ends = set.ranges().iter();
    ends.filter_map(|(a, b)| Some(UidRange { first: Uid::new(*a)?, last: Uid::new(*b)? })).collect()
}
