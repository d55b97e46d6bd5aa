//! Queueing: a message and its recipients in one transaction. Messages that are queued at the same time share an fsync.

use std::collections::HashMap;

use super::{BATCH_RECIPIENTS, NEVER, NewQueued, NewQueuedRecipient, QueueId};
use crate::blob::Blobs;
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

impl Store {
    /// Where the bodies of queued messages go, for a [`crate::BlobWriter`].
    pub fn queue_blobs(&self) -> Blobs {
        Blobs { db: self.directory().clone() }
    }

    /// Queues a message; durable when this returns. [`Error::Invalid`] without recipients; [`Error::Unavailable`] if the
    /// prepared body was left for so long that the collector took it.
    pub async fn enqueue(&self, message: NewQueued) -> Result<QueueId> {
        let id = self.directory().write(move |tx| tx.enqueue(&message)).await?;
        self.tell_queue_changed();
        Ok(id)
    }
}

/// Recipients of one destination that are tried together.
struct Batch<'a> {
    destination: &'a str,
    next_ms: i64,
    recipients: u64,
}

/// Puts recipients into batches, in their order: for each the number of its batch.
fn batches(recipients: &[NewQueuedRecipient], now: i64) -> (Vec<Batch<'_>>, Vec<usize>) {
    let mut batches: Vec<Batch<'_>> = Vec::new();
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut places = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let destination = recipient.destination.as_str();
        let due = recipient.due_ms.max(now);
        let at = open
            .get(destination)
            .copied()
            .filter(|at| batches.get(*at).is_some_and(|batch| batch.recipients < BATCH_RECIPIENTS as u64));
        let at = at.unwrap_or_else(|| {
            batches.push(Batch { destination, next_ms: NEVER, recipients: 0 });
            open.insert(destination, batches.len() - 1);
            batches.len() - 1
        });
        if let Some(batch) = batches.get_mut(at) {
            batch.next_ms = batch.next_ms.min(due);
            batch.recipients += 1;
        }
        places.push(at);
    }
    (batches, places)
}

impl Tx<'_> {
    pub(super) fn enqueue(&self, new: &NewQueued) -> Result<QueueId> {
        if new.recipients.is_empty() {
            return Err(Error::Invalid("a message without recipients cannot be queued".into()));
        }
        let now = self.db_millis()?;
        let blob = self.put_blob(&new.blob)?;
        let id = QueueId(self.next_id()?);
        self.execute(
            "INSERT INTO queue_message (id, sender, options, submitter, blob_id, size, queued_ms, expires_ms, held, \
             recipients) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)",
            vals![
                id,
                &new.sender,
                &new.options,
                new.submitter,
                blob,
                new.blob.size,
                now,
                new.expires_ms,
                new.recipients.len()
            ],
        )?;
        let (batches, places) = batches(&new.recipients, now);
        let rows: Vec<[Val<'_>; 5]> = batches
            .iter()
            .enumerate()
            .map(|(n, b)| [id.into(), n.into(), b.destination.into(), b.next_ms.into(), b.recipients.into()])
            .collect();
        self.execute_many(
            "INSERT INTO queue_batch (message_id, number, destination, next_ms, recipients, token) \
             VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            &rows,
        )?;
        let rows: Vec<[Val<'_>; 6]> = (1u64..)
            .zip(new.recipients.iter().zip(&places))
            .map(|(n, (r, batch))| {
                let due = r.due_ms.max(now);
                [id.into(), (*batch).into(), n.into(), (&r.address).into(), (&r.options).into(), due.into()]
            })
            .collect();
        self.execute_many(
            "INSERT INTO queue_recipient (message_id, batch, id, address, options, due_ms, attempts, delay_told) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0)",
            &rows,
        )?;
        self.join_destinations(batches.iter().map(|b| (b.destination, b.next_ms, b.recipients)))?;
        self.count_queue(1, new.recipients.len() as i64, 0)?;
        Ok(id)
    }

    /// Adds batches to their destinations: name, `next_ms`, recipients of each.
    pub(super) fn join_destinations<'a>(&self, batches: impl Iterator<Item = (&'a str, i64, u64)>) -> Result<()> {
        let mut joined: HashMap<&str, (i64, u64)> = HashMap::new();
        for (name, next_ms, recipients) in batches {
            let entry = joined.entry(name).or_insert((NEVER, 0));
            *entry = (entry.0.min(next_ms), entry.1 + recipients);
        }
        let rows: Vec<[Val<'_>; 3]> =
            joined.iter().map(|(name, (next_ms, n))| [(*name).into(), (*next_ms).into(), (*n).into()]).collect();
        self.execute_many(
            "INSERT INTO queue_destination (name, next_ms, recipients) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET recipients = queue_destination.recipients + excluded.recipients, \
             next_ms = CASE WHEN excluded.next_ms < queue_destination.next_ms THEN excluded.next_ms \
             ELSE queue_destination.next_ms END",
            &rows,
        )
    }
}
