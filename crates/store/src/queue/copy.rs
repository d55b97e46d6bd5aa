//! The queue of one store goes into another's (`sterna store copy`): every message with its body, its recipients and their
//! past, under new numbers.
//!
//! The target remembers how far it got, in the transaction of each message: what it has taken over once, and perhaps delivered
//! since, is never taken over again.

use super::rows::Past;
use super::{NewQueued, NewQueuedRecipient, QueueEntry, QueueFilter, QueueId};
use crate::blob::{BlobWriter, CHUNK, PreparedBlob};
use crate::db::{Tx, blocking, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// Messages looked at in one read.
const PAGE: usize = 100;

/// Original bytes of a body read at once.
const PIECE: u64 = 32 * CHUNK as u64;

/// Copies what waits; how many messages this run copied.
pub(crate) async fn copy_queue(from: &Store, to: &Store) -> Result<u64> {
    let mark = format!("queue copied from {}", from.key_fingerprint());
    let mut copied = 0;
    loop {
        let name = mark.clone();
        let last = to.queue_read(move |tx| tx.setting(&name)).await?;
        let last = QueueId(last.and_then(|last| last.parse().ok()).unwrap_or(0));
        let all = QueueFilter::default();
        let page = from.queue_read(move |tx| tx.queue_page(last, PAGE, &all)).await?;
        if page.is_empty() {
            return Ok(copied);
        }
        for id in page {
            let entry = from.queue_read(move |tx| tx.queue_entry(id, usize::MAX >> 1)).await?;
            let entry = entry.ok_or_else(|| {
                Error::NotPermitted("the queue changes while it is copied; stop the server of the source first".into())
            })?;
            let blob = carry(from, to, &entry).await?;
            let name = mark.clone();
            to.queue_write(move |tx| tx.put_copied(entry, blob, &name)).await?;
            copied += 1;
        }
    }
}

/// The message's body, made ready for the target.
async fn carry(from: &Store, to: &Store, (message, ..): &QueueEntry) -> Result<PreparedBlob> {
    let mut writer = BlobWriter::new(&to.queue_blobs());
    let mut offset = 0;
    loop {
        let piece = from.queue_body_range(message.blob, offset, PIECE).await?;
        if piece.is_empty() {
            break;
        }
        offset += piece.len() as u64;
        writer = blocking(move || writer.write(&piece).map(|()| writer)).await?;
    }
    if offset != message.size {
        return Err(Error::Corrupt(format!("the body of queued message {} has {offset} bytes", message.id)));
    }
    blocking(move || writer.finish()).await
}

impl Tx<'_> {
    fn put_copied(&self, (message, recipients, _): QueueEntry, blob: PreparedBlob, mark: &str) -> Result<()> {
        let past = Past {
            queued_ms: message.queued_ms,
            held: message.held,
            attempts: recipients.iter().map(|r| (r.attempts, r.last_error.clone(), r.delay_told)).collect(),
        };
        let recipients = recipients.into_iter().map(|r| NewQueuedRecipient {
            address: r.address,
            destination: r.destination,
            options: r.options,
            due_ms: r.due_ms,
        });
        let new = NewQueued {
            sender: message.sender,
            blob,
            options: message.options,
            submitter: message.submitter,
            expires_ms: message.expires_ms,
            recipients: recipients.collect(),
        };
        self.enqueue_one(&new, Some(&past))?;
        self.execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
            vals![mark, &message.id.to_string()],
        )?;
        Ok(())
    }
}
