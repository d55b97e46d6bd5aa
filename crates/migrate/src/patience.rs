//! Waiting for our own store. A database or an object storage that is away is no failure of a move, however long it
//! lasts: nothing is lost by waiting, and nothing can be written before it is back.

use std::time::Duration;

use sterna_imap::client::Backoff;

use crate::error::Result;

/// Pauses between tries: short, for a restarted database is back in seconds and the source need not be asked.
pub(crate) fn pauses() -> Backoff {
    Backoff::new(Duration::from_millis(500), Duration::from_secs(10))
}

/// Tries until the store can be reached. Its caller has a switch that ends the waiting.
pub(crate) async fn patiently<T, W: Future<Output = Result<T>>>(work: impl Fn() -> W) -> Result<T> {
    let mut pauses = pauses();
    loop {
        match work().await {
            Err(error) if error.is_of_our_store() => {
                let pause = pauses.next(error.retry()).unwrap_or_default();
                tracing::warn!(%error, "waiting for the store");
                tokio::time::sleep(pause).await;
            }
            ended => return ended,
        }
    }
}
