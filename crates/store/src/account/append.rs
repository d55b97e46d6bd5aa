//! Messages coming in from a client or a delivery: the store gives the UID. Those from a source: [`super::import`].

use sterna_core::{DateTime, EmailId, Flags, MailboxId, ModSeq, SystemFlags, Uid};

use super::keyset::StoredFlags;
use crate::blob::PreparedBlob;
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};

/// The immutable part of a message, ready to be stored: everything costly was done outside the transaction.
#[derive(Debug)]
pub struct NewEmail {
    /// The original bytes.
    pub blob: PreparedBlob,
    /// `sterna_message::Structure`, as bytes.
    pub structure: Vec<u8>,
    /// INTERNALDATE, kept with its zone.
    pub internaldate: DateTime,
    /// The Date header, if it is a date.
    pub sent: Option<DateTime>,
    /// Hashes of the Message-ID first, then of In-Reply-To and References.
    pub thread_keys: Vec<u64>,
}

/// Where a message was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its UID in the mailbox.
    pub uid: Uid,
    /// RFC 8474 EMAILID.
    pub email: EmailId,
    /// The number of the transaction.
    pub modseq: ModSeq,
}

/// The identity that a message brings from its source.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// MODSEQ at the source; `None`: the transaction's own.
    pub modseq: Option<ModSeq>,
    /// SAVEDATE at the source, seconds since 1970; `None`: now.
    pub saved_at: Option<i64>,
    /// POP3 unique id at the source.
    pub uidl: Option<String>,
}

/// Puts a message into a mailbox.
pub(super) const INSERT: &str = "INSERT INTO message (account_id, mailbox_id, uid, email_id, flags, modseq, \
     created_modseq, saved_at, uidl) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

impl Tx<'_> {
    /// Adds a message under the mailbox's next UID. Holds to the quota.
    pub fn append(&self, mailbox: MailboxId, email: &NewEmail, flags: &Flags) -> Result<Appended> {
        // For a body, a thread and an e-mail.
        let size = email.blob.size;
        let (used, quota) = self.take_for_message(3, size)?;
        if let Some(limit) = quota.filter(|limit| used.saturating_add(size) > *limit) {
            return Err(Error::OverQuota { used, limit, wanted: size });
        }
        let modseq = self.modseq()?;
        let uid = self.take_place(mailbox, flags.system, size, modseq)?;
        let email_id = self.insert_email(email, modseq)?;
        let flags = self.stored_flags(flags)?;
        self.insert_message(mailbox, uid, email_id, flags, modseq, &Import::default())?;
        Ok(Appended { uid, email: email_id, modseq })
    }

    pub(crate) fn insert_message(
        &self,
        mailbox: MailboxId,
        uid: Uid,
        email: EmailId,
        flags: StoredFlags,
        modseq: ModSeq,
        import: &Import,
    ) -> Result<()> {
        let added = Appended { uid, email, modseq };
        self.execute(INSERT, &self.message_row(mailbox, &added, flags, self.modseq()?, import))?;
        Ok(())
    }

    /// The parameters of [`INSERT`].
    pub(super) fn message_row<'r>(
        &self,
        mailbox: MailboxId,
        added: &Appended,
        flags: StoredFlags,
        created: ModSeq,
        import: &'r Import,
    ) -> [Val<'r>; 9] {
        [
            self.account.into(),
            mailbox.into(),
            added.uid.into(),
            added.email.into(),
            flags.0.into(),
            added.modseq.into(),
            created.into(),
            import.saved_at.unwrap_or(self.now).into(),
            import.uidl.as_ref().into(),
        ]
    }

    /// Counts messages, of which it is given flags and size, in (`sign` 1) or out (−1): of the mailbox and of the account.
    /// Once for many: each change of a row is a version of it, which all later ones of the transaction must pass.
    pub(crate) fn count(
        &self,
        mailbox: MailboxId,
        messages: impl IntoIterator<Item = (SystemFlags, u64)>,
        sign: i64,
    ) -> Result<()> {
        let (mut total, mut unseen, mut deleted, mut bytes) = (0i64, 0i64, 0i64, 0i64);
        for (flags, size) in messages {
            total += sign;
            unseen += if flags.contains(SystemFlags::SEEN) { 0 } else { sign };
            deleted += if flags.contains(SystemFlags::DELETED) { sign } else { 0 };
            let size = i64::try_from(size).ok().and_then(|size| bytes.checked_add(size * sign));
            bytes = size.ok_or_else(|| Error::Invalid("message too large".into()))?;
        }
        self.execute(
            "UPDATE mailbox SET total = total + ?3, unseen = unseen + ?4, deleted = deleted + ?5, bytes = bytes + ?6 \
             WHERE account_id = ?1 AND id = ?2",
            vals![self.account, mailbox, total, unseen, deleted, bytes],
        )?;
        self.execute(
            "UPDATE account_state SET used_bytes = used_bytes + ?2 WHERE account_id = ?1",
            vals![self.account, bytes],
        )?;
        Ok(())
    }
}
