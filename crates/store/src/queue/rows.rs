//! The rows of messages that are being queued: which of their recipients are tried together, and when they are due.

use std::collections::{BTreeMap, HashMap};

use sterna_core::BlobId;

use super::{BATCH_RECIPIENTS, NEVER, NewQueued, NewQueuedRecipient, QueueId};
use crate::db::{Tx, Val};
use crate::error::Result;

/// What a message went through before it came here.
pub(super) struct Past {
    pub queued_ms: i64,
    pub held: bool,
    /// Of each recipient: attempts, the last error, whether the sender was told of a delay.
    pub attempts: Vec<(u32, Option<String>, bool)>,
}

/// A message to be queued.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub new: &'a NewQueued,
    pub past: Option<&'a Past>,
}

/// The same with all that its rows say.
pub(super) struct Placed<'a> {
    entry: Entry<'a>,
    pub id: QueueId,
    body: BlobId,
    queued_ms: i64,
    held: bool,
    /// No recipient is due before.
    earliest: i64,
    batches: Vec<Batch<'a>>,
    /// Of each recipient, the number of its batch.
    places: Vec<usize>,
}

/// Recipients of one destination that are tried together.
struct Batch<'a> {
    destination: &'a str,
    next_ms: i64,
    recipients: u64,
}

impl<'a> Placed<'a> {
    pub fn new(entry: Entry<'a>, id: QueueId, body: BlobId, now: i64) -> Placed<'a> {
        let (queued_ms, held) = entry.past.map_or((now, false), |past| (past.queued_ms, past.held));
        // What was due elsewhere stays so.
        let earliest = entry.past.map_or(now, |_| i64::MIN);
        let (mut batches, places) = batches(&entry.new.recipients, earliest);
        if held {
            batches.iter_mut().for_each(|batch| batch.next_ms = NEVER);
        }
        Placed { entry, id, body, queued_ms, held, earliest, batches, places }
    }

    fn message_row(&self) -> [Val<'a>; 10] {
        let new = self.entry.new;
        [
            self.id.into(),
            (&new.sender).into(),
            (&new.options).into(),
            new.submitter.into(),
            self.body.into(),
            new.blob.size.into(),
            self.queued_ms.into(),
            new.expires_ms.into(),
            self.held.into(),
            new.recipients.len().into(),
        ]
    }

    fn batch_rows(&self) -> impl Iterator<Item = [Val<'a>; 6]> {
        (0u64..).zip(&self.batches).map(|(n, b)| {
            [self.id.into(), n.into(), b.destination.into(), b.next_ms.into(), b.recipients.into(), 0u64.into()]
        })
    }

    fn recipient_rows(&self) -> impl Iterator<Item = [Val<'a>; 9]> {
        let mut attempts = self.entry.past.map(|past| past.attempts.as_slice()).unwrap_or_default().iter();
        (1u64..).zip(self.entry.new.recipients.iter().zip(&self.places)).map(move |(n, (r, batch))| {
            let (attempts, error, told) = match attempts.next() {
                Some((attempts, error, told)) => (*attempts, error.as_ref(), *told),
                None => (0, None, false),
            };
            [
                self.id.into(),
                (*batch).into(),
                n.into(),
                (&r.address).into(),
                (&r.options).into(),
                r.due_ms.max(self.earliest).into(),
                attempts.into(),
                error.into(),
                told.into(),
            ]
        })
    }
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
    /// Writes messages whose bodies are here.
    pub(super) fn insert_placed(&self, placed: &[Placed<'_>]) -> Result<()> {
        let rows: Vec<_> = placed.iter().map(Placed::message_row).collect();
        self.execute_many(
            "INSERT INTO queue_message (id, sender, options, submitter, blob_id, size, queued_ms, expires_ms, held, \
             recipients) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &rows,
        )?;
        let rows: Vec<_> = placed.iter().flat_map(Placed::batch_rows).collect();
        self.execute_many(
            "INSERT INTO queue_batch (message_id, number, destination, next_ms, recipients, token) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &rows,
        )?;
        let rows: Vec<_> = placed.iter().flat_map(Placed::recipient_rows).collect();
        self.execute_many(
            "INSERT INTO queue_recipient (message_id, batch, id, address, options, due_ms, attempts, last_error, \
             delay_told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &rows,
        )?;
        self.join_destinations(placed)?;
        let held = placed.iter().filter(|p| p.held).count();
        self.count_queue(placed.len() as i64, rows.len() as i64, held as i64)
    }

    /// Adds batches to their destinations, each of which is changed once.
    fn join_destinations(&self, placed: &[Placed<'_>]) -> Result<()> {
        let mut joined: BTreeMap<&str, (i64, u64)> = BTreeMap::new();
        for Batch { destination, next_ms, recipients } in placed.iter().flat_map(|p| &p.batches) {
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
