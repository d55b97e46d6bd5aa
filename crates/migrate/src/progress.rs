//! How far a move is, for a progress bar: written by the mover, watched by whoever shows it.
//!
//! A `watch` channel keeps the newest value only, so that a slow or absent reader never holds up the move.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The newest figures of a running move, import or export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Name of the state: `planned`, `seeding`, `following`, `failed`, `importing`, `exporting`.
    pub state: String,
    /// The folder at work, as a person reads it; empty between folders.
    pub folder: String,
    /// Folders that are up to date.
    pub folders_done: u64,
    /// Folders in all, as far as known.
    pub folders_total: u64,
    /// Messages carried over in this run.
    pub messages_done: u64,
    /// Messages to carry over in this run, as far as known.
    pub messages_total: u64,
    /// Bytes carried over in this run.
    pub bytes_done: u64,
    /// Bytes to carry over in this run, as far as known; sources err in sizes.
    pub bytes_total: u64,
    /// Bytes a second over the last few seconds.
    pub bytes_per_second: u64,
    /// Messages a second over the last few seconds.
    pub messages_per_second: u64,
    /// A sentence about what is being waited for, if anything.
    pub waiting: Option<String>,
}

impl Progress {
    /// Time left at the present rate; `None` while it cannot be told.
    pub fn eta(&self) -> Option<Duration> {
        let left = self.bytes_total.saturating_sub(self.bytes_done);
        left.checked_div(self.bytes_per_second).map(Duration::from_secs)
    }
}

/// How often rates are worked out anew.
const WINDOW: Duration = Duration::from_secs(2);

/// The mover's side of the channel.
pub(crate) struct Reporter {
    sender: watch::Sender<Progress>,
    mark: Mutex<(Instant, u64, u64)>,
}

impl Reporter {
    pub fn new(sender: watch::Sender<Progress>) -> Reporter {
        Reporter { sender, mark: Mutex::new((Instant::now(), 0, 0)) }
    }

    /// Changes some figures.
    pub fn set(&self, change: impl FnOnce(&mut Progress)) {
        self.sender.send_modify(change);
    }

    /// Counts messages that are durable now.
    pub fn carried(&self, messages: u64, bytes: u64) {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        self.sender.send_modify(|p| {
            p.messages_done += messages;
            p.bytes_done += bytes;
            p.messages_total = p.messages_total.max(p.messages_done);
            p.bytes_total = p.bytes_total.max(p.bytes_done);
            let elapsed = mark.0.elapsed();
            if elapsed >= WINDOW || p.bytes_per_second == 0 {
                let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
                p.bytes_per_second = p.bytes_done.saturating_sub(mark.1).saturating_mul(1000) / millis;
                p.messages_per_second = p.messages_done.saturating_sub(mark.2).saturating_mul(1000) / millis;
            }
            if elapsed >= WINDOW {
                *mark = (Instant::now(), p.bytes_done, p.messages_done);
            }
        });
    }
}
