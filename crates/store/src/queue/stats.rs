//! How much waits, for the operator and for metrics: counters that are kept, not rows that are counted.

use crate::db::vals;
use crate::error::Result;
use crate::store::Store;

/// Destinations that are told.
const TOP: usize = 20;

/// Batches that are counted as due at most.
const DUE_MAX: usize = 10_000;

const TOTALS: &str = "SELECT messages, recipients, held FROM queue_total WHERE id = 1";

/// Recipients of batches that are due.
pub(super) const DUE: &str = "SELECT CAST(COALESCE(SUM(due.recipients), 0) AS BIGINT) FROM (SELECT b.recipients \
                              FROM queue_destination d JOIN queue_batch b ON b.destination = d.name \
                              WHERE d.next_ms <= ?1 AND b.next_ms <= ?1 LIMIT ?2) AS due";

pub(super) const OLDEST: &str = "SELECT queued_ms FROM queue_message ORDER BY id LIMIT 1";

/// The fullest destinations. An index of a number that changes with every message would cost each of them more than a look at
/// all destinations costs now and then.
pub(super) const FULLEST: &str =
    "SELECT name, recipients, next_ms FROM queue_destination ORDER BY recipients DESC LIMIT ?1";

/// How much waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Messages.
    pub messages: u64,
    /// Recipients that they wait for.
    pub recipients: u64,
    /// Messages that are held.
    pub held: u64,
    /// Recipients, about, that could be tried now and that no node holds. Not counted further than 10,000 batches: what is more
    /// than that is a backlog anyway.
    pub due: u64,
    /// When the oldest was queued, milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// The twenty destinations that most recipients wait for, the fullest first.
    pub by_destination: Vec<DestinationStats>,
}

/// What waits for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationStats {
    /// Which.
    pub destination: String,
    /// Recipients.
    pub recipients: u64,
    /// When one can be tried next, milliseconds since 1970; `None`: all of it is held.
    pub next_ms: Option<i64>,
}

impl Store {
    /// How much waits: counters that are kept, and a look at each destination. However many messages wait, none is looked at.
    pub async fn queue_stats(&self) -> Result<QueueStats> {
        self.queue_read(|tx| {
            let totals = tx.one(TOTALS, &[], |r| Ok((r.u64(0)?, r.u64(1)?, r.u64(2)?)))?;
            let (messages, recipients, held) = totals.unwrap_or_default();
            let due = tx.one(DUE, vals![tx.queue_now()?, DUE_MAX], |r| r.u64(0))?.unwrap_or_default();
            let oldest_ms = tx.one(OLDEST, &[], |r| r.int(0))?;
            let by_destination = tx.query(FULLEST, vals![TOP], |r| {
                let next_ms = Some(r.int(2)?).filter(|next| *next < super::NEVER);
                Ok(DestinationStats { destination: r.text(0)?.to_owned(), recipients: r.u64(1)?, next_ms })
            })?;
            Ok(QueueStats { messages, recipients, held, due, oldest_ms, by_destination })
        })
        .await
    }
}
