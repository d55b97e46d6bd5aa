//! What a mover keeps inside the account: where it stands in each folder, and what it could not carry over.
//!
//! The cursors lie here, and not beside the mover's other state in the directory, because a cursor and the messages
//! it speaks of must be committed together: then a crash neither loses nor repeats a message.

use sterna_core::{MailboxId, Uid};

use crate::db::{Row, Tx, vals};
use crate::error::Result;

/// One folder of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveFolder {
    /// The folder's name on the source's wire.
    pub source: Vec<u8>,
    /// The mailbox made from it; `None`: not created yet.
    pub mailbox: Option<MailboxId>,
    /// The mover's cursor, in its own form.
    pub cursor: String,
}

/// Something that a move could not carry over as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveException {
    /// The folder's name on the source's wire; empty: the account as a whole.
    pub source: Vec<u8>,
    /// The source UID, if it is about one message.
    pub uid: Option<Uid>,
    /// A sentence for the receipt.
    pub reason: String,
    /// Seconds since 1970.
    pub at: i64,
}

fn from_row(r: &Row<'_>) -> Result<MoveFolder> {
    Ok(MoveFolder {
        source: r.blob(0)?.to_vec(),
        mailbox: Some(r.u64(1)?).filter(|id| *id != 0).map(MailboxId),
        cursor: r.text(2)?.to_owned(),
    })
}

impl Tx<'_> {
    /// Every folder that the move knows.
    pub fn move_folders(&self) -> Result<Vec<MoveFolder>> {
        self.query(
            "SELECT source, mailbox_id, cursor FROM move_folder WHERE account_id = ?1 ORDER BY source",
            vals![self.account],
            from_row,
        )
    }

    /// One folder, if the move knows it.
    pub fn move_folder(&self, source: &[u8]) -> Result<Option<MoveFolder>> {
        self.one(
            "SELECT source, mailbox_id, cursor FROM move_folder WHERE account_id = ?1 AND source = ?2",
            vals![self.account, source],
            from_row,
        )
    }

    /// Writes where the move stands in a folder.
    pub fn put_move_folder(&self, folder: &MoveFolder) -> Result<()> {
        self.execute(
            "INSERT INTO move_folder (account_id, source, mailbox_id, cursor) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account_id, source) DO UPDATE SET mailbox_id = ?3, cursor = ?4",
            vals![self.account, &folder.source, folder.mailbox.map_or(0, |id| id.0), &folder.cursor],
        )?;
        Ok(())
    }

    /// Forgets a folder (it is gone at the source).
    pub fn remove_move_folder(&self, source: &[u8]) -> Result<()> {
        self.execute("DELETE FROM move_folder WHERE account_id = ?1 AND source = ?2", vals![self.account, source])?;
        Ok(())
    }

    /// Notes an exception; the same one is noted once.
    pub fn add_move_exception(&self, source: &[u8], uid: Option<Uid>, reason: &str) -> Result<()> {
        // A source's own words: the one character that not every engine's text holds is shown.
        let reason = &reason.replace('\0', "\u{2400}");
        let known = self.one(
            "SELECT 1 FROM move_exception WHERE account_id = ?1 AND source = ?2 AND COALESCE(uid, 0) = ?3 \
             AND reason = ?4",
            vals![self.account, source, uid.map_or(0, Uid::get), reason],
            |_| Ok(()),
        )?;
        if known.is_none() {
            self.execute(
                "INSERT INTO move_exception (id, account_id, source, uid, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                vals![self.next_id()?, self.account, source, uid, reason, self.now],
            )?;
        }
        Ok(())
    }

    /// All exceptions, oldest first.
    pub fn move_exceptions(&self) -> Result<Vec<MoveException>> {
        self.query(
            "SELECT source, uid, reason, at FROM move_exception WHERE account_id = ?1 ORDER BY id",
            vals![self.account],
            |r| {
                Ok(MoveException {
                    source: r.blob(0)?.to_vec(),
                    uid: r.opt_int(1)?.and_then(|uid| u32::try_from(uid).ok()).and_then(Uid::new),
                    reason: r.text(2)?.to_owned(),
                    at: r.int(3)?,
                })
            },
        )
    }

    /// Forgets the exceptions of a folder before a new pass looks at it again.
    pub fn clear_move_exceptions(&self, source: &[u8]) -> Result<()> {
        self.execute("DELETE FROM move_exception WHERE account_id = ?1 AND source = ?2", vals![self.account, source])?;
        Ok(())
    }
}
