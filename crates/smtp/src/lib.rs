//! SMTP: reception, submission, LMTP, the outbound queue, authentication of mail.
//!
//! [`server`] takes mail in and hands it to [`sterna_delivery`]; [`queue`] takes what goes out from the store and hands
//! it to other servers through [`client`]; [`auth`] verifies and signs; [`dsn`] tells senders what became of their mail.

pub mod auth;
pub mod client;
pub mod dns;
pub mod dsn;
pub mod queue;
pub mod server;
