//! The queue: messages that wait for some of their recipients, whoever waits and however many.
//!
//! ```text
//! queue_message ──< queue_batch ──< queue_recipient      a batch: up to 100 recipients of one message at one destination
//!                       │
//!               queue_destination                        when the next of its batches is due
//! ```
//!
//! A batch is what is claimed: for a term, with a token that the settling transaction asks for, as jobs are
//! ([`crate::Lease`]); one whose holder falls silent is taken over. Everything goes by index: a claim looks at the
//! destinations that are due, in that order, and at as many of their batches as it takes; it never sees the batches of a busy
//! destination, nor those that are not due. The bodies are blobs of account 0, and messages of equal bytes share one.
//!
//! The times are the database's. Delivery and its runner call this; what the options mean is theirs to know.

mod claim;
mod copy;
mod desk;
mod enqueue;
mod gather;
#[cfg(test)]
mod index_tests;
mod list;
mod manage;
mod remove;
mod rows;
mod settle;
mod stats;

use std::fmt;

use sterna_core::{AccountId, BlobId, ModSeq};

use crate::blob::PreparedBlob;
use crate::db::{Row, Tx, Val};
use crate::error::Result;

pub(crate) use copy::copy_queue;
pub(crate) use desk::Desk;
pub use list::{QueueEntry, QueueFilter, QueueSelection};
pub use stats::{DestinationStats, QueueStats};

/// Recipients of one message at one destination that are tried together (RFC 5321 §4.5.3.1.8: a server takes at least 100).
pub const BATCH_RECIPIENTS: usize = 100;

/// When the batches of a held message are due.
const NEVER: i64 = i64::MAX;

/// One queued message. Never reused; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<QueueId> for Val<'_> {
    fn from(id: QueueId) -> Self {
        id.0.into()
    }
}

/// A message to be queued.
#[derive(Debug)]
pub struct NewQueued {
    /// Reverse-path without brackets; empty: `<>`.
    pub sender: String,
    /// The bytes, made by a [`crate::BlobWriter`] of [`crate::Store::queue_blobs`].
    pub blob: PreparedBlob,
    /// The caller's own.
    pub options: String,
    /// The account that submitted it.
    pub submitter: Option<AccountId>,
    /// When to give up, milliseconds since 1970.
    pub expires_ms: i64,
    /// At least one.
    pub recipients: Vec<NewQueuedRecipient>,
}

/// A recipient of a message to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQueuedRecipient {
    /// As it was given, without brackets.
    pub address: String,
    /// What is limited together: the domain in lower case.
    pub destination: String,
    /// The caller's own.
    pub options: String,
    /// When to try first, milliseconds since 1970; what is in the past (0 too) is now.
    pub due_ms: i64,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its number.
    pub id: QueueId,
    /// Reverse-path without brackets; empty: `<>`.
    pub sender: String,
    /// The caller's own.
    pub options: String,
    /// The account that submitted it; it may be gone.
    pub submitter: Option<AccountId>,
    /// Bytes of the body.
    pub size: u64,
    /// Milliseconds since 1970.
    pub queued_ms: i64,
    /// When to give up, milliseconds since 1970.
    pub expires_ms: i64,
    /// The body, for [`crate::Store::queue_body_range`].
    pub blob: BlobId,
    /// It is not tried until it is released.
    pub held: bool,
}

/// A recipient that a message waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedRecipient {
    /// In the message, from 1.
    pub id: u64,
    /// As it was given.
    pub address: String,
    /// What is limited together.
    pub destination: String,
    /// The caller's own.
    pub options: String,
    /// That failed for the moment.
    pub attempts: u32,
    /// When to try next, milliseconds since 1970.
    pub due_ms: i64,
    /// Of the last attempt.
    pub last_error: Option<String>,
    /// The sender was told that it is late.
    pub delay_told: bool,
    /// A node is at work on it.
    pub claimed: bool,
}

