//! What delivery answers: to RCPT TO, to a message that was handed over, and to the queue's runner.

use std::fmt;

/// Why a recipient is not served, as a server says it (RFC 5321 §4.2, RFC 3463).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Reply code: 4xx for the moment, 5xx for good.
    pub code: u16,
    /// Enhanced status code: `5.1.1`.
    pub status: &'static str,
    /// One line for people, without control characters.
    pub text: String,
}

impl Refusal {
    /// From its parts. Line ends and other control characters of the text become blanks: it goes into an SMTP reply.
    pub fn new(code: u16, status: &'static str, text: impl Into<String>) -> Refusal {
        let mut text: String = text.into();
        if text.contains(char::is_control) {
            text = text.replace("\r\n", " ").replace(char::is_control, " ");
        }
        Refusal { code, status, text }
    }

    /// Whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        self.code < 500
    }
}

impl fmt::Display for Refusal {
    /// `550 5.1.1 no such mailbox`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.status, self.text)
    }
}

/// The answer to RCPT TO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This server takes mail for it.
    Accept,
    /// Its domain is none of ours: a relay for some, nobody's business for others.
    NotOurs,
    /// Its domain is ours, and mail for it is not taken.
    Refuse(Refusal),
}

/// What became of one recipient of a mail that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable in every mailbox that the address leads to (or discarded by its owner's script).
    Delivered,
    /// Durable in the queue, wholly or in part: the queue will deliver it or tell the sender.
    Queued,
    /// Not taken, for good. Nothing was kept; the caller tells the sender.
    Refused(Refusal),
    /// Not taken for the moment, not even into the queue. Nothing was kept; the peer should try again.
    Deferred(Refusal),
}

/// What became of one recipient that the queue's runner gave to [`crate::Delivery::deliver_local`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Delivered; what had to go elsewhere or failed in part is in the queue under its own address.
    Done,
    /// It will never be delivered: the sender is to be told.
    Refused(Refusal),
    /// Not for the moment; nothing was delivered.
    Deferred(Refusal),
    /// The mailbox is being moved at this moment: it is to wait, and that is not its fault. Nothing was delivered.
    Held,
    /// The mailbox lies on a remote platform: `lmtp://HOST:PORT?tls=…` or `smtp://…`.
    NotHere {
        /// Where, as the directory has it.
        route: String,
    },
    /// The domain is none of ours: by MX.
    NotOurs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line() {
        let refusal = Refusal::new(550, "5.7.1", "no\r\n250 ok\u{7}");
        assert_eq!(refusal.to_string(), "550 5.7.1 no 250 ok ");
        assert!(!refusal.is_temporary());
    }
}
