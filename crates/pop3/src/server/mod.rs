//! The POP3 server: answers one client from its INBOX (RFC 1939, with CAPA of RFC 2449, STLS of RFC 2595, SASL of
//! RFC 5034, UTF8 and LANG of RFC 6856).
//!
//! The binary makes one [`Service`] and calls [`serve_connection`] for each connection it accepts. A [`session`] reads
//! commands; [`maildrop`] is the mailbox as it was at login, which is all that the session knows.
//!
//! # No lock on the maildrop
//!
//! RFC 1939 §4 locks a maildrop for one session, because its servers kept mail in one file. Here every session has a
//! frozen list of its own, messages are named by UID, and QUIT deletes in one transaction what the session marked and
//! what is still there: two clients of one user cannot harm each other, and neither waits for the other. Only their
//! number is bounded, with `[IN-USE]` beyond.
//!
//! # Sizes and line ends
//!
//! A message is sent as it is stored. LIST, STAT and the reply of RETR tell its stored octets; what the reply needs
//! beside them, doubled dots and a line end that the message lacks, is not counted, as RFC 1939 §11 has it.

mod auth;
mod capability;
mod command;
mod config;
mod hold;
mod listing;
mod maildrop;
mod output;
mod relay;
mod reply;
mod retrieve;
mod session;
mod slots;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_frontdoor::Door;
use sterna_net::PortTls;
use sterna_store::Store;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::Instrument as _;

use session::Session;
use slots::Slots;

pub use config::ServerConfig;

/// What all connections of one server share.
pub struct Service {
    store: Store,
    config: ServerConfig,
    door: Door,
    slots: Arc<Slots>,
}

impl Service {
    /// One for each store; the listeners share it. `door` is the one that all protocols share.
    pub fn new(door: Door, config: ServerConfig) -> Arc<Service> {
        let slots = Slots::new(config.sessions_per_account);
        Arc::new(Service { store: door.store().clone(), config, door, slots })
    }
}

/// Serves one connection until it ends; `shutdown` turning true ends it at the next command boundary, and deletes
/// nothing.
pub async fn serve_connection(
    service: Arc<Service>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: PortTls,
    shutdown: watch::Receiver<bool>,
) {
    let span = tracing::info_span!("pop3", %peer, account = tracing::field::Empty);
    let serve = async move {
        // Answers are written in one piece: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let mut session = Box::new(Session::new(service, stream, peer, shutdown));
        if tls == PortTls::Implicit
            && let Err(end) = Box::pin(session.start_tls()).await
        {
            return tracing::debug!(?end, "no TLS");
        }
        session.run().await;
    };
    serve.instrument(span).await;
}
