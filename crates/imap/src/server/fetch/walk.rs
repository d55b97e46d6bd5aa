//! Messages of a view, read from the store a page at a time: what FETCH, SEARCH, SORT and THREAD go through.
//!
//! A walk goes over sequence numbers of one index, joins them with the rows that the store still has, and can stop
//! after any message and go on in another transaction. It never holds a body and never looks at a message twice.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_core::MailboxId;
use sterna_store::{Email, IndexEntry, MailboxIndex, MessageRow, Result, Tx, UidRange};

/// Messages that nobody asked for are read along rather than starting another query, if there are no more than these.
const GAP: u32 = 4;

/// How long one transaction reads before it gives the snapshot back: a long one keeps the write-ahead log from being
/// folded back.
const PAGE_TIME: Duration = Duration::from_millis(100);

/// A message that a walk has come to.
pub(crate) struct Step<'s> {
    /// Its sequence number in the view.
    pub sequence: u32,
    /// What the client was told of it.
    pub entry: &'s IndexEntry,
    /// The part that belongs to the mailbox, as of the transaction.
    pub row: MessageRow<'s>,
    /// The immutable part.
    pub email: Email<'s>,
}

/// A walk over some messages of an index.
pub(crate) struct Walk {
    mailbox: MailboxId,
    index: Arc<MailboxIndex>,
    /// Sequence numbers, ascending.
    wanted: Vec<u32>,
    at: usize,
    missing: usize,
}

impl Walk {
    /// `wanted`: sequence numbers of `index`, ascending.
    pub fn new(index: Arc<MailboxIndex>, wanted: Vec<u32>) -> Walk {
        Walk { mailbox: index.mailbox.id, index, wanted, at: 0, missing: 0 }
    }

    /// Whether every message was visited.
    pub fn is_done(&self) -> bool {
        self.at >= self.wanted.len()
    }

    /// Messages visited so far, and in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.at, self.wanted.len())
    }

    /// How many of the messages passed so far were expunged by another session.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Visits messages in their order until `f` breaks, the page has lasted long enough, or none is left.
    pub fn page(&mut self, tx: &Tx<'_>, mut f: impl FnMut(Step<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        let deadline = Instant::now() + PAGE_TIME;
        while let Some((range, after)) = self.run() {
            let index = self.index.clone();
            let flow = tx.emails(self.mailbox, range, |row, email| {
                // The rows and what is wanted ascend together: whatever lies between two rows is gone.
                while let Some(&sequence) = self.wanted.get(self.at).filter(|_| self.at < after) {
                    let Some(entry) = index.get(sequence as usize) else { break };
                    if entry.uid > row.uid {
                        break;
                    }
                    self.at += 1;
                    if entry.uid < row.uid {
                        self.missing += 1;
                        continue;
                    }
                    let flow = f(Step { sequence, entry, row, email })?;
                    let late = self.at.is_multiple_of(64) && Instant::now() >= deadline;
                    return Ok(if late { ControlFlow::Break(()) } else { flow });
                }
                Ok(ControlFlow::Continue(()))
            })?;
            if flow.is_break() {
                return Ok(());
            }
            self.missing += after - self.at.min(after);
            self.at = after;
            if Instant::now() >= deadline {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next UIDs to read in one query, and the place in `wanted` behind them.
    fn run(&self) -> Option<(UidRange, usize)> {
        let rest = self.wanted.get(self.at..)?;
        let first = *rest.first()?;
        let near = |pair: &&[u32]| matches!(pair, [a, b] if b.saturating_sub(*a) <= GAP);
        let count = 1 + rest.windows(2).take_while(near).count();
        let last = *rest.get(count - 1)?;
        let uid = |sequence: u32| self.index.get(sequence as usize).map(|e| e.uid);
        Some((UidRange { first: uid(first)?, last: uid(last)? }, self.at + count))
    }
}
