//! Goes on with the rotation of DKIM keys: a new key signs as soon as its record can be seen in the DNS.

use std::time::Duration;

use sterna_smtp::auth::dkim;
use sterna_smtp::dns::Resolver;
use sterna_store::Store;
use tokio::sync::watch;

/// Between two looks at the DNS.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// Looks at every domain from time to time, until shutdown. Several nodes may: what one has done the others find done.
pub(super) async fn run(store: Store, resolver: Resolver, mut shutdown: watch::Receiver<bool>) {
    loop {
        if let Err(error) = all(&store, &resolver).await {
            tracing::warn!(%error, "cannot read the domains to look after their DKIM keys");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

async fn all(store: &Store, resolver: &Resolver) -> sterna_store::Result<()> {
    for domain in store.domains().await? {
        match dkim::advance(store, resolver, &domain, store.clock().unix()).await {
            Ok(true) => tracing::info!(domain, "the DKIM keys have changed places"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, domain, "cannot look after the DKIM keys"),
        }
    }
    Ok(())
}
