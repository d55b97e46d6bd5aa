//! The IMAP server: answers one client from the store (RFC 9051, RFC 3501 and extensions).
//!
//! The binary makes one [`Service`] and calls [`serve_connection`] for each connection it accepts. A [`session`] reads
//! commands, [`dispatch`] gives each to its handler, a file for each command; [`sync`] then tells what changed. Nothing
//! here blocks a thread of the runtime: all work on data happens inside the store's closures.

mod config;
mod copy;
mod dispatch;
mod expunge;
mod fetch;
mod mailboxes;
mod names;
mod output;
mod problem;
mod search;
mod session;
mod sort;
mod store;
mod sync;
#[cfg(test)]
mod testing;
mod thread;
mod transport;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_store::Store;
use tokio::net::TcpStream;
use tokio::sync::watch;

pub use config::{PlaintextPolicy, ServerConfig};

/// What all connections of one server share.
pub struct Service {
    pub(crate) store: Store,
    pub(crate) config: ServerConfig,
}

impl Service {
    /// One for each store; the listeners share it.
    pub fn new(store: Store, config: ServerConfig) -> Arc<Service> {
        Arc::new(Service { store, config })
    }
}

/// How a port begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortTls {
    /// In the clear; STARTTLS is offered if there is a certificate.
    Plain,
    /// With TLS at once (RFC 8314).
    Implicit,
}

/// Serves one connection until it ends; `shutdown` turning true ends it at the next command boundary with BYE.
pub async fn serve_connection(
    service: Arc<Service>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: PortTls,
    shutdown: watch::Receiver<bool>,
) {
    session::serve(service, stream, peer, tls, shutdown).await;
}
