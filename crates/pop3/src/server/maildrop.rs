//! The INBOX as it was at login: message numbers, sizes and unique ids, which stay the same while the session lasts
//! (RFC 1939 §5).
//!
//! Messages that came from a POP3 source stand first, in their order there, so that a client finds under each number
//! what it found there; all others follow by UID. A message keeps the unique id that its source gave out. One without
//! gets [`own_uidl`]: made of UIDVALIDITY, UID and EMAILID, none of which is ever used again.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sterna_core::{EmailId, MailboxId, Role, Uid, UidValidity};
use sterna_store::{Error, Result, Tx, UidRange};

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub uid: Uid,
    pub email: EmailId,
    /// Octets as stored.
    pub size: u64,
    /// As imported; `None`: our own.
    pub uidl: Option<Box<str>>,
    /// DELE was said.
    pub deleted: bool,
}

/// What a session knows of its mailbox.
#[derive(Debug)]
pub(super) struct Maildrop {
    pub mailbox: MailboxId,
    pub validity: UidValidity,
    /// By message number less 1.
    entries: Vec<Entry>,
    /// Imported ids that look like our own: what ours must not be.
    like_ours: HashSet<Box<str>>,
}

/// The first character of our own ids.
const MARK: char = 'S';

/// A unique id of ours. Another server's can only be equal if it was made for the same place of the same mailbox.
fn own_uidl(validity: UidValidity, uid: Uid, email: EmailId) -> String {
    format!("{MARK}{:x}.{:x}.{:x}", validity.get(), uid.get(), email.0)
}

impl Maildrop {
    /// Reads it, in pages.
    pub fn read(tx: &Tx<'_>) -> Result<Maildrop> {
        let inbox = tx.mailboxes()?.into_iter().find(|m| m.role == Some(Role::Inbox));
        let inbox = inbox.ok_or_else(|| Error::Corrupt("the account has no INBOX".into()))?;
        let mut entries = Vec::with_capacity(inbox.total as usize);
        let mut ordered: Vec<(u32, Entry)> = Vec::new();
        let mut like_ours = HashSet::new();
        let _ = tx.emails(inbox.id, UidRange::ALL, |row, email| {
            let uidl: Option<Box<str>> = row.uidl.map(Box::from);
            like_ours.extend(uidl.iter().filter(|uidl| uidl.starts_with(MARK)).cloned());
            let entry = Entry { uid: row.uid, email: row.email, size: email.size, uidl, deleted: false };
            match row.pop_order {
                Some(order) => ordered.push((order, entry)),
                None => entries.push(entry),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if !ordered.is_empty() {
            // Stable: of two with the same place the lower UID comes first.
            ordered.sort_by_key(|(order, _)| *order);
            let rest = std::mem::replace(&mut entries, ordered.into_iter().map(|(_, entry)| entry).collect());
            entries.extend(rest);
        }
        Ok(Maildrop { mailbox: inbox.id, validity: inbox.uid_validity, entries, like_ours })
    }

    /// The message with that number, unless it is marked deleted.
    pub fn get(&self, number: u32) -> Option<&Entry> {
        self.entries.get((number as usize).checked_sub(1)?).filter(|entry| !entry.deleted)
    }

    /// The same, to be marked.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut((number as usize).checked_sub(1)?).filter(|entry| !entry.deleted)
    }

    /// Messages from `first` on that are not marked, with their numbers.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let entries = self.entries.iter().skip((first as usize).saturating_sub(1));
        (first..).zip(entries).filter(|(_, entry)| !entry.deleted)
    }

    /// How many are not marked, and their octets.
    pub fn stat(&self) -> (usize, u64) {
        self.iter_from(1).fold((0, 0), |(count, octets), (_, entry)| (count + 1, octets + entry.size))
    }

    /// The unique id of a message.
    pub fn uidl(&self, entry: &Entry) -> String {
        if let Some(uidl) = &entry.uidl {
            return uidl.to_string();
        }
        let mut own = own_uidl(self.validity, entry.uid, entry.email);
        while self.like_ours.contains(own.as_str()) {
            own.push('+');
        }
        own
    }

    /// Takes all marks back.
    pub fn reset(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.deleted = false);
    }

    /// UIDs that are marked, as few ranges as possible that hold no other.
    pub fn marked(&self) -> Vec<UidRange> {
        let mut uids: Vec<Uid> = self.entries.iter().filter(|e| e.deleted).map(|e| e.uid).collect();
        uids.sort_unstable();
        let mut ranges: Vec<UidRange> = Vec::new();
        for uid in uids {
            match ranges.last_mut() {
                Some(range) if range.last.get().checked_add(1) == Some(uid.get()) => range.last = uid,
                _ => ranges.push(UidRange::one(uid)),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uid: u32, uidl: Option<&str>) -> Entry {
        Entry { uid: Uid::new(uid).unwrap(), email: EmailId(9), size: 10, uidl: uidl.map(Box::from), deleted: false }
    }

    fn maildrop(entries: Vec<Entry>) -> Maildrop {
        let validity = UidValidity::new(u32::MAX).unwrap();
        let like_ours = entries.iter().filter_map(|e| e.uidl.clone()).filter(|u| u.starts_with(MARK)).collect();
        Maildrop { mailbox: MailboxId(1), validity, entries, like_ours }
    }

    #[test]
    fn our_own_ids_fit_the_rfc_and_never_equal_an_imported_one() {
        let validity = UidValidity::new(u32::MAX).unwrap();
        let ours = own_uidl(validity, Uid::MAX, EmailId(u64::MAX));
        assert!(ours.len() < 70 && ours.bytes().all(|b| (0x21..=0x7e).contains(&b)), "{ours}");
        let taken = own_uidl(validity, Uid::new(2).unwrap(), EmailId(9));
        let drop = maildrop(vec![entry(1, Some(&taken)), entry(2, None), entry(3, None)]);
        let ids: Vec<String> = drop.iter_from(1).map(|(_, e)| drop.uidl(e)).collect();
        assert_eq!(ids[0], taken);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3, "{ids:?}");
    }

    #[test]
    fn marked_messages_are_no_more_and_come_back() {
        let mut drop = maildrop((1..=6).map(|n| entry(n, None)).collect());
        for n in [5, 2, 3] {
            drop.get_mut(n).unwrap().deleted = true;
        }
        assert!(drop.get(2).is_none() && drop.get_mut(2).is_none() && drop.get(0).is_none() && drop.get(7).is_none());
        assert_eq!(drop.stat(), (3, 30));
        assert_eq!(drop.iter_from(2).map(|(n, _)| n).collect::<Vec<_>>(), [4, 6]);
        let marked: Vec<(u32, u32)> = drop.marked().iter().map(|r| (r.first.get(), r.last.get())).collect();
        assert_eq!(marked, [(2, 3), (5, 5)]);
        drop.reset();
        assert_eq!(drop.stat(), (6, 60));
    }
}
