//! Hands mail to another server: SMTP (RFC 5321) and LMTP (RFC 2033), several messages over one connection.
//!
//! The queue's runner calls it, [`connect`] and then [`Connection::send`] for each message. It decides nothing about
//! when to try again and where: it says for each recipient what the server said, and whether the connection lives on.
//!
//! A body is sent as it is. A server without 8BITMIME gets 8-bit bodies all the same, as most servers of the world do
//! it: what does not know the extension passes the bytes through, while a conversion would break signatures and
//! a bounce helps nobody. BINARYMIME, SMTPUTF8 and REQUIRETLS, where damage or disclosure is certain, are insisted on.

mod auth;
mod body;
mod connect;
mod connection;
mod error;
mod extensions;
mod reply;
mod route;
mod stuffing;
mod transaction;
mod verdict;
mod wire;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use body::{HeaderEnd, Pieces};
pub use connect::connect;
pub use connection::Connection;
pub use error::Error;
pub use extensions::Extensions;
pub use reply::Reply;
pub use route::{Credentials, Protocol, Route, RouteError, Security, Server, Timeouts};
pub use transaction::Sent;
pub use verdict::{Failure, Verdict};
pub use wire::Transport;
pub(crate) use words::xtext;
