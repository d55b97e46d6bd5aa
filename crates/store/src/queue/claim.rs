//! Claiming: who may try what, for how long.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{MESSAGE, NEVER, QueueClaim, QueueId, QueuedMessage, RECIPIENT, message, recipient};
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// Claims at once at most: bounds what one transaction reads, 100 recipients each.
const MAX_CLAIMS: usize = 1000;

/// Destinations read at once.
const PAGE: usize = 64;

/// The next destinations that are due, behind one.
pub(super) const DESTINATIONS: &str = "SELECT name, next_ms FROM queue_destination WHERE (next_ms, name) > (?1, ?2) \
                                       AND next_ms <= ?3 ORDER BY next_ms, name LIMIT ?4";

/// The batches of a destination that may be taken.
pub(super) const BATCHES: &str = "SELECT next_ms, message_id, number FROM queue_batch WHERE destination = ?1 \
                                  AND next_ms <= ?2 ORDER BY next_ms, message_id, number LIMIT ?3";

/// Batches that somebody has.
pub(super) const HELD: &str = "SELECT message_id, number, destination FROM queue_batch WHERE holder IS NOT NULL";

/// A batch that may be taken.
struct Due {
    next_ms: i64,
    destination: String,
    message: QueueId,
    batch: u64,
}

impl Store {
    /// Takes up to `limit` batches (of up to [`super::BATCH_RECIPIENTS`] recipients each) that are due and that nobody holds,
    /// the longest due first: at most `per_destination` of a destination, none of the `busy` ones. A message with more than 100
    /// recipients at a destination is several batches.
    ///
    /// They are held for `term`. Those of a node that fell silent are taken over when its term has run out.
    pub async fn claim_queued(
        &self,
        limit: usize,
        per_destination: usize,
        busy: Vec<String>,
        term: Duration,
    ) -> Result<Vec<QueueClaim>> {
        let (limit, busy): (usize, HashSet<String>) = (limit.min(MAX_CLAIMS), busy.into_iter().collect());
        let (busy, look) = (busy.clone(), busy);
        // A look first: a node that finds nothing, which is the rule, does not take the directory's write lock.
        let due = self.queue_read(move |tx| tx.due_batches(1, 1, &look)).await?;
        if due.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let holder = self.holder();
        self.queue_write(move |tx| {
            let due = tx.due_batches(limit, per_destination, &busy)?;
            tx.take_batches(due, &holder, term)
        })
        .await
    }

    /// Prolongs a claim by `term` from now. Fails with [`Error::LeaseLost`] if it was taken over, or removed.
    pub async fn renew_queued(&self, claim: &QueueClaim, term: Duration) -> Result<()> {
        let (id, batch, token) = (claim.message.id, claim.batch, claim.token);
        let destination = claim.destination.clone();
        self.queue_write(move |tx| {
            let sql = "UPDATE queue_batch SET next_ms = ?4 WHERE message_id = ?1 AND number = ?2 AND token = ?3 \
                           AND holder IS NOT NULL";
            if tx.execute(sql, vals![id, batch, token, tx.end_of(term)?])? == 0 {
                return Err(Error::LeaseLost);
            }
            tx.refresh_destinations(&[destination])
        })
        .await
    }

    /// When something will be due next, milliseconds since 1970, not counting the `busy` destinations. A claim of a node that
    /// falls silent counts from the end of its term. `None`: nothing waits, or all of it is held.
    pub async fn next_due_ms(&self, busy: Vec<String>) -> Result<Option<i64>> {
        let busy: HashSet<String> = busy.into_iter().collect();
        self.queue_read(move |tx| {
            let mut next = None;
            tx.each_destination(NEVER - 1, &busy, |_, next_ms| {
                next = Some(next_ms);
                Ok(false)
            })?;
            Ok(next)
        })
        .await
    }

    /// Gives back what an earlier process with this data directory held when it died. Called once, at opening.
    pub(crate) async fn release_queue_leftovers(&self) -> Result<()> {
        // Where nobody else can have the store open, the directory may have been moved meanwhile.
        let holder = self.shared().then(|| self.holder());
        let earlier = holder.clone();
        if self.queue_read(move |tx| tx.held_batches(earlier.as_deref())).await?.is_empty() {
            return Ok(());
        }
        self.queue_write(move |tx| tx.release_batches(holder.as_deref())).await
    }
}

