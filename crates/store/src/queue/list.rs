//! Looking at the queue: a page of messages, one message, the bytes of a body.

use sterna_core::BlobId;

use super::{MESSAGE, QueueId, QueuedMessage, QueuedRecipient, RECIPIENT, message, recipient};
use crate::db::{Tx, Val, vals};
use crate::error::Result;
use crate::store::Store;

/// Messages in one page at most.
const PAGE_MAX: usize = 1000;

/// Recipients that are told with each message of a page.
const TOLD: usize = 100;

/// Recipients that are told of one message.
const TOLD_OF_ONE: usize = 10_000;

/// Which messages; all conditions hold. The default is all messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// With this reverse-path, as it was given.
    pub sender: Option<String>,
    /// That wait for this recipient, as it was given.
    pub recipient: Option<String>,
    /// That wait for a recipient at this destination.
    pub destination: Option<String>,
    /// That are held, or are not.
    pub held: Option<bool>,
}

/// Messages named one by one or by a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueSelection {
    /// These; those that are gone are passed over.
    Ids(Vec<QueueId>),
    /// All that the filter lets through.
    Filter(QueueFilter),
}

impl From<QueueId> for QueueSelection {
    fn from(id: QueueId) -> QueueSelection {
        QueueSelection::Ids(vec![id])
    }
}

impl From<Vec<QueueId>> for QueueSelection {
    fn from(ids: Vec<QueueId>) -> QueueSelection {
        QueueSelection::Ids(ids)
    }
}

impl From<QueueFilter> for QueueSelection {
    fn from(filter: QueueFilter) -> QueueSelection {
        QueueSelection::Filter(filter)
    }
}

/// A message, its first recipients, and how many it waits for altogether.
pub type QueueEntry = (QueuedMessage, Vec<QueuedRecipient>, u64);

impl Store {
    /// A page of messages behind `after`, the oldest first, 1,000 at most, each with its first 100 recipients.
    pub async fn queue_list(
        &self,
        after: Option<QueueId>,
        limit: usize,
        filter: QueueFilter,
    ) -> Result<Vec<QueueEntry>> {
        self.queue_read(move |tx| {
            let ids = tx.queue_page(after.unwrap_or(QueueId(0)), limit.min(PAGE_MAX), &filter)?;
            let entries = ids.into_iter().filter_map(|id| tx.queue_entry(id, TOLD).transpose());
            entries.collect()
        })
        .await
    }

    /// One message with its first 10,000 recipients.
    pub async fn queue_show(&self, id: QueueId) -> Result<Option<QueueEntry>> {
        self.queue_read(move |tx| tx.queue_entry(id, TOLD_OF_ONE)).await
    }

    /// At most `length` bytes of a queued message's body from `offset`; fewer where it ends. Reading in multiples of
    /// [`crate::CHUNK`] decompresses nothing twice. [`crate::Error::NotFound`] if the message was removed meanwhile.
    pub async fn queue_body_range(&self, blob: BlobId, offset: u64, length: u64) -> Result<Vec<u8>> {
        self.queue_bodies().blob_range(blob, offset, length).await
    }
}

/// The question for a page. The rarest condition leads, by its index; the others are asked of each row.
pub(super) fn page_of(after: QueueId, limit: usize, filter: &QueueFilter) -> (String, Vec<Val<'_>>) {
    let QueueFilter { sender, recipient, destination, held } = filter;
    let mut params: Vec<Val<'_>> = vec![after.into(), limit.into()];
    let mut conditions = Vec::new();
    let (mut from, mut id) = ("queue_message m", "m.id");
    if let Some(address) = recipient {
        // CROSS JOIN: the embedded engine then keeps the order.
        (from, id) = ("queue_recipient r CROSS JOIN queue_message m", "r.message_id");
        conditions.push(format!("m.id = r.message_id AND r.address = {}", parameter(&mut params, address.into())));
    }
    match (destination, recipient) {
        (None, _) => {}
        (Some(name), None) => {
            (from, id) = ("queue_batch b CROSS JOIN queue_message m", "b.message_id");
            conditions.push(format!("m.id = b.message_id AND b.destination = {}", parameter(&mut params, name.into())));
        }
        (Some(name), Some(_)) => {
            let name = parameter(&mut params, name.into());
            let of = format!("SELECT 1 FROM queue_batch b WHERE b.destination = {name} AND b.message_id = m.id");
            conditions.push(format!("EXISTS ({of})"));
        }
    }
    if let Some(sender) = sender {
        conditions.push(format!("m.sender = {}", parameter(&mut params, sender.into())));
    }
    if let Some(held) = held {
        conditions.push(format!("m.held = {}", u8::from(*held)));
    }
    conditions.push(format!("{id} > ?1"));
    let sql = format!("SELECT DISTINCT {id} FROM {from} WHERE {} ORDER BY {id} LIMIT ?2", conditions.join(" AND "));
    (sql, params)
}

/// Adds a parameter to a statement; its name there.
fn parameter<'a>(params: &mut Vec<Val<'a>>, value: Val<'a>) -> String {
    params.push(value);
    format!("?{}", params.len())
}

impl Tx<'_> {
    /// The next messages behind `after` that the filter lets through, in order.
    pub(super) fn queue_page(&self, after: QueueId, limit: usize, filter: &QueueFilter) -> Result<Vec<QueueId>> {
        let (sql, params) = page_of(after, limit, filter);
        self.query(&sql, &params, |r| Ok(QueueId(r.u64(0)?)))
    }

    /// A message with its first recipients.
    pub(super) fn queue_entry(&self, id: QueueId, told: usize) -> Result<Option<QueueEntry>> {
        let sql = ["SELECT ", MESSAGE, ", m.recipients FROM queue_message m WHERE m.id = ?1"].concat();
        let Some((message, all)) = self.one(&sql, vals![id], |r| Ok((message(r)?, r.u64(9)?)))? else {
            return Ok(None);
        };
        let now = self.queue_now()?;
        let sql = [
            "SELECT ",
            RECIPIENT,
            ", b.destination, CASE WHEN b.holder IS NOT NULL AND b.next_ms > ?2 THEN 1 ELSE 0 END \
             FROM queue_recipient r JOIN queue_batch b ON b.message_id = r.message_id AND b.number = r.batch \
             WHERE r.message_id = ?1 ORDER BY r.message_id, r.batch, r.id LIMIT ?3",
        ];
        let recipients = self.query(&sql.concat(), vals![id, now, told], |r| recipient(r, r.text(7)?, r.bool(8)?))?;
        Ok(Some((message, recipients, all)))
    }
}
