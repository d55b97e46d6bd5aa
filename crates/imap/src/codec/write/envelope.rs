//! ENVELOPE (RFC 9051 §7.5.2), straight from the stored structure into the output buffer.

use sterna_message::{Address, Addresses, Envelope};

use super::{nstring, quoted_or_literal};

/// Appends `(date subject from sender reply-to to cc bcc in-reply-to message-id)`.
pub fn envelope(out: &mut Vec<u8>, envelope: &Envelope<'_>) {
    out.push(b'(');
    nstring(out, envelope.date());
    out.push(b' ');
    nstring(out, envelope.subject());
    let lists = [envelope.from(), envelope.sender(), envelope.reply_to(), envelope.to(), envelope.cc(), envelope.bcc()];
    for list in lists {
        out.push(b' ');
        addresses(out, list);
    }
    out.push(b' ');
    nstring(out, envelope.in_reply_to());
    out.push(b' ');
    nstring(out, envelope.message_id());
    out.push(b')');
}

/// `"(" 1*address ")" / nil`
fn addresses(out: &mut Vec<u8>, list: Addresses<'_>) {
    let start = out.len();
    out.push(b'(');
    for address in list.iter() {
        match address {
            Address::Mailbox { name, route, mailbox, host } => {
                out.push(b'(');
                nstring(out, name);
                out.push(b' ');
                nstring(out, route);
                out.push(b' ');
                quoted_or_literal(out, mailbox);
                out.push(b' ');
                quoted_or_literal(out, host);
                out.push(b')');
            }
            Address::GroupStart(name) => {
                out.extend_from_slice(b"(NIL NIL ");
                quoted_or_literal(out, name);
                out.extend_from_slice(b" NIL)");
            }
            Address::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
    if out.len() == start + 1 {
        out.truncate(start);
        out.extend_from_slice(b"NIL");
    } else {
        out.push(b')');
    }
}
