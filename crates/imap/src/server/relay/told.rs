//! What the client of a relayed session knows, followed from the platform's responses: which mailbox it has open, how many
//! messages it counts, what it enabled.
//!
//! UIDs and flags are not followed. When the mailbox changes sides, the platform is asked in the client's own session whether
//! there is anything that the client was not told; if not, what the client knows is exactly the mailbox. What turned out and could
//! not be told, because no command was in progress (RFC 9051 §7.5.1), is kept as [`Untold`] and put into the view.

use std::collections::BTreeSet;

use sterna_core::{SystemFlags, Uid, UidValidity};
use sterna_store::{IndexEntry, MailboxIndex, StoredFlags};

use crate::codec::mailbox::MailboxName;
use crate::codec::sequence::NumberSet;
use crate::server::session::Enabled;

/// The mailbox that the client has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// As the client named it.
    pub name: MailboxName,
    pub read_only: bool,
    /// `None`: the platform told none; then the session cannot be handed over.
    pub uid_validity: Option<UidValidity>,
    /// Messages that the client counts.
    pub exists: u32,
    pub untold: Untold,
}

/// What the platform told and the client was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Untold {
    /// Sequence numbers, as the client counts, that are no more.
    expunged: BTreeSet<u32>,
    /// The same by UID (QRESYNC).
    vanished: NumberSet,
    /// Sequence numbers, as the client counts, whose flags changed.
    stale: BTreeSet<u32>,
    /// New messages.
    fresh: u32,
}

/// No message has this flag: so the client is told the flags of one that has it in the view, whatever they have become.
const UNTOLD: SystemFlags = SystemFlags(0x80);

/// What the client knows.
#[derive(Default)]
pub(super) struct Told {
    pub enabled: Enabled,
    pub open: Option<Open>,
}

impl Untold {
    pub fn is_empty(&self) -> bool {
        *self == Untold::default()
    }
}

impl Open {
    pub fn new(name: MailboxName, read_only: bool) -> Open {
        Open { name, read_only, uid_validity: None, exists: 0, untold: Untold::default() }
    }

    /// Messages that the platform counts.
    pub fn at_platform(&self) -> u32 {
        let gone = self.untold.expunged.len() as u64 + self.untold.vanished.len();
        let known = u64::from(self.exists).saturating_sub(gone);
        u32::try_from(known).unwrap_or(u32::MAX).saturating_add(self.untold.fresh)
    }

    /// The client's number of a message by the platform's; `None`: it knows nothing of it.
    fn number(&self, platforms: u32) -> Option<u32> {
        let mut number = platforms;
        for gone in &self.untold.expunged {
            if *gone <= number {
                number = number.saturating_add(1);
            }
        }
        // With QRESYNC, UIDs stand in for numbers of what is gone: how many of them are below is not known.
        (number <= self.exists && self.untold.vanished.is_empty()).then_some(number)
    }

    /// EXISTS came and was not passed on.
    pub fn withhold_exists(&mut self, count: u32) {
        let known = self.at_platform() - self.untold.fresh;
        self.untold.fresh = count.saturating_sub(known);
    }

    /// The same of EXPUNGE.
    pub fn withhold_expunge(&mut self, platforms: u32) {
        match self.number(platforms) {
            Some(number) => {
                self.untold.stale.remove(&number);
                self.untold.expunged.insert(number);
            }
            None => self.untold.fresh = self.untold.fresh.saturating_sub(1),
        }
    }

    /// The same of VANISHED. UIDs of messages that the client does not count yet are none of its business.
    pub fn withhold_vanished(&mut self, uids: &NumberSet) {
        self.untold.vanished = self.untold.vanished.union(uids);
    }

    /// The same of a FETCH that tells flags.
    pub fn withhold_fetch(&mut self, platforms: u32) {
        if let Some(number) = self.number(platforms) {
            self.untold.stale.insert(number);
        }
    }

    /// All that was withheld has been passed on.
    pub fn tell_all(&mut self) {
        self.exists = self.at_platform();
        self.untold = Untold::default();
    }

    /// The view of the client, in terms of the mailbox as it is here; `None` if the two do not fit.
    pub fn view(&self, index: &std::sync::Arc<MailboxIndex>) -> Option<std::sync::Arc<MailboxIndex>> {
        if self.uid_validity != Some(index.uid_validity()) || index.len() != self.at_platform() as usize {
            return None;
        }
        if self.untold.is_empty() {
            return Some(index.clone());
        }
        let mut survivors =
            index.iter().map(|(_, entry)| *entry).take(index.len() - self.untold.fresh as usize).peekable();
        let mut vanished = self.untold.vanished.uids().peekable();
        let mut known: Vec<IndexEntry> = Vec::with_capacity(self.exists as usize);
        for number in 1..=self.exists {
            let next = survivors.peek().map(|entry| entry.uid);
            let gone = match vanished.peek() {
                Some(uid) if next.is_none_or(|next| *uid < next) => vanished.next(),
                // Its UID lay between those of its neighbours: any number there stands for it.
                _ if self.untold.expunged.contains(&number) => {
                    let before = known.last().map_or(0, |entry| entry.uid.get());
                    Some(Uid::new(before + 1).filter(|uid| next.is_none_or(|next| *uid < next))?)
                }
                _ => None,
            };
            let mut entry = match gone {
                Some(uid) => IndexEntry { uid, ..placeholder(index)? },
                None => survivors.next()?,
            };
            if self.untold.stale.contains(&number) {
                entry.flags = StoredFlags::new(entry.flags.system().union(UNTOLD), entry.flags.keyset());
            }
            known.push(entry);
        }
        let complete = survivors.next().is_none();
        complete.then(|| std::sync::Arc::new(MailboxIndex::new(index.mailbox.clone(), index.as_of, &known)))
    }
}

/// A message that is no more: nothing but its UID is ever looked at.
fn placeholder(index: &MailboxIndex) -> Option<IndexEntry> {
    let uid = Uid::new(1)?;
    let email = index.last().map_or(sterna_core::EmailId(0), |entry| entry.email);
    Some(IndexEntry { uid, flags: StoredFlags::new(SystemFlags::default(), 0), modseq: sterna_core::ModSeq(0), email })
}

#[cfg(test)]
#[path = "told_tests.rs"]
mod tests;
