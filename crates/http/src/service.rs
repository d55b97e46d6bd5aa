//! What all connections of the HTTP listeners share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use sterna_store::Store;

use crate::answer::Problem;
use crate::clients::ClientSettings;
use crate::limits::Times;
use crate::router;

/// How long the store may think about a domain.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// How the service appears.
#[derive(Clone)]
pub struct HttpConfig {
    /// The server's own name.
    pub hostname: String,
    /// The certificate, for ports with TLS; without one, connections to these are closed.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// What mail clients are told.
    pub clients: ClientSettings,
    pub(crate) times: Times,
}

impl HttpConfig {
    /// Without TLS; the fields can be changed.
    pub fn new(hostname: &str, clients: ClientSettings) -> HttpConfig {
        HttpConfig { hostname: hostname.to_owned(), tls: None, clients, times: Times::default() }
    }
}

/// The service: its settings, and the routes to its answers.
pub struct Service {
    pub(crate) config: HttpConfig,
    pub(crate) store: Store,
}

impl Service {
    /// One for each store; the listeners share it.
    pub fn new(config: HttpConfig, store: Store) -> Arc<Service> {
        Arc::new(Service { config, store })
    }

    /// The routes, for a connection with or without TLS.
    pub(crate) fn router(self: &Arc<Service>, tls: bool) -> Router {
        router::router(self.clone(), tls)
    }

    /// Whether mail of this domain lives here. Says nothing about any account.
    pub(crate) async fn serves(&self, domain: &str) -> Result<bool, Problem> {
        Ok(self.in_time(self.store.domain(domain)).await?.is_some())
    }

    /// What the store says, if it says so in time.
    pub(crate) async fn in_time<T>(&self, asked: impl Future<Output = sterna_store::Result<T>>) -> Result<T, Problem> {
        match tokio::time::timeout(STORE_PATIENCE, asked).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot look a domain up");
                Err(Problem::Unavailable)
            }
            Err(_) => {
                tracing::warn!("the store does not answer in time");
                Err(Problem::Unavailable)
            }
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("hostname", &self.config.hostname).finish_non_exhaustive()
    }
}
