//! Keeps the lease of a running move alive, so that no other node takes the move over.

use std::time::Duration;

use sterna_store::{Lease, Store};

/// Renews at a third of the term, and sooner where that failed. Returns only when the lease is lost.
///
/// A store that cannot be reached is no loss: the lease may run out meanwhile, but until another has taken it, it can be
/// renewed, and what is written under one that was taken is refused.
pub(crate) async fn keep(store: &Store, lease: &Lease, term: Duration) -> sterna_store::Error {
    let mut pause = term / 3;
    loop {
        tokio::time::sleep(pause).await;
        pause = match store.renew(lease, term).await {
            Ok(()) => term / 3,
            Err(lost @ sterna_store::Error::LeaseLost) => return lost,
            Err(error) => {
                tracing::warn!(account = %lease.account, %error, "the lease of a move could not be renewed");
                term / 15
            }
        };
    }
}
