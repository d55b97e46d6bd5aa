//! The body collector: every few minutes, one account after the other, removes bodies that nothing names any more.
//!
//! It is in no hurry and never in the way: a pause follows each account, and a store that is away ends the round.

use std::time::Duration;

use sterna_store::{Error, Store};
use tokio::sync::watch;

use crate::config::Collect;

/// A round takes about this part of the time between two, however many accounts there are …
const SPREAD: u32 = 2;

/// … but a pause is never shorter, for the store's sake, nor longer than that.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Works until shutdown.
pub(super) async fn run(store: Store, times: Collect, mut shutdown: watch::Receiver<bool>) {
    let work = async {
        loop {
            tokio::time::sleep(times.every).await;
            round(&store, times).await;
        }
    };
    tokio::select! {
        () = work => {}
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
}

/// Once over all accounts.
async fn round(store: &Store, times: Collect) {
    let accounts = match store.collectable().await {
        Ok(accounts) => accounts,
        Err(error) => {
            tracing::warn!(%error, "the body collector cannot list the accounts; it tries again later");
            return;
        }
    };
    let pause = pause(times.every, accounts.len());
    let mut removed = 0;
    for account in accounts {
        match store.collect(account, times.grace).await {
            Ok(collected) => removed += collected.objects,
            // It was removed since the round began.
            Err(Error::NotFound(_)) => {}
            Err(error @ Error::Unavailable(_)) => {
                tracing::warn!(%error, "the body collector stops for now and tries again later");
                break;
            }
            Err(error) => tracing::error!(%error, account = %account, "cannot collect the bodies of an account"),
        }
        tokio::time::sleep(pause).await;
    }
    if removed > 0 {
        tracing::info!(bodies = removed, "removed bodies that nothing names any more");
    }
}

fn pause(every: Duration, accounts: usize) -> Duration {
    let accounts = u32::try_from(accounts).unwrap_or(u32::MAX).max(1);
    (every / SPREAD / accounts).clamp(PAUSES.0, PAUSES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_spread_over_the_time_and_never_presses() {
        let every = Duration::from_secs(600);
        assert_eq!(pause(every, 0), Duration::from_secs(1));
        assert_eq!(pause(every, 3000), Duration::from_millis(100));
        assert_eq!(pause(every, 1_000_000), Duration::from_millis(5));
    }
}
