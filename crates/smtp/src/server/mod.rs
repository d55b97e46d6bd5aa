//! Mail in: reception from other servers (RFC 5321), submission by users (RFC 6409) and LMTP (RFC 2033), one engine.
//!
//! The binary makes one [`Service`] and calls [`serve_connection`] for each connection it accepts. A [`session`] reads
//! commands; [`mail`], [`rcpt`] and [`data`] build a transaction; [`intake`] takes the bytes of a message; [`accept`]
//! hands it to [`sterna_delivery`] and answers. Nothing is acknowledged before it is durable, and no byte of a message is
//! ever taken for a command.

mod accept;
mod auth;
mod authserv;
mod command;
mod conduct;
mod config;
mod data;
mod dots;
mod greet;
mod greylist;
mod head;
mod intake;
mod lexer;
mod lock;
mod mail;
mod mailboxes;
mod params;
mod path;
mod peer;
mod policy;
mod rcpt;
mod reply;
mod report;
mod session;
mod submission;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trace;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_delivery::Delivery;
use sterna_frontdoor::Door;
use sterna_net::{ClientStream, PortTls};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument as _;

use crate::auth::Authenticator;

pub use config::ServerConfig;

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mail from other servers, for our domains only.
    Reception,
    /// Mail from our users, for everywhere, after a login.
    Submission,
    /// Mail from a server of the same house: one answer for each recipient. It is trusted; bind it to a private address.
    Lmtp,
}

/// What all connections share.
pub struct Service {
    pub(crate) delivery: Delivery,
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) door: Door,
    pub(crate) config: ServerConfig,
    networks: Arc<policy::Networks>,
    submitters: Arc<policy::Networks>,
    greylist: greylist::Greylist,
    conduct: conduct::Conduct,
    receiving: Arc<Semaphore>,
}

impl Service {
    /// One for each store; the listeners share it. `door` is the one that all protocols share.
    pub fn new(delivery: Delivery, auth: Arc<Authenticator>, door: Door, config: ServerConfig) -> Arc<Service> {
        Arc::new(Service {
            delivery,
            auth,
            door,
            networks: Arc::default(),
            submitters: Arc::default(),
            greylist: greylist::Greylist::default(),
            conduct: conduct::Conduct::default(),
            receiving: Arc::new(Semaphore::new(config.max_receiving)),
            config,
        })
    }
}

/// Serves one connection until it ends; `shutdown` turning true ends it at the next command boundary with 421.
pub async fn serve_connection(
    service: Arc<Service>,
    kind: Kind,
    stream: TcpStream,
    peer: SocketAddr,
    tls: PortTls,
    shutdown: watch::Receiver<bool>,
) {
    let span = tracing::info_span!("smtp", ?kind, %peer, account = tracing::field::Empty);
    // Replies are written in one piece: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let stream = ClientStream::Plain(stream);
    let session = Box::new(session::Session::new(service, kind, stream, peer, shutdown));
    session.serve(tls).instrument(span).await;
}
