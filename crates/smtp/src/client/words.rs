//! MAIL and RCPT with their parameters, as a server's extensions allow them.

use std::borrow::Cow;
use std::fmt::Write as _;

use sterna_delivery::{Envelope, Notify, Recipient};

use super::extensions::Extensions;
use crate::dns;

/// What MAIL says about a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// Bytes on the wire, roughly (RFC 1870 §6.3 allows an estimate).
    pub size: u64,
    pub utf8: bool,
    pub binary: bool,
}

pub(super) fn mail(envelope: &Envelope, said: Said, server: &Extensions) -> Vec<u8> {
    let mut line = format!("MAIL FROM:<{}>", on_the_wire(&envelope.sender));
    if server.size.is_some() {
        let _ = write!(line, " SIZE={}", said.size);
    }
    if said.binary {
        line.push_str(" BODY=BINARYMIME");
    } else if server.eight_bit {
        line.push_str(" BODY=8BITMIME");
    }
    if said.utf8 {
        line.push_str(" SMTPUTF8");
    }
    if envelope.require_tls {
        line.push_str(" REQUIRETLS");
    }
    if server.dsn {
        match envelope.headers_only {
            Some(true) => line.push_str(" RET=HDRS"),
            Some(false) => line.push_str(" RET=FULL"),
            None => {}
        }
        if let Some(envid) = &envelope.envid {
            let _ = write!(line, " ENVID={}", xtext(envid));
        }
    }
    line.push_str("\r\n");
    line.into_bytes()
}

pub(super) fn rcpt(recipient: &Recipient, said: Said, server: &Extensions) -> Vec<u8> {
    let mut line = format!("RCPT TO:<{}>", on_the_wire(&recipient.address));
    if server.dsn {
        if recipient.notify != Notify::default() {
            let _ = write!(line, " NOTIFY={}", notify(recipient.notify));
        }
        if let Some((kind, address)) = recipient.original.as_deref().and_then(|o| o.split_once(';')) {
            let address = if address.is_ascii() { xtext(address) } else { utf8_xtext(address, said.utf8) };
            let _ = write!(line, " ORCPT={kind};{address}");
        }
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// An address whose domain alone is not ASCII goes with A-labels, which every server takes (RFC 6531 §3.2).
pub(super) fn on_the_wire(address: &str) -> Cow<'_, str> {
    match address.rsplit_once('@') {
        Some((local, domain)) if local.is_ascii() && !domain.is_ascii() => match dns::ascii(domain) {
            Some(domain) => format!("{local}@{domain}").into(),
            None => address.into(),
        },
        _ => address.into(),
    }
}

fn notify(notify: Notify) -> String {
    let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let words: Vec<&str> = words.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
    if words.is_empty() { "NEVER".to_owned() } else { words.join(",") }
}

/// RFC 3461 §4: what is not printable, `+` and `=` in hexadecimal.
pub(crate) fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' | ..=b' ' | 127.. => _ = write!(out, "+{byte:02X}"),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// RFC 6533 §3: `utf-8-addr-unitext` where the transaction is SMTPUTF8, `utf-8-addr-xtext` elsewhere.
fn utf8_xtext(text: &str, utf8: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '+' | '=' | '\\' | ..=' ' | '\u{7f}' => _ = write!(out, "\\x{{{:02X}}}", u32::from(c)),
            _ if c.is_ascii() || utf8 => out.push(c),
            _ => _ = write!(out, "\\x{{{:04X}}}", u32::from(c)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Said = Said { size: 10, utf8: false, binary: false };

    #[test]
    fn a_domain_goes_with_a_labels_where_the_local_part_is_ascii() {
        assert_eq!(on_the_wire("a@müller.example"), "a@xn--mller-kva.example");
        for kept in ["", "a@x.org", "é@müller.example", "é@x.org", "a@[IPv6:::1]"] {
            assert_eq!(on_the_wire(kept), kept);
        }
    }

    #[test]
    fn only_what_the_server_knows_is_said() {
        let envelope = Envelope {
            sender: "a@x.org".to_owned(),
            headers_only: Some(true),
            envid: Some("Q=1+2".to_owned()),
            ..Envelope::default()
        };
        let mut recipient = Recipient::new("b@y.org");
        recipient.notify = Notify { success: true, failure: true, delay: false };
        recipient.original = Some("rfc822;b+c@z.org".to_owned());
        let none = Extensions::default();
        assert_eq!(mail(&envelope, SAID, &none), b"MAIL FROM:<a@x.org>\r\n");
        assert_eq!(rcpt(&recipient, SAID, &none), b"RCPT TO:<b@y.org>\r\n");
        let all = Extensions { dsn: true, size: Some(0), eight_bit: true, ..none };
        assert_eq!(
            mail(&envelope, SAID, &all),
            b"MAIL FROM:<a@x.org> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=Q+3D1+2B2\r\n"
        );
        let said = rcpt(&recipient, SAID, &all);
        assert_eq!(said, b"RCPT TO:<b@y.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@z.org\r\n");
        recipient.notify = Notify::NEVER;
        recipient.original = Some("utf-8;é@z.org".to_owned());
        assert_eq!(rcpt(&recipient, SAID, &all), b"RCPT TO:<b@y.org> NOTIFY=NEVER ORCPT=utf-8;\\x{00E9}@z.org\r\n");
    }
}
