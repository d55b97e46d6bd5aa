//! From an accepted message to a mailbox: aliases, quota, Sieve, redirections, notices.
//!
//! Reception and the queue's runner call it. It writes mailboxes and puts what goes on into the queue; it never speaks
//! to another server.
//!
//! ```text
//! recipient ─▶ resolve: alias, forward, catch-all, postmaster, route
//!                │ here                                   │ away
//!                ▼                                        ▼
//!             deposit: ingest ─▶ script? ─▶ scripted ─▶ send: SRS ─▶ the queue
//!                         └────▶ one transaction ◀──┘
//! ```

mod address;
mod attempt;
mod config;
mod deposit;
mod filter;
mod header;
mod letter;
mod mail;
pub mod notice;
mod place;
mod platforms;
pub mod queued;
mod resolve;
mod scripted;
mod send;
mod service;
mod signer;
mod srs;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turns;
mod verdict;

pub use config::DeliveryConfig;
pub use mail::{Body, Envelope, IN_MEMORY, Mail, Notify, Recipient, Spool};
pub use service::Delivery;
pub use signer::Signer;
pub use verdict::{Delivered, Outcome, Refusal, Verdict};

/// A name that is not used twice.
fn random_id() -> String {
    let mut bytes = [0u8; 16];
    // Without random numbers the time alone is left, which TLS and the store would not survive either.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
