//! Removing a message from the queue, with the body that no other message shares.

use sterna_core::BlobId;

use super::QueueId;
use crate::db::{Tx, vals};
use crate::error::Result;

impl Tx<'_> {
    /// Removes a message that has no recipients any more, and its body if no other message has it.
    pub(super) fn forget_message(&self, id: QueueId) -> Result<()> {
        let sql = "DELETE FROM queue_message WHERE id = ?1 RETURNING blob_id, held";
        let Some((blob, held)) = self.one(sql, vals![id], |r| Ok((BlobId(r.u64(0)?), r.int(1)?)))? else {
            return Ok(());
        };
        self.count_queue(-1, 0, -held)?;
        let sql = "SELECT 1 FROM queue_message WHERE blob_id = ?1";
        match self.one(sql, vals![blob], |_| Ok(()))? {
            Some(()) => Ok(()),
            None => self.release_blob(blob),
        }
    }

    /// Removes a message whoever waits for it; `false` if there is none.
    pub(super) fn remove_queued(&self, id: QueueId) -> Result<bool> {
        let sql = "SELECT recipients FROM queue_message WHERE id = ?1";
        let Some(recipients) = self.one(sql, vals![id], |r| r.int(0))? else { return Ok(false) };
        let left = self.query(
            "SELECT destination, CAST(SUM(recipients) AS BIGINT) FROM queue_batch WHERE message_id = ?1 \
             GROUP BY destination",
            vals![id],
            |r| Ok((r.text(0)?.to_owned(), r.u64(1)?)),
        )?;
        self.execute("DELETE FROM queue_recipient WHERE message_id = ?1", vals![id])?;
        self.execute("DELETE FROM queue_batch WHERE message_id = ?1", vals![id])?;
        self.leave_destinations(&left)?;
        let names: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
        self.refresh_destinations(&names)?;
        self.count_queue(0, -recipients, 0)?;
        self.forget_message(id)?;
        Ok(true)
    }
}
