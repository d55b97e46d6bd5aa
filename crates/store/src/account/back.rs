//! What a move keeps to be able to go back: the folder of each mailbox on the old side, where messages lie there that came
//! after the change of sides, and the questions by which their changes are found.
//!
//! The messages that the move brought have the same UID on both sides and need no row.

use sterna_core::{BlobHash, BlobId, DateTime, EmailId, MailboxId, ModSeq, Uid};

use super::keyset::StoredFlags;
use crate::db::{Row, Tx, Val, vals};
use crate::error::{Error, Result};

/// A mailbox and its folder on the old side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackFolder {
    /// The mailbox here; it may be gone.
    pub mailbox: MailboxId,
    /// The folder's name on the old side's wire.
    pub source: Vec<u8>,
    /// The mover's state, in its own form.
    pub state: String,
}

/// A message that is on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackMessage {
    /// UID here.
    pub uid: Uid,
    /// UID on the old side.
    pub there: Uid,
}

/// A message that changed or came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// UID here.
    pub uid: Uid,
    /// Its immutable part.
    pub email: EmailId,
    /// As they are now.
    pub flags: StoredFlags,
    /// Last change.
    pub modseq: ModSeq,
}

/// What is needed to store a message elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// UID here.
    pub uid: Uid,
    /// Its immutable part.
    pub email: EmailId,
    /// Its flags.
    pub flags: StoredFlags,
    /// Its bytes.
    pub blob: BlobId,
    /// How many they are.
    pub size: u64,
    /// BLAKE3 of them.
    pub hash: BlobHash,
    /// With its zone.
    pub internaldate: DateTime,
}

fn uid(r: &Row<'_>, column: usize) -> Result<Uid> {
    Uid::new(r.u32(column)?).ok_or_else(|| Error::Corrupt("UID 0".into()))
}

