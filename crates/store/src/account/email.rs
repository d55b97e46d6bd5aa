//! E-mails: the immutable part of a message, shared by its copies in several mailboxes.

use sterna_core::{BlobId, DateTime, EmailId, ModSeq, ThreadId};

use super::append::NewEmail;
use super::mailbox::GONE_EMAIL;
use crate::db::{Row, Tx, Val, vals};
use crate::error::{Error, Result};

/// One e-mail, its structure borrowed from the engine.
#[derive(Clone, Copy, Debug)]
pub struct Email<'r> {
    /// RFC 8474 EMAILID.
    pub id: EmailId,
    /// The original bytes.
    pub blob: BlobId,
    /// RFC 8474 THREADID.
    pub thread: ThreadId,
    /// RFC822.SIZE: bytes of the original.
    pub size: u64,
    /// INTERNALDATE, with the zone it was given in.
    pub internaldate: DateTime,
    /// The Date header, if it is a date.
    pub sent: Option<DateTime>,
    /// The stored structure (`sterna_message::Structure`).
    pub structure: &'r [u8],
}

/// Columns of [`from_row`], for a query in which `email` is called `e`.
pub(super) const COLUMNS: &str =
    "e.id, e.blob_id, e.thread_id, e.size, e.received, e.received_offset, e.sent, e.sent_offset, e.structure";

/// Reads [`COLUMNS`] from column `at` on.
pub(super) fn from_row<'r>(r: &Row<'r>, at: usize) -> Result<Email<'r>> {
    let offset = |minutes: i64| i16::try_from(minutes).map_err(|_| Error::Corrupt("a zone is out of range".into()));
    let sent = match (r.opt_int(at + 6)?, r.opt_int(at + 7)?) {
        (Some(unix), Some(minutes)) => Some(DateTime { unix, offset: offset(minutes)? }),
        _ => None,
    };
    Ok(Email {
        id: EmailId(r.u64(at)?),
        blob: BlobId(r.u64(at + 1)?),
        thread: ThreadId(r.u64(at + 2)?),
        size: r.u64(at + 3)?,
        internaldate: DateTime { unix: r.int(at + 4)?, offset: offset(r.int(at + 5)?)? },
        sent,
        structure: r.blob(at + 8)?,
    })
}

/// Stores the immutable part of a message.
pub(super) const INSERT: &str = "INSERT INTO email (id, account_id, blob_id, thread_id, size, received, \
     received_offset, sent, sent_offset, created_modseq, structure) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

impl Tx<'_> {
    /// Stores the immutable part of a message.
    pub(crate) fn insert_email(&self, email: &NewEmail, modseq: ModSeq) -> Result<EmailId> {
        let blob = self.put_blob(&email.blob)?;
        let thread = self.thread_for(&email.thread_keys)?;
        let id = EmailId(self.next_id()?);
        self.execute(INSERT, &self.email_row(id, blob, thread, email, modseq))?;
        Ok(id)
    }

    /// The parameters of [`INSERT`].
    pub(super) fn email_row<'r>(
        &self,
        id: EmailId,
        blob: BlobId,
        thread: ThreadId,
        email: &'r NewEmail,
        created: ModSeq,
    ) -> [Val<'r>; 11] {
        [
            id.into(),
            self.account.into(),
            blob.into(),
            thread.into(),
            email.blob.size.into(),
            email.internaldate.unix.into(),
            email.internaldate.offset.into(),
            email.sent.map(|d| d.unix).into(),
            email.sent.map(|d| d.offset).into(),
            created.into(),
            (&email.structure).into(),
        ]
    }

    /// Removes e-mails of the list that no mailbox holds any more, and bodies that no e-mail names.
    pub(crate) fn release_emails(&self, ids: &[EmailId], modseq: ModSeq) -> Result<()> {
        for id in ids {
            let held = "SELECT 1 FROM message WHERE account_id = ?1 AND email_id = ?2";
            if self.one(held, vals![self.account, *id], |_| Ok(()))?.is_some() {
                continue;
            }
            let delete = "DELETE FROM email WHERE account_id = ?1 AND id = ?2 RETURNING blob_id";
            let Some(blob) = self.one(delete, vals![self.account, *id], |r| Ok(BlobId(r.u64(0)?)))? else { continue };
            self.entomb(GONE_EMAIL, 0, modseq, &[id.0])?;
            let named = "SELECT 1 FROM email WHERE account_id = ?1 AND blob_id = ?2";
            if self.one(named, vals![self.account, blob], |_| Ok(()))?.is_none() {
                self.release_blob(blob)?;
            }
        }
        Ok(())
    }
}
