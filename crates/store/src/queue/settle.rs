//! Settling: what became of a claim, and the notices about it, in one transaction.

use super::{NewQueued, QueueClaim, Settled};
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// Characters of an error that are kept.
const ERROR_MAX: usize = 2000;

impl Store {
    /// Writes what became of the recipients of a claim and ends it; those that are not mentioned are [`Settled::Untouched`].
    /// `enqueue` (notices to the sender) is queued in the same transaction. A message without recipients left is removed with
    /// its body.
    ///
    /// Fails with [`Error::LeaseLost`], and does nothing, if the claim was taken over, settled before, or removed.
    pub async fn settle_queued(
        &self,
        claim: &QueueClaim,
        settled: Vec<(u64, Settled)>,
        enqueue: Vec<NewQueued>,
    ) -> Result<()> {
        let claim = claim.clone();
        self.queue_write(move |tx| {
            tx.settle(&claim, &settled)?;
            tx.enqueue_all(&enqueue).map(drop)
        })
        .await?;
        self.tell_queue_changed();
        Ok(())
    }
}

fn kept(error: &str) -> String {
    // A server's own words: the one character that not every engine's text holds is shown.
    error.chars().take(ERROR_MAX).map(|c| if c == '\0' { '\u{2400}' } else { c }).collect()
}

impl Tx<'_> {
    fn settle(&self, claim: &QueueClaim, settled: &[(u64, Settled)]) -> Result<()> {
        let (id, batch) = (claim.message.id, claim.batch);
        let sql =
            "SELECT 1 FROM queue_batch WHERE message_id = ?1 AND number = ?2 AND token = ?3 AND holder IS NOT NULL";
        if self.one(sql, vals![id, batch, claim.token], |_| Ok(()))?.is_none() {
            return Err(Error::LeaseLost);
        }
        let of_claim = |n: &u64| claim.recipients.iter().any(|r| r.id == *n);
        if let Some((n, _)) = settled.iter().find(|(n, _)| !of_claim(n)) {
            return Err(Error::Invalid(format!("recipient {n} is not of this claim")));
        }
        let errors: Vec<String> = settled
            .iter()
            .map(|(_, s)| if let Settled::Retry { error, .. } = s { kept(error) } else { String::new() })
            .collect();
        let mut gone: Vec<[Val<'_>; 3]> = Vec::new();
        let mut again: Vec<[Val<'_>; 6]> = Vec::new();
        let mut later: Vec<[Val<'_>; 4]> = Vec::new();
        for ((n, settled), error) in settled.iter().zip(&errors) {
            match settled {
                Settled::Done | Settled::Gone => gone.push([id.into(), batch.into(), (*n).into()]),
                Settled::Retry { due_ms, delay_told, .. } => again.push([
                    id.into(),
                    batch.into(),
                    (*n).into(),
                    (*due_ms).into(),
                    error.into(),
                    (*delay_told).into(),
                ]),
                Settled::Later { due_ms } => later.push([id.into(), batch.into(), (*n).into(), (*due_ms).into()]),
                Settled::Untouched => {}
            }
        }
        self.execute_many("DELETE FROM queue_recipient WHERE message_id = ?1 AND batch = ?2 AND id = ?3", &gone)?;
        self.execute_many(
            "UPDATE queue_recipient SET due_ms = ?4, last_error = ?5, delay_told = ?6, attempts = attempts + 1 \
             WHERE message_id = ?1 AND batch = ?2 AND id = ?3",
            &again,
        )?;
        self.execute_many(
            "UPDATE queue_recipient SET due_ms = ?4 WHERE message_id = ?1 AND batch = ?2 AND id = ?3",
            &later,
        )?;
        self.end_claim(claim, gone.len() as u64)
    }

    /// Gives the batch back, `gone` of whose recipients were removed; a batch or message without any is removed, too.
    fn end_claim(&self, claim: &QueueClaim, gone: u64) -> Result<()> {
        let (id, batch) = (claim.message.id, claim.batch);
        let left = self.one(
            "UPDATE queue_batch SET holder = NULL, recipients = recipients - ?3 WHERE message_id = ?1 AND number = ?2 \
             RETURNING recipients",
            vals![id, batch, gone],
            |r| r.u64(0),
        )?;
        if left == Some(0) {
            self.execute("DELETE FROM queue_batch WHERE message_id = ?1 AND number = ?2", vals![id, batch])?;
        } else {
            self.schedule_batches(&[[id.into(), batch.into()]])?;
        }
        let destination = [claim.destination.clone()];
        if gone > 0 {
            self.leave_destinations(&[(claim.destination.clone(), gone)])?;
            let sql = "UPDATE queue_message SET recipients = recipients - ?2 WHERE id = ?1 RETURNING recipients";
            let left = self.one(sql, vals![id, gone], |r| r.u64(0))?;
            self.count_queue(0, -(gone as i64), 0)?;
            if left == Some(0) {
                self.forget_message(id)?;
            }
        }
        self.refresh_destinations(&destination)
    }
}
