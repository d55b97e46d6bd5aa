//! The IMAP server: answers one client from the store (RFC 9051, RFC 3501 and extensions).
//!
//! The binary makes one [`Service`] and calls [`serve_connection`] for each connection it accepts. A [`session`] reads
//! commands, [`dispatch`] gives each to its handler, a file for each command; [`sync`] then tells what changed. Nothing
//! here blocks a thread of the runtime: all work on data happens inside the store's closures.

mod append;
mod auth;
mod basic;
mod capability;
mod compress;
mod config;
mod copy;
mod dispatch;
mod enable;
mod expunge;
mod fetch;
mod hold;
mod id;
mod idle;
mod incoming;
mod mailboxes;
mod names;
mod notify;
mod notify_events;
mod output;
mod problem;
mod qresync;
mod relay;
mod search;
mod select;
mod session;
mod sort;
mod starttls;
mod store;
mod sync;
#[cfg(test)]
pub(crate) mod testing;
mod thread;
mod transport;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_frontdoor::Door;
use sterna_net::{ClientStream, PortTls};
use sterna_store::Store;
use tokio::net::TcpStream;
use tokio::sync::watch;

use session::Session;
use tracing::Instrument as _;
use transport::Stream;

pub use config::ServerConfig;
pub use session::{Enabled, ResumedSession};

/// What all connections of one server share.
pub struct Service {
    pub(crate) store: Store,
    pub(crate) config: ServerConfig,
    pub(crate) door: Door,
}

impl Service {
    /// One for each store; the listeners share it. All protocols share the door.
    pub fn new(door: Door, config: ServerConfig) -> Arc<Service> {
        Arc::new(Service { store: door.store().clone(), config, door })
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
    let span = tracing::info_span!("imap", %peer, account = tracing::field::Empty);
    serve(service, stream, peer, tls, shutdown).instrument(span).await;
}

async fn serve(
    service: Arc<Service>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: PortTls,
    shutdown: watch::Receiver<bool>,
) {
    // Answers are written in one piece: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut session = Box::new(Session::new(service, Stream::new(ClientStream::Plain(stream)), peer, shutdown));
    if tls == PortTls::Implicit
        && let Err(problem) = Box::pin(session.start_tls()).await
    {
        return tracing::debug!(?problem, "no TLS");
    }
    session.greet();
    session.run(None).await;
}

/// Goes on with a session that was held elsewhere, at a command boundary or in IDLE. The client notices nothing but
/// what changed: its first synchronisation tells it.
pub async fn resume_connection(
    service: Arc<Service>,
    stream: ClientStream,
    peer: SocketAddr,
    shutdown: watch::Receiver<bool>,
    state: ResumedSession,
) {
    let span = tracing::info_span!("imap", %peer, account = tracing::field::Empty);
    let resumed = async move {
        let mut session = Box::new(Session::new(service, Stream::new(stream), peer, shutdown));
        match Box::pin(session.resume(state)).await {
            Ok(idle) => session.run(idle).await,
            Err(problem) => tracing::warn!(?problem, "cannot resume a session"),
        }
    };
    resumed.instrument(span).await;
}
