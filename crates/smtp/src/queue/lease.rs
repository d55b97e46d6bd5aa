//! Keeps a claim while its transfer lasts.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use sterna_store::{Error, QueueClaim, Store};
use tokio::time::{Instant, sleep};

/// The lease of one claim.
pub(super) struct Lease<'c> {
    store: &'c Store,
    claim: &'c QueueClaim,
    term: Duration,
    until: Mutex<Instant>,
}

impl<'c> Lease<'c> {
    /// Of a claim that was made at `since`.
    pub fn new(store: &'c Store, claim: &'c QueueClaim, term: Duration, since: Instant) -> Lease<'c> {
        Lease { store, claim, term, until: Mutex::new(since + term) }
    }

    /// Whether nobody else can have taken the claim over yet, with time to spare for clocks that differ.
    pub fn holds(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        Instant::now() + self.term / 8 < until
    }

    /// Renews until the claim is lost. To be dropped when the work is done.
    pub async fn keep(&self) {
        loop {
            sleep(self.term / 3).await;
            let asked = Instant::now();
            match self.store.renew_queued(self.claim, self.term).await {
                Ok(()) => *self.until.lock().unwrap_or_else(PoisonError::into_inner) = asked + self.term,
                Err(Error::LeaseLost) => return,
                // The store is away for a moment; the transfer goes on while the lease lives.
                Err(error) => {
                    tracing::warn!(%error, message = %self.claim.message.id, "cannot renew a claim of the queue")
                }
            }
        }
    }
}