impl Tx<'_> {
    /// Calls `f` for each destination that is not busy and due by `until`, with its `next_ms`, in that order, as long as `f` says.
    fn each_destination(
        &self,
        until: i64,
        busy: &HashSet<String>,
        mut f: impl FnMut(&str, i64) -> Result<bool>,
    ) -> Result<()> {
        let (mut behind_ms, mut behind) = (i64::MIN, String::new());
        loop {
            let page = self.query(DESTINATIONS, vals![behind_ms, &behind, until, PAGE], |r| {
                Ok((r.text(0)?.to_owned(), r.int(1)?))
            })?;
            for (name, next_ms) in &page {
                if !busy.contains(name) && !f(name, *next_ms)? {
                    return Ok(());
                }
            }
            match page.into_iter().nth(PAGE - 1) {
                Some((name, next_ms)) => (behind, behind_ms) = (name, next_ms),
                None => return Ok(()),
            }
        }
    }

    /// The batches that may be taken, the longest due first.
    fn due_batches(&self, limit: usize, per_destination: usize, busy: &HashSet<String>) -> Result<Vec<Due>> {
        let now = self.queue_now()?;
        let mut found: Vec<Due> = Vec::new();
        self.each_destination(now, busy, |name, next_ms| {
            // This destination's first batch comes after those that are found: so do all of the ones behind it.
            if found.iter().filter(|due| due.next_ms <= next_ms).count() >= limit {
                return Ok(false);
            }
            let due = self.query(BATCHES, vals![name, now, per_destination.min(limit)], |r| {
                let (next_ms, message, batch) = (r.int(0)?, QueueId(r.u64(1)?), r.u64(2)?);
                Ok(Due { next_ms, destination: name.to_owned(), message, batch })
            })?;
            found.extend(due);
            Ok(true)
        })?;
        found.sort_by_key(|due| (due.next_ms, due.message, due.batch));
        found.truncate(limit);
        Ok(found)
    }

    /// Gives batches to this process.
    fn take_batches(&self, due: Vec<Due>, holder: &str, term: Duration) -> Result<Vec<QueueClaim>> {
        let (token, until, now) = (self.modseq()?, self.end_of(term)?, self.queue_now()?);
        let messages = self.messages_of(&due)?;
        let mut claims = Vec::with_capacity(due.len());
        let (mut rows, mut parked): (Vec<[Val<'_>; 5]>, Vec<[Val<'_>; 2]>) = (Vec::new(), Vec::new());
        for Due { message: id, batch, destination, .. } in &due {
            let message = messages.get(id).ok_or_else(|| Error::Corrupt(format!("queued message {id} is lost")))?;
            if message.held {
                // It was held while a node, silent now, had it.
                parked.push([(*id).into(), (*batch).into()]);
                continue;
            }
            let sql = [
                "SELECT ",
                RECIPIENT,
                " FROM queue_recipient r WHERE r.message_id = ?1 AND r.batch = ?2 \
                        AND r.due_ms <= ?3 ORDER BY r.id",
            ];
            let recipients = self.query(&sql.concat(), vals![*id, *batch, now], |r| recipient(r, destination, true))?;
            rows.push([(*id).into(), (*batch).into(), token.into(), holder.into(), until.into()]);
            let (message, destination) = (message.clone(), destination.clone());
            claims.push(QueueClaim { message, destination, recipients, batch: *batch, token });
        }
        self.execute_many(
            "UPDATE queue_batch SET token = ?3, holder = ?4, next_ms = ?5 WHERE message_id = ?1 AND number = ?2",
            &rows,
        )?;
        self.execute_many(
            "UPDATE queue_batch SET holder = NULL, next_ms = 9223372036854775807 WHERE message_id = ?1 AND number = ?2",
            &parked,
        )?;
        let touched: HashSet<String> = due.into_iter().map(|due| due.destination).collect();
        self.refresh_destinations(&touched.into_iter().collect::<Vec<_>>())?;
        Ok(claims)
    }

    fn messages_of(&self, due: &[Due]) -> Result<HashMap<QueueId, QueuedMessage>> {
        let ids: HashSet<QueueId> = due.iter().map(|due| due.message).collect();
        let ids: Vec<Val<'_>> = ids.into_iter().map(Val::from).collect();
        let mut messages = HashMap::new();
        let sql = ["SELECT ", MESSAGE, " FROM queue_message m WHERE m.id"].concat();
        self.each_in(&sql, &[], &ids, |r| {
            let message = message(r)?;
            messages.insert(message.id, message);
            Ok(())
        })?;
        Ok(messages)
    }

    /// Batches that a holder, or anybody, has: message, number, destination. As many as are under way, which is few.
    fn held_batches(&self, holder: Option<&str>) -> Result<Vec<(u64, u64, String)>> {
        let (which, params): (&str, &[Val<'_>]) = match holder {
            Some(holder) => (" AND holder = ?1", vals![holder]),
            None => ("", &[]),
        };
        self.query(&[HELD, which].concat(), params, |r| Ok((r.u64(0)?, r.u64(1)?, r.text(2)?.to_owned())))
    }

    fn release_batches(&self, holder: Option<&str>) -> Result<()> {
        let held = self.held_batches(holder)?;
        let rows: Vec<[Val<'_>; 2]> = held.iter().map(|(id, batch, _)| [(*id).into(), (*batch).into()]).collect();
        self.execute_many("UPDATE queue_batch SET holder = NULL WHERE message_id = ?1 AND number = ?2", &rows)?;
        self.schedule_batches(&rows)?;
        let touched: HashSet<String> = held.into_iter().map(|(.., destination)| destination).collect();
        self.refresh_destinations(&touched.into_iter().collect::<Vec<_>>())
    }

    /// Sets when batches that nobody holds are due, each named by its message and its number: as their recipients say, never if
    /// the message is held.
    pub(super) fn schedule_batches(&self, batches: &[[Val<'_>; 2]]) -> Result<()> {
        self.execute_many(
            "UPDATE queue_batch SET next_ms = CASE WHEN (SELECT m.held FROM queue_message m WHERE m.id = ?1) = 1 \
             THEN 9223372036854775807 ELSE (SELECT MIN(r.due_ms) FROM queue_recipient r \
             WHERE r.message_id = ?1 AND r.batch = ?2) END \
             WHERE message_id = ?1 AND number = ?2 AND holder IS NULL",
            batches,
        )
    }
}
