//! Queueing: messages with their bodies and recipients, each whole in one transaction.
//!
//! The number of statements does not grow with the messages that are queued together ([`super::gather`]), and each counter is
//! changed once for all of them.

use std::collections::HashMap;

use sterna_core::{BlobHash, BlobId};

use super::rows::{Entry, Past, Placed};
use super::{NewQueued, QueueId};
use crate::blob::{Blobs, PreparedBlob};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::store::Store;

impl Store {
    /// Where the bodies of queued messages go, for a [`crate::BlobWriter`].
    pub fn queue_blobs(&self) -> Blobs {
        Blobs { db: self.directory().clone() }
    }

    /// Queues a message; durable when this returns. [`Error::Invalid`] without recipients, or with a NUL character;
    /// [`Error::Unavailable`] if the prepared body was left for so long that the collector took it.
    pub async fn enqueue(&self, message: NewQueued) -> Result<QueueId> {
        message.check()?;
        if message.blob.is_inline() {
            return self.enqueue_gathered(message).await;
        }
        let id = self.queue_write(move |tx| tx.enqueue(&message)).await?;
        self.tell_queue_changed();
        Ok(id)
    }
}

impl NewQueued {
    /// Whether the database will take it.
    fn check(&self) -> Result<()> {
        if self.recipients.is_empty() {
            return Err(Error::Invalid("a message without recipients cannot be queued".into()));
        }
        let of_recipients = self.recipients.iter().flat_map(|r| [&r.address, &r.destination, &r.options]);
        match of_recipients.chain([&self.sender, &self.options]).any(|text| text.contains('\0')) {
            true => Err(Error::Invalid("a message with a NUL character in its envelope cannot be queued".into())),
            false => Ok(()),
        }
    }
}

impl Tx<'_> {
    pub(super) fn enqueue(&self, new: &NewQueued) -> Result<QueueId> {
        self.enqueue_one(new, None)
    }

    /// The same for a message that waited elsewhere.
    pub(super) fn enqueue_one(&self, new: &NewQueued, past: Option<&Past>) -> Result<QueueId> {
        let ids = self.enqueue_entries(&[Entry { new, past }])?;
        ids.first().copied().ok_or_else(|| Error::Internal("a queued message got no number".into()))
    }

    /// Queues messages, in this order: all of them, or none.
    pub(super) fn enqueue_all(&self, messages: &[NewQueued]) -> Result<Vec<QueueId>> {
        let entries: Vec<Entry<'_>> = messages.iter().map(|new| Entry { new, past: None }).collect();
        self.enqueue_entries(&entries)
    }

    fn enqueue_entries(&self, entries: &[Entry<'_>]) -> Result<Vec<QueueId>> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        entries.iter().try_for_each(|entry| entry.new.check())?;
        let now = self.db_millis()?;
        let mut bodies = self.known_bodies(entries)?;
        let mut fresh: HashMap<BlobHash, &PreparedBlob> = HashMap::new();
        for blob in entries.iter().map(|e| &e.new.blob).filter(|blob| !bodies.contains_key(&blob.hash)) {
            fresh.insert(blob.hash, blob);
        }
        let first = self.next_ids(fresh.len() + entries.len())?;
        let fresh: Vec<(BlobId, &PreparedBlob)> = (first..).map(BlobId).zip(fresh.into_values()).collect();
        self.insert_blobs(&fresh)?;
        bodies.extend(fresh.iter().map(|(id, blob)| (blob.hash, *id)));
        let ids = (first + fresh.len() as u64..).map(QueueId);
        let placed = entries.iter().zip(ids).map(|(entry, id)| {
            let body = bodies.get(&entry.new.blob.hash).copied();
            let body = body.ok_or_else(|| Error::Internal("a queued message lost its body".into()))?;
            Ok(Placed::new(*entry, id, body, now))
        });
        let placed: Vec<Placed<'_>> = placed.collect::<Result<_>>()?;
        self.insert_placed(&placed)?;
        Ok(placed.iter().map(|p| p.id).collect())
    }

    /// Numbers of the bodies that are here already. Large ones are named here one by one: each has bytes of its own to settle.
    fn known_bodies(&self, entries: &[Entry<'_>]) -> Result<HashMap<BlobHash, BlobId>> {
        let mut known = HashMap::new();
        for blob in entries.iter().map(|e| &e.new.blob).filter(|blob| !blob.is_inline()) {
            known.insert(blob.hash, self.put_blob(blob)?);
        }
        let asked = entries.iter().map(|e| e.new.blob.hash).filter(|hash| !known.contains_key(hash));
        let asked: Vec<BlobHash> = asked.collect();
        known.extend(self.find_blobs(&asked)?);
        Ok(known)
    }
}
