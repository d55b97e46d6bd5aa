//! What a script decided. Delivery carries these out, in their order.

use std::sync::Arc;

use sterna_core::Role;

/// One thing to do with a message. An implicit keep is already among them (RFC 5228 §2.10.2): a message with no `Keep`,
/// `FileInto`, `Redirect` or `Reject` is to be thrown away.
///
/// `header`, where it is there, replaces the message's header (RFC 5293): it ends with the empty line, and the body
/// follows it unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Into INBOX.
    Keep {
        /// IMAP flags and keywords, each once; `\Recent` and words that IMAP does not know are not among them.
        flags: Vec<String>,
        /// The edited header.
        header: Option<Arc<[u8]>>,
    },
    /// Into another mailbox.
    FileInto {
        /// Its full name in UTF-8.
        mailbox: String,
        /// RFC 8579 §4: the mailbox with this role, if there is one, instead of `mailbox`.
        special_use: Option<Role>,
        /// RFC 5490 §3.2: create it if it is not there. Else a missing one means INBOX.
        create: bool,
        /// As for `Keep`.
        flags: Vec<String>,
        /// The edited header.
        header: Option<Arc<[u8]>>,
    },
    /// To another address; the envelope's sender is the delivery's business.
    Redirect {
        /// `local@domain`.
        to: String,
        /// The edited header.
        header: Option<Arc<[u8]>>,
    },
    /// Refused (RFC 5429).
    Reject {
        /// Why, as the sender is to read it: UTF-8, lines divided by CRLF.
        text: String,
        /// `ereject`: within the protocol if that is still possible.
        extended: bool,
    },
    /// An automatic reply (RFC 5230), to be sent with an empty reverse-path. It obeys RFC 3834 already, but for the one
    /// thing that only the delivery can do: remember it.
    Vacation {
        /// The envelope's recipient: the message's envelope sender.
        to: String,
        /// The whole reply, ready to be sent, in UTF-8 (8bit) at most.
        message: Vec<u8>,
        /// To remember in the transaction that sends it.
        remember: Remember,
    },
    /// A notification by mail (RFC 5436), to be sent with an empty reverse-path.
    Notify {
        /// `local@domain`, one or more.
        to: Vec<String>,
        /// The whole message.
        message: Vec<u8>,
    },
    /// `duplicate` (RFC 7352): to remember when the message has been delivered, not before.
    Remember(Remember),
}

/// Something to remember, for `Tx::remember`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    /// `vacation` or `duplicate`.
    pub kind: &'static str,
    /// What; a digest of fixed length.
    pub key: Vec<u8>,
    /// For how long, seconds. 0: do not remember it.
    pub seconds: u64,
    /// RFC 7352 §3.4 `:last`: the time starts anew although it is remembered already.
    pub renew: bool,
}
