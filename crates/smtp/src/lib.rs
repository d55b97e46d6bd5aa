//! SMTP: reception, submission, LMTP, the outbound queue, authentication of mail.
//!
//! [`server`] takes mail in and hands it to [`sterna_delivery`]; [`queue`] takes what goes out from the store and hands
//! it to other servers through [`client`]; [`auth`] verifies and signs; [`dsn`] tells senders what became of their mail.

#[cfg(feature = "auth")]
pub mod auth;
#[cfg(feature = "queue")]
pub mod client;
pub mod dns;
#[cfg(feature = "queue")]
pub mod dsn;
#[cfg(feature = "queue")]
pub mod queue;
#[cfg(feature = "server")]
pub mod server;
