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

/// What a message went through before it came here.
pub(super) struct Past {
    pub queued_ms: i64,
    pub held: bool,
    /// Of each recipient: attempts, the last error, whether the sender was told of a delay.
    pub attempts: Vec<(u32, Option<String>, bool)>,
}

/// Recipients of one destination that are tried together.
struct Batch<'a> {
    destination: &'a str,
    next_ms: i64,
    recipients: u64,
}

/// Puts recipients into batches, in their order: for each the number of its batch. None is due before `earliest`.
fn batches(recipients: &[NewQueuedRecipient], earliest: i64) -> (Vec<Batch<'_>>, Vec<usize>) {
    let mut batches: Vec<Batch<'_>> = Vec::new();
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut places = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let destination = recipient.destination.as_str();
        let due = recipient.due_ms.max(earliest);
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
        self.enqueue_with(new, None)
    }

    /// The same for a message that waited elsewhere.
    pub(super) fn enqueue_with(&self, new: &NewQueued, past: Option<&Past>) -> Result<QueueId> {
        if new.recipients.is_empty() {
            return Err(Error::Invalid("a message without recipients cannot be queued".into()));
        }
        let now = self.db_millis()?;
        let (queued, held) = past.map_or((now, false), |past| (past.queued_ms, past.held));
        let blob = self.put_blob(&new.blob)?;
        let id = QueueId(self.next_id()?);
        self.execute(
            "INSERT INTO queue_message (id, sender, options, submitter, blob_id, size, queued_ms, expires_ms, held, \
             recipients) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            vals![
                id,
                &new.sender,
                &new.options,
                new.submitter,
                blob,
                new.blob.size,
                queued,
                new.expires_ms,
                held,
                new.recipients.len()
            ],
        )?;
        // What was due elsewhere stays so.
        let earliest = past.map_or(now, |_| i64::MIN);
        let (mut batches, places) = batches(&new.recipients, earliest);
        if held {
            batches.iter_mut().for_each(|batch| batch.next_ms = NEVER);
        }
        self.insert_batches(id, &batches)?;
        self.insert_recipients(id, new, &places, (earliest, past))?;
        self.join_destinations(&batches)?;
        self.count_queue(1, new.recipients.len() as i64, i64::from(held))?;
        Ok(id)
    }

    fn insert_batches(&self, id: QueueId, batches: &[Batch<'_>]) -> Result<()> {
        let rows: Vec<[Val<'_>; 5]> = (0u64..)
            .zip(batches)
            .map(|(n, b)| [id.into(), n.into(), b.destination.into(), b.next_ms.into(), b.recipients.into()])
            .collect();
        self.execute_many(
            "INSERT INTO queue_batch (message_id, number, destination, next_ms, recipients, token) \
             VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            &rows,
        )
    }

    /// Recipients with the batches that they are in.
    fn insert_recipients(
        &self,
        id: QueueId,
        new: &NewQueued,
        batches: &[usize],
        (earliest, past): (i64, Option<&Past>),
    ) -> Result<()> {
        let mut attempts = past.map(|past| past.attempts.as_slice()).unwrap_or_default().iter();
        let rows: Vec<[Val<'_>; 9]> = (1u64..)
            .zip(new.recipients.iter().zip(batches))
            .map(|(n, (r, batch))| {
                let due = r.due_ms.max(earliest);
                let (attempts, error, told) = match attempts.next() {
                    Some((attempts, error, told)) => (*attempts, error.as_ref(), *told),
                    None => (0, None, false),
                };
                [
                    id.into(),
                    (*batch).into(),
                    n.into(),
                    (&r.address).into(),
                    (&r.options).into(),
                    due.into(),
                    attempts.into(),
                    error.into(),
                    told.into(),
                ]
            })
            .collect();
        self.execute_many(
            "INSERT INTO queue_recipient (message_id, batch, id, address, options, due_ms, attempts, last_error, \
             delay_told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &rows,
        )
    }

    /// Adds batches to their destinations.
    fn join_destinations(&self, batches: &[Batch<'_>]) -> Result<()> {
        let mut joined: HashMap<&str, (i64, u64)> = HashMap::new();
        for Batch { destination, next_ms, recipients } in batches {
            let entry = joined.entry(destination).or_insert((NEVER, 0));
            *entry = (entry.0.min(*next_ms), entry.1 + recipients);
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
