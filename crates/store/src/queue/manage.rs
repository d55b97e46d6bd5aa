//! What an operator does to queued messages: hold, release, try now, remove. In steps, so that a million of them keep
//! nobody waiting.

use std::collections::HashSet;

use super::{QueueFilter, QueueId, QueueSelection};
use crate::account::Account;
use crate::db::{Tx, Val, vals};
use crate::error::Result;
use crate::store::Store;

/// Messages changed in one transaction at most …
const STEP: usize = 200;

/// … and recipients, after which no further message is begun.
const STEP_RECIPIENTS: u64 = 2000;

/// What is done to a message.
#[derive(Clone, Copy)]
enum Change {
    Hold(bool),
    Retry,
    Remove,
}

impl Store {
    /// Holds messages, or releases them; how many there were that were not so already. What a node is trying at this moment
    /// is held when it has been tried.
    pub async fn queue_hold(&self, which: impl Into<QueueSelection>, held: bool) -> Result<u64> {
        self.change_queued(which.into(), Change::Hold(held)).await
    }

    /// Makes all recipients of messages due now; how many messages there were. Held ones stay held.
    pub async fn queue_retry(&self, which: impl Into<QueueSelection>) -> Result<u64> {
        self.change_queued(which.into(), Change::Retry).await
    }

    /// Removes messages without telling anybody; how many there were. Who is trying one at this moment loses the claim.
    pub async fn queue_remove(&self, which: impl Into<QueueSelection>) -> Result<u64> {
        self.change_queued(which.into(), Change::Remove).await
    }

    /// The directory as the account whose bodies are those of the queue.
    pub(super) fn queue_bodies(&self) -> Account {
        self.handle(self.directory().clone())
    }

    async fn change_queued(&self, which: QueueSelection, change: Change) -> Result<u64> {
        let mut changed = 0;
        match which {
            QueueSelection::Ids(mut ids) => {
                while !ids.is_empty() {
                    let step: Vec<QueueId> = ids.iter().take(STEP).copied().collect();
                    let (done, n) = self.queue_write(move |tx| tx.change_some(&step, change)).await?;
                    ids.drain(..done);
                    changed += n;
                }
            }
            QueueSelection::Filter(filter) => {
                let mut after = QueueId(0);
                while let Some((last, n)) = self.change_page(after, filter.clone(), change).await? {
                    (after, changed) = (last, changed + n);
                }
            }
        }
        // First: who is woken by the other one looks at this.
        if changed > 0 && matches!(change, Change::Retry | Change::Hold(false)) {
            self.tell_queue_retried();
        }
        self.tell_queue_changed();
        Ok(changed)
    }

    /// Changes the next messages behind `after`; the last one, and how many were changed. `None`: there are no more.
    async fn change_page(&self, after: QueueId, filter: QueueFilter, change: Change) -> Result<Option<(QueueId, u64)>> {
        self.queue_write(move |tx| {
            let ids = tx.queue_page(after, STEP, &filter)?;
            let (done, n) = tx.change_some(&ids, change)?;
            Ok(done.checked_sub(1).and_then(|at| ids.get(at)).map(|last| (*last, n)))
        })
        .await
    }
}

impl Tx<'_> {
    /// Changes the first of some messages, one at least: how many were looked at, and how many changed.
    fn change_some(&self, ids: &[QueueId], change: Change) -> Result<(usize, u64)> {
        let (mut done, mut changed, mut recipients) = (0, 0, 0);
        for id in ids {
            let sql = "SELECT recipients FROM queue_message WHERE id = ?1";
            recipients += self.one(sql, vals![*id], |r| r.u64(0))?.unwrap_or(0);
            changed += u64::from(match change {
                Change::Hold(held) => self.hold_queued(*id, held)?,
                Change::Retry => self.retry_queued(*id)?,
                Change::Remove => self.remove_queued(*id)?,
            });
            done += 1;
            if recipients > STEP_RECIPIENTS {
                break;
            }
        }
        Ok((done, changed))
    }

    fn hold_queued(&self, id: QueueId, held: bool) -> Result<bool> {
        let sql = "UPDATE queue_message SET held = ?2 WHERE id = ?1 AND held <> ?2";
        if self.execute(sql, vals![id, held])? == 0 {
            return Ok(false);
        }
        self.count_queue(0, 0, if held { 1 } else { -1 })?;
        self.schedule_message(id)?;
        Ok(true)
    }

    fn retry_queued(&self, id: QueueId) -> Result<bool> {
        let now = self.db_millis()?;
        let sql = "UPDATE queue_recipient SET due_ms = ?2 WHERE message_id = ?1 AND due_ms > ?2";
        self.execute(sql, vals![id, now])?;
        self.schedule_message(id)
    }

    /// Brings all batches of a message that nobody holds up to date; `false` if it has none.
    fn schedule_message(&self, id: QueueId) -> Result<bool> {
        let sql = "SELECT number, destination FROM queue_batch WHERE message_id = ?1";
        let batches = self.query(sql, vals![id], |r| Ok((r.u64(0)?, r.text(1)?.to_owned())))?;
        let rows: Vec<[Val<'_>; 2]> = batches.iter().map(|(n, _)| [id.into(), (*n).into()]).collect();
        self.schedule_batches(&rows)?;
        let names: HashSet<String> = batches.into_iter().map(|(_, name)| name).collect();
        self.refresh_destinations(&names.iter().cloned().collect::<Vec<_>>())?;
        Ok(!names.is_empty())
    }
}