impl Tx<'_> {
    /// Every folder that can be brought up to date; none before the change of sides.
    pub fn back_folders(&self) -> Result<Vec<BackFolder>> {
        self.query(
            "SELECT mailbox_id, source, state FROM move_back_folder WHERE account_id = ?1 ORDER BY mailbox_id",
            vals![self.account],
            |r| {
                let source = r.blob(1)?.to_vec();
                Ok(BackFolder { mailbox: MailboxId(r.u64(0)?), source, state: r.text(2)?.to_owned() })
            },
        )
    }

    /// Writes a folder's name and state.
    pub fn put_back_folder(&self, folder: &BackFolder) -> Result<()> {
        self.execute(
            "INSERT INTO move_back_folder (account_id, mailbox_id, source, state) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account_id, mailbox_id) DO UPDATE SET source = ?3, state = ?4",
            vals![self.account, folder.mailbox, &folder.source, &folder.state],
        )?;
        Ok(())
    }

    /// Forgets a folder and where its messages lie.
    pub fn remove_back_folder(&self, mailbox: MailboxId) -> Result<()> {
        self.clear_back_messages(mailbox)?;
        let sql = "DELETE FROM move_back_folder WHERE account_id = ?1 AND mailbox_id = ?2";
        self.execute(sql, vals![self.account, mailbox])?;
        Ok(())
    }

    /// Where the messages of a mailbox lie that came after the change of sides, in ascending order here.
    pub fn back_messages(&self, mailbox: MailboxId) -> Result<Vec<BackMessage>> {
        self.query(
            "SELECT uid, source_uid FROM move_back WHERE account_id = ?1 AND mailbox_id = ?2 ORDER BY uid",
            vals![self.account, mailbox],
            |r| Ok(BackMessage { uid: uid(r, 0)?, there: uid(r, 1)? }),
        )
    }

    /// Notes where messages lie.
    pub fn put_back_messages(&self, mailbox: MailboxId, messages: &[BackMessage]) -> Result<()> {
        let rows: Vec<[Val<'_>; 4]> =
            messages.iter().map(|m| [self.account.into(), mailbox.into(), m.uid.into(), m.there.into()]).collect();
        self.execute_many(
            "INSERT INTO move_back (account_id, mailbox_id, uid, source_uid) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account_id, mailbox_id, uid) DO UPDATE SET source_uid = ?4",
            &rows,
        )
    }

    /// Forgets where messages lie, by their UIDs here.
    pub fn remove_back_messages(&self, mailbox: MailboxId, uids: &[Uid]) -> Result<()> {
        let rows: Vec<[Val<'_>; 3]> =
            uids.iter().map(|uid| [self.account.into(), mailbox.into(), (*uid).into()]).collect();
        self.execute_many("DELETE FROM move_back WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3", &rows)
    }

    /// Forgets where all messages of a mailbox lie.
    pub fn clear_back_messages(&self, mailbox: MailboxId) -> Result<()> {
        let sql = "DELETE FROM move_back WHERE account_id = ?1 AND mailbox_id = ?2";
        self.execute(sql, vals![self.account, mailbox])?;
        Ok(())
    }

    /// Messages with a MODSEQ above `since`, ascending by UID.
    pub fn changed_since(&self, mailbox: MailboxId, since: ModSeq) -> Result<Vec<Changed>> {
        self.query(
            "SELECT uid, email_id, flags, modseq FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND modseq > ?3 \
             ORDER BY uid",
            vals![self.account, mailbox, since],
            |r| {
                let (uid, email) = (uid(r, 0)?, EmailId(r.u64(1)?));
                Ok(Changed { uid, email, flags: StoredFlags(r.u32(2)?), modseq: ModSeq(r.u64(3)?) })
            },
        )
    }

    /// UIDs expunged after `since` with the e-mail that each was, where that was noted. A message that was moved away is
    /// found again by it.
    pub fn expunged_since(&self, mailbox: MailboxId, since: ModSeq) -> Result<Vec<(Uid, Option<EmailId>)>> {
        self.query(
            "SELECT id, email_id FROM tombstone WHERE account_id = ?1 AND kind = ?2 AND mailbox_id = ?3 \
             AND modseq > ?4 ORDER BY id",
            vals![self.account, super::mailbox::GONE_MESSAGE, mailbox, since],
            |r| Ok((uid(r, 0)?, r.opt_int(1)?.map(|id| EmailId(id as u64)))),
        )
    }

    /// Every place that holds an e-mail.
    pub fn places(&self, email: EmailId) -> Result<Vec<(MailboxId, Uid)>> {
        self.query(
            "SELECT mailbox_id, uid FROM message WHERE account_id = ?1 AND email_id = ?2 ORDER BY mailbox_id, uid",
            vals![self.account, email],
            |r| Ok((MailboxId(r.u64(0)?), uid(r, 1)?)),
        )
    }

    /// Those of the UIDs that are still there, ascending.
    pub fn stored(&self, mailbox: MailboxId, uids: &[Uid]) -> Result<Vec<Stored>> {
        let values: Vec<Val<'_>> = uids.iter().map(|uid| (*uid).into()).collect();
        let mut found = Vec::new();
        self.each_in(
            "SELECT m.uid, m.flags, e.blob_id, e.size, b.hash, e.received, e.received_offset, e.id FROM message m \
             JOIN email e ON e.account_id = m.account_id AND e.id = m.email_id \
             JOIN blob b ON b.account_id = e.account_id AND b.id = e.blob_id \
             WHERE m.account_id = ?1 AND m.mailbox_id = ?2 AND m.uid",
            vals![self.account, mailbox],
            &values,
            |r| {
                let hash = <[u8; 32]>::try_from(r.blob(4)?).map_err(|_| Error::Corrupt("a hash is cut".into()))?;
                let offset = i16::try_from(r.int(6)?).map_err(|_| Error::Corrupt("a zone is out of range".into()))?;
                found.push(Stored {
                    uid: uid(r, 0)?,
                    email: EmailId(r.u64(7)?),
                    flags: StoredFlags(r.u32(1)?),
                    blob: BlobId(r.u64(2)?),
                    size: r.u64(3)?,
                    hash: BlobHash(hash),
                    internaldate: DateTime { unix: r.int(5)?, offset },
                });
                Ok(())
            },
        )?;
        found.sort_unstable_by_key(|m| m.uid);
        Ok(found)
    }
}
