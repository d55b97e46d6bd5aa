//! What the mover is asked to do next: one line beside the move's record, which only its run acts on and takes away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sterna_core::AccountId;
use sterna_imap::client::Backoff;
use sterna_store::Store;
use tokio::sync::Notify;

use super::CutoverOptions;
use crate::error::{Error, Result};

/// Between two looks for a wish of another node.
const POLL: Duration = Duration::from_secs(1);

/// A wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "wish")]
pub(crate) enum Wish {
    /// The mailbox is to be here.
    Cutover {
        /// The choices.
        options: CutoverOptions,
        /// When it was asked for, seconds since 1970.
        at: i64,
    },
    /// The mailbox is to be on its platform again.
    Rollback {
        /// The choices.
        options: CutoverOptions,
        /// When it was asked for, seconds since 1970.
        at: i64,
    },
}

/// How a run learns of wishes.
pub(crate) struct Wishes {
    told: Arc<Notify>,
    /// The one at hand.
    pub now: Option<Wish>,
    /// It failed, and is tried again then.
    pub not_before: Option<Instant>,
    /// Pauses between tries.
    pub pauses: Backoff,
}

impl Wishes {
    pub fn new(told: Arc<Notify>) -> Wishes {
        Wishes { told, now: None, not_before: None, pauses: pauses() }
    }

    /// Reads what is wanted. Another wish than the last one is due at once.
    pub async fn look(&mut self, store: &Store, account: AccountId) -> Result<()> {
        let now = store.wanted_of_move(account).await?.map(|text| Wish::read(&text)).transpose()?;
        if now != self.now {
            (self.now, self.not_before, self.pauses) = (now, None, pauses());
        }
        Ok(())
    }

    /// The wish that should be acted on now.
    pub fn due(&self) -> Option<Wish> {
        self.now.filter(|_| self.not_before.is_none_or(|at| at <= Instant::now()))
    }

    /// Returns when a wish is due. Can be dropped and called again.
    pub async fn wait(&mut self, store: &Store, account: AccountId) -> Result<()> {
        loop {
            match self.look(store, account).await {
                // Seen when it is back; the move itself has its own ways to notice.
                Err(error) if error.is_of_our_store() => {}
                looked => looked?,
            }
            if self.due().is_some() {
                return Ok(());
            }
            // An error: nobody of this node told; another node's wish shows in the store.
            let _ = tokio::time::timeout(POLL, self.told.notified()).await;
        }
    }
}

fn pauses() -> Backoff {
    Backoff::new(Duration::from_secs(2), Duration::from_secs(300))
}

impl Wish {
    /// As a person reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Wish::Cutover { .. } => "cutover",
            Wish::Rollback { .. } => "rollback",
        }
    }

    pub fn read(text: &str) -> Result<Wish> {
        serde_json::from_str(text).map_err(|e| Error::Unreadable { what: "the wish of a move", reason: e.to_string() })
    }

    pub fn write(self) -> Result<String> {
        serde_json::to_string(&self)
            .map_err(|e| Error::Unreadable { what: "the wish of a move", reason: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_reads_back() {
        for wish in [
            Wish::Cutover { options: CutoverOptions::default(), at: 7 },
            Wish::Rollback { options: CutoverOptions { attempts: 1, ..CutoverOptions::default() }, at: 8 },
        ] {
            assert_eq!(Wish::read(&wish.write().unwrap()).unwrap(), wish);
        }
        assert!(Wish::read("{}").is_err());
    }
}
