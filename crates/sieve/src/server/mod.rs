//! The ManageSieve server: a client looks after its account's scripts (RFC 5804).
//!
//! The binary makes one [`Service`] and calls [`serve_connection`] for each connection it accepts. A `session` reads
//! commands (`framing`, `command`) and answers each; `scripts` does what they ask for in the store.

mod auth;
mod capability;
mod command;
mod config;
mod framing;
mod hold;
mod relay;
mod scripts;
mod session;
#[cfg(test)]
mod tests;
mod write;

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_frontdoor::Door;
use sterna_net::{ClientStream, PortTls};
use sterna_store::Store;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument as _;

use session::Session;

pub use config::ServerConfig;

/// Scripts that are checked at the same time: it takes a processor, and the rest of the server wants some too.
const CHECKS: usize = 4;

/// What all connections of one server share.
pub struct Service {
    store: Store,
    config: ServerConfig,
    door: Door,
    checks: Semaphore,
}

impl Service {
    /// One for each store; the listeners share it. `door` is the one that all protocols share.
    pub fn new(door: Door, config: ServerConfig) -> Arc<Service> {
        Arc::new(Service { store: door.store().clone(), config, door, checks: Semaphore::new(CHECKS) })
    }
}

/// Serves one connection until it ends; `shutdown` turning true ends it at the next command boundary with BYE.
pub async fn serve_connection(
    service: Arc<Service>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: PortTls,
    shutdown: watch::Receiver<bool>,
) {
    let span = tracing::info_span!("sieve", %peer, account = tracing::field::Empty);
    let serve = async move {
        // Answers are written in one piece: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let mut session = Session::new(service, ClientStream::Plain(stream), peer, shutdown);
        if tls == PortTls::Implicit
            && let Err(error) = Box::pin(session.start_tls()).await
        {
            return tracing::debug!(%error, "no TLS");
        }
        if let Err(error) = session.run().await {
            tracing::debug!(%error, "the connection ended");
        }
    };
    serve.instrument(span).await;
}
