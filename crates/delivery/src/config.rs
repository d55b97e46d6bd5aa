//! What delivery has to know about the server that it works for.

use sterna_core::Address;

/// The settings of delivery; the configuration file fills them.
#[derive(Clone, Debug)]
pub struct DeliveryConfig {
    /// The server's name: part of the Message-IDs it makes and of Received fields.
    pub hostname: String,
    /// Who reads the mail to postmaster@ of a domain that has neither an account nor an alias of that name.
    pub postmaster: Option<Address>,
    /// Language of notices to accounts that chose none, as a tag: `en`, `fr`.
    pub language: String,
    /// Days that a message may wait in the queue.
    pub queue_days: u32,
    /// Addresses that one script may redirect one message to.
    pub max_redirects: usize,
    /// Received fields at which a message is taken for a loop (RFC 5321 §6.3 wants at least 100 to be possible for a
    /// relay; a mailbox sees far fewer).
    pub max_received: usize,
    /// Bytes of one message.
    pub max_size: u64,
}

impl DeliveryConfig {
    /// The defaults, for a server of that name.
    pub fn new(hostname: &str) -> DeliveryConfig {
        DeliveryConfig {
            hostname: hostname.to_owned(),
            postmaster: None,
            language: "en".to_owned(),
            queue_days: 5,
            max_redirects: 10,
            max_received: 50,
            max_size: 50 << 20,
        }
    }
}
