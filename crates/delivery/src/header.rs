//! What delivery wants to know from a message's header before anything else: signs of a loop.
//!
//! A header is looked at as far as [`MAX_HEADER`] only; what comes after it is part of the message and no sign of anything.

use std::io::{self, Read as _};

use bytes::Bytes;
use sterna_message::headers::fields;
use sterna_message::limits::MAX_HEADER;

use crate::address::Mailbox;
use crate::{Body, Mail};

/// Signs of a loop.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    /// Received fields: the servers it has passed.
    pub received: usize,
    /// Mailboxes that it was delivered to before, folded.
    delivered_to: Vec<String>,
}

impl Traces {
    /// Reads the header of a mail. Blocking if the body is a file.
    pub fn read(mail: &Mail) -> io::Result<Traces> {
        let mut traces = Traces::default();
        traces.add(&mail.trace);
        traces.add(&beginning(&mail.body)?);
        Ok(traces)
    }

    fn add(&mut self, block: &[u8]) {
        for field in fields(block) {
            if field.is(b"Received") {
                self.received += 1;
            } else if field.is(b"Delivered-To") {
                let value = field.unfolded();
                self.delivered_to.extend(std::str::from_utf8(&value).ok().map(fold));
            }
        }
    }

    /// Whether the mail was delivered to this address before (any spelling of it).
    pub fn has_been_at(&self, address: &str) -> bool {
        !self.delivered_to.is_empty() && self.delivered_to.contains(&fold(address))
    }
}

/// One spelling for all that mean the same mailbox.
fn fold(address: &str) -> String {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    Mailbox::parse(address).map_or_else(|| address.to_lowercase(), |m| m.to_string().to_lowercase())
}

/// The first [`MAX_HEADER`] bytes of a body, without a copy where they are at hand.
pub(crate) fn beginning(body: &Body) -> io::Result<Bytes> {
    match body {
        Body::Memory(bytes) => Ok(bytes.slice(..bytes.len().min(MAX_HEADER))),
        Body::File(..) => {
            let mut start = Vec::new();
            body.reader()?.take(MAX_HEADER as u64).read_to_end(&mut start)?;
            Ok(start.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mail;

    #[test]
    fn trace_and_body_are_looked_at_up_to_the_empty_line() {
        let mut mail =
            mail("Received: b\r\nX: y\r\ndelivered-to : <Anne@MÜLLER.example>\r\n\r\nReceived: not this\r\n");
        mail.trace = Bytes::from_static(b"Received: a\r\n b\r\n");
        let traces = Traces::read(&mail).unwrap();
        assert_eq!(traces.received, 2);
        assert!(traces.has_been_at("anne@xn--mller-kva.example"));
        assert!(!traces.has_been_at("not"));
    }

    #[test]
    fn a_huge_header_is_looked_at_to_its_limit() {
        let mail = mail(&"Received: x\r\n".repeat(1_000_000));
        assert_eq!(Traces::read(&mail).unwrap().received, MAX_HEADER / 13 + 1);
    }
}
