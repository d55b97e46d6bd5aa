//! Authentication of mail: SPF, DKIM, DMARC and ARC are verified, our own mail is signed.
//!
//! Reception calls [`Authenticator::verify`] once a message is in, and puts its header fields in front of the message;
//! submission and forwarding call [`Authenticator::sign`]. The outcome is an opinion with a suggested
//! [`Disposition`]: who called decides, and a failure of the DNS never speaks against a message.

mod arrival;
mod chain;
mod content;
pub mod dkim;
mod dmarc;
mod header;
mod keys;
mod message;
mod sign;
#[cfg(test)]
mod tests;
mod verdict;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::dns::Resolver;
pub use sign::SignError;
pub use verdict::{Authentication, Disposition, Signature, Verdict};

/// How mail is judged.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// This server's name: the authserv-id of RFC 8601 §2.5.
    pub hostname: String,
    /// Whether DMARC policies lead to [`Disposition::Quarantine`] and [`Disposition::Reject`]; otherwise they are only
    /// noted in the header.
    pub enforce: bool,
    /// Domains whose ARC seal is believed: a message that fails DMARC is accepted if it arrives with a whole chain,
    /// sealed last by one of these, in which one of them found that DMARC passed (RFC 8617 §7.2.1).
    pub trusted_sealers: Vec<String>,
    /// Bytes of message bodies in memory for verification, over all messages at a time. A message above it, or that
    /// finds no room for [`AuthConfig::patience`], is not checked for DKIM and ARC: `temperror`.
    pub memory: usize,
    /// For all that one method asks of the DNS; what takes longer is a `temperror`.
    pub patience: Duration,
}

impl AuthConfig {
    /// Enforcing, with 64 MiB and half a minute.
    pub fn new(hostname: &str) -> AuthConfig {
        AuthConfig {
            hostname: hostname.to_owned(),
            enforce: true,
            trusted_sealers: Vec::new(),
            memory: 64 << 20,
            patience: Duration::from_secs(30),
        }
    }
}

/// Large messages that are verified at a time.
const THREADS: usize = 64;

/// Verifies and signs mail. Clones share the budget of memory and the cache of keys.
#[derive(Clone, Debug)]
pub struct Authenticator {
    resolver: Resolver,
    config: Arc<AuthConfig>,
    memory: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    keys: Arc<keys::Keyring>,
}

impl Authenticator {
    /// Asks `resolver`.
    pub fn new(resolver: Resolver, config: AuthConfig) -> Authenticator {
        let memory = Arc::new(Semaphore::new(config.memory.div_ceil(message::UNIT)));
        let threads = Arc::new(Semaphore::new(THREADS));
        Authenticator { resolver, config: Arc::new(config), memory, threads, keys: Arc::default() }
    }

    /// What it asks.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }
}
