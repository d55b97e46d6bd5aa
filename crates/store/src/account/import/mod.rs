//! Messages coming in from a source, many at once: a mover's batch, an import's batch.
//!
//! Across a network every statement costs a round trip, so that a batch is written by questions and statements about all
//! of it. The outcome is what one message after the other would give: equal bodies become one, conversations join.

mod pages;
mod threads;

use std::collections::{BTreeSet, HashMap};

use sterna_core::{BlobHash, BlobId, EmailId, Flags, MailboxId, ModSeq, SystemFlags, Uid};

use super::append::{Appended, Import, NewEmail};
use super::keyset::StoredFlags;
use crate::blob::PreparedBlob;
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};

/// One message of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Imported<'a> {
    /// The UID that it has at its source.
    pub uid: Uid,
    /// Its immutable part.
    pub email: &'a NewEmail,
    /// Its flags.
    pub flags: &'a Flags,
    /// The rest of its identity.
    pub import: &'a Import,
}

impl Tx<'_> {
    /// Adds a message under the UID that it has at its source. UIDNEXT follows; the quota does not stop it.
    /// Fails with [`Error::UidTaken`] if the UID is in use here.
    pub fn import(
        &self,
        mailbox: MailboxId,
        uid: Uid,
        email: &NewEmail,
        flags: &Flags,
        import: &Import,
    ) -> Result<Appended> {
        let added = self.import_many(mailbox, &[Imported { uid, email, flags, import }])?;
        added.into_iter().next().ok_or_else(|| Error::Internal("an import lost its message".into()))
    }

    /// Adds messages under the UIDs that they have at their source, as [`Tx::import`] adds one, and in the same order.
    /// All or none: fails with [`Error::UidTaken`] if a UID is in use here or comes twice.
    ///
    /// The account's clock is lifted once, over the largest MODSEQ among them. Rows are held in memory for the whole
    /// batch: callers bound its bytes.
    pub fn import_many(&self, mailbox: MailboxId, messages: &[Imported<'_>]) -> Result<Vec<Appended>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        self.refuse_taken_uids(mailbox, messages)?;
        let floor = messages.iter().filter_map(|m| m.import.modseq).max();
        let clock = self.modseq_at_least(floor.unwrap_or_default())?;
        self.count_in(mailbox, messages, clock)?;
        let flags: Vec<&Flags> = messages.iter().map(|m| m.flags).collect();
        let flags = self.stored_flags_many(&flags)?;
        let mut blobs = self.known_blobs(messages)?;
        let fresh = fresh_blobs(messages, &blobs);
        let threads = self.known_threads(messages.iter().map(|m| m.email.thread_keys.as_slice()))?;
        let first_blob = self.next_ids(fresh.len() + threads.created + messages.len())?;
        let first_thread = first_blob + fresh.len() as u64;
        let first_email = first_thread + threads.created as u64;

        let fresh: Vec<(BlobId, &PreparedBlob)> = (first_blob..).map(BlobId).zip(fresh).collect();
        self.insert_blobs(&fresh)?;
        blobs.extend(fresh.iter().map(|(id, blob)| (blob.hash, *id)));
        let rows: Vec<_> = messages
            .iter()
            .zip((first_email..).map(EmailId))
            .zip(&threads.of)
            .map(|((m, id), thread)| {
                let blob = blobs.get(&m.email.blob.hash).copied().ok_or_else(|| lost("body"))?;
                Ok(self.email_row(id, blob, thread.id(first_thread), m.email, clock))
            })
            .collect::<Result<_>>()?;
        self.execute_many(super::email::INSERT, &rows)?;
        self.insert_thread_keys(&threads, first_thread)?;
        let added: Vec<Appended> = messages
            .iter()
            .zip((first_email..).map(EmailId))
            .map(|(m, email)| Appended { uid: m.uid, email, modseq: m.import.modseq.unwrap_or(clock) })
            .collect();
        self.insert_messages(mailbox, messages, &added, &flags, clock)?;
        Ok(added)
    }

    /// Those of the UIDs that messages of the mailbox have.
    pub fn taken_uids(&self, mailbox: MailboxId, uids: &[Uid]) -> Result<BTreeSet<Uid>> {
        let values: Vec<Val<'_>> = uids.iter().map(|uid| (*uid).into()).collect();
        let mut taken = BTreeSet::new();
        self.each_in(
            "SELECT uid FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND uid",
            vals![self.account, mailbox],
            &values,
            |r| {
                taken.extend(Uid::new(r.u32(0)?));
                Ok(())
            },
        )?;
        Ok(taken)
    }

    fn refuse_taken_uids(&self, mailbox: MailboxId, messages: &[Imported<'_>]) -> Result<()> {
        let uids: Vec<Uid> = messages.iter().map(|m| m.uid).collect();
        let mut taken = self.taken_uids(mailbox, &uids)?;
        match uids.into_iter().find(|uid| !taken.insert(*uid)) {
            Some(uid) => Err(Error::UidTaken { mailbox, uid: u64::from(uid.get()) }),
            None => Ok(()),
        }
    }

    /// Counts the messages in: of their mailbox and of the account.
    fn count_in(&self, mailbox: MailboxId, messages: &[Imported<'_>], clock: ModSeq) -> Result<()> {
        let has = |bit| move |m: &&Imported<'_>| m.flags.system.contains(bit);
        let unseen = messages.len() - messages.iter().filter(has(SystemFlags::SEEN)).count();
        let deleted = messages.iter().filter(has(SystemFlags::DELETED)).count();
        let bytes = messages.iter().try_fold(0i64, |sum, m| sum.checked_add_unsigned(m.email.blob.size));
        let bytes = bytes.ok_or_else(|| Error::Invalid("message too large".into()))?;
        let uid_next = messages.iter().map(|m| u64::from(m.uid.get()) + 1).max().unwrap_or(1);
        let highest = messages.iter().map(|m| m.import.modseq.unwrap_or(clock)).max().unwrap_or(clock);
        let counted = self.execute(
            "UPDATE mailbox SET total = total + ?3, unseen = unseen + ?4, deleted = deleted + ?5, bytes = bytes + ?6, \
             uid_next = CASE WHEN uid_next < ?7 THEN ?7 ELSE uid_next END, \
             highest_modseq = CASE WHEN highest_modseq < ?8 THEN ?8 ELSE highest_modseq END, import_modseq = ?9 \
             WHERE account_id = ?1 AND id = ?2 AND selectable = 1",
            vals![self.account, mailbox, messages.len(), unseen, deleted, bytes, uid_next, highest, clock],
        )?;
        if counted == 0 {
            return Err(Error::NoSuchMailbox(mailbox));
        }
        self.execute(
            "UPDATE account_state SET used_bytes = used_bytes + ?2 WHERE account_id = ?1",
            vals![self.account, bytes],
        )?;
        Ok(())
    }

    /// Bodies that are here already. Large ones are named here one by one: each has bytes of its own to settle.
    fn known_blobs(&self, messages: &[Imported<'_>]) -> Result<HashMap<BlobHash, BlobId>> {
        let mut blobs = HashMap::new();
        for blob in messages.iter().map(|m| &m.email.blob).filter(|blob| !blob.is_inline()) {
            blobs.insert(blob.hash, self.put_blob(blob)?);
        }
        let asked: Vec<BlobHash> = fresh_blobs(messages, &blobs).iter().map(|blob| blob.hash).collect();
        blobs.extend(self.find_blobs(&asked)?);
        Ok(blobs)
    }

    fn insert_messages(
        &self,
        mailbox: MailboxId,
        messages: &[Imported<'_>],
        added: &[Appended],
        flags: &[StoredFlags],
        clock: ModSeq,
    ) -> Result<()> {
        let rows: Vec<_> = messages
            .iter()
            .zip(added)
            .zip(flags)
            .map(|((m, added), flags)| self.message_row(mailbox, added, *flags, clock, m.import))
            .collect();
        self.execute_many(super::append::INSERT, &rows)
    }
}

/// Bodies that have no number yet, each once, in the order of their first appearance.
fn fresh_blobs<'a>(messages: &[Imported<'a>], known: &HashMap<BlobHash, BlobId>) -> Vec<&'a PreparedBlob> {
    let mut seen = BTreeSet::new();
    let blobs = messages.iter().map(|m| &m.email.blob);
    blobs.filter(|blob| !known.contains_key(&blob.hash) && seen.insert(blob.hash.0)).collect()
}

fn lost(what: &str) -> Error {
    Error::Internal(format!("an import lost a {what}"))
}