/// Recipients of one message at one destination that this node may try, until its term ends and another takes them over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueClaim {
    /// The message.
    pub message: QueuedMessage,
    /// Of all its recipients.
    pub destination: String,
    /// Those that are due, [`BATCH_RECIPIENTS`] at most.
    pub recipients: Vec<QueuedRecipient>,
    batch: u64,
    token: ModSeq,
}

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Delivered: not waited for any more.
    Done,
    /// Failed for the moment.
    Retry {
        /// When to try next, milliseconds since 1970.
        due_ms: i64,
        /// Why it failed; the first 2,000 characters are kept.
        error: String,
        /// The sender has been told that it is late, now or earlier.
        delay_told: bool,
    },
    /// Has to wait, which is no failure: neither counted nor told.
    Later {
        /// When to look again, milliseconds since 1970.
        due_ms: i64,
    },
    /// Failed for good, and the sender is told if it has to be: not waited for any more.
    Gone,
    /// Not tried: as before the claim.
    Untouched,
}

const MESSAGE: &str = "m.id, m.sender, m.options, m.submitter, m.size, m.queued_ms, m.expires_ms, m.blob_id, m.held";

/// Reads [`MESSAGE`].
fn message(r: &Row<'_>) -> Result<QueuedMessage> {
    Ok(QueuedMessage {
        id: QueueId(r.u64(0)?),
        sender: r.text(1)?.to_owned(),
        options: r.text(2)?.to_owned(),
        submitter: r.opt_int(3)?.map(|id| AccountId(id as u64)),
        size: r.u64(4)?,
        queued_ms: r.int(5)?,
        expires_ms: r.int(6)?,
        blob: BlobId(r.u64(7)?),
        held: r.bool(8)?,
    })
}

const RECIPIENT: &str = "r.id, r.address, r.options, r.attempts, r.due_ms, r.last_error, r.delay_told";

/// Reads [`RECIPIENT`].
fn recipient(r: &Row<'_>, destination: &str, claimed: bool) -> Result<QueuedRecipient> {
    Ok(QueuedRecipient {
        id: r.u64(0)?,
        address: r.text(1)?.to_owned(),
        destination: destination.to_owned(),
        options: r.text(2)?.to_owned(),
        attempts: r.u32(3)?,
        due_ms: r.int(4)?,
        last_error: r.opt_text(5)?.map(str::to_owned),
        delay_told: r.bool(6)?,
        claimed,
    })
}

const REFRESH: &str = "UPDATE queue_destination SET next_ms = COALESCE((SELECT MIN(b.next_ms) FROM queue_batch b \
                       WHERE b.destination = ?1), 9223372036854775807) WHERE name = ?1";

impl Tx<'_> {
    /// What is due by now. The embedded engine's clock counts seconds: all of the present one is due.
    fn queue_now(&self) -> Result<i64> {
        let now = self.db_millis()?;
        Ok(if self.is_shared() { now } else { now.saturating_add(999) })
    }

    /// Brings `next_ms` of destinations up to date with their batches.
    fn refresh_destinations(&self, names: &[String]) -> Result<()> {
        let rows: Vec<[Val<'_>; 1]> = names.iter().map(|name| [name.into()]).collect();
        self.execute_many(REFRESH, &rows)
    }

    /// Takes so many recipients off destinations, and forgets those without any. The others' `next_ms` has to be refreshed.
    fn leave_destinations(&self, left: &[(String, u64)]) -> Result<()> {
        let rows: Vec<[Val<'_>; 2]> = left.iter().map(|(name, n)| [name.into(), (*n).into()]).collect();
        self.execute_many("UPDATE queue_destination SET recipients = recipients - ?2 WHERE name = ?1", &rows)?;
        let rows: Vec<[Val<'_>; 1]> = left.iter().map(|(name, _)| [name.into()]).collect();
        self.execute_many("DELETE FROM queue_destination WHERE name = ?1 AND recipients <= 0", &rows)
    }

    /// Changes the totals.
    fn count_queue(&self, messages: i64, recipients: i64, held: i64) -> Result<()> {
        self.execute(
            "UPDATE queue_total SET messages = messages + ?1, recipients = recipients + ?2, held = held + ?3 \
             WHERE id = 1",
            crate::db::vals![messages, recipients, held],
        )?;
        Ok(())
    }
}
