//! How much of a message the evaluator gets to see, and in what form.
//!
//! Header fields are never cut in two. A body is shown only to a script that looks at it, and messages within messages
//! only so deep that the evaluator's recursion is bounded.

use mail_parser::{MessageParser, PartType};

use crate::header;
use crate::syntax::STEPS;

/// Bytes of a header that a script sees at least, whatever its tests cost.
const LEAST: usize = 64 << 10;

/// Bytes of a header that a script sees at most.
const HEADER: usize = 1 << 20;

/// Messages within messages.
const DEPTH: usize = 10;

/// What the evaluator gets.
pub(super) struct Shown {
    pub bytes: Vec<u8>,
    /// Bytes of `bytes` that are body.
    pub body: usize,
    /// Header fields that are not shown.
    pub hidden: Vec<u8>,
}

/// `budget`: bytes that the script's tests can look at within bounds.
pub(super) fn shown(message: &[u8], budget: usize, body: bool) -> Shown {
    let (head, rest) = message.split_at(header::length(message));
    let limit = budget.clamp(LEAST, HEADER);
    let mut kept = 0;
    let mut end = 0;
    for field in sterna_message::headers::fields(head) {
        end = field.range.end;
        if end <= limit {
            kept = end;
        }
    }
    let (fields, hidden) = (head.get(..kept).unwrap_or_default(), head.get(kept..end).unwrap_or_default());
    let mut bytes = Vec::with_capacity(fields.len() + 4);
    bytes.extend_from_slice(fields);
    if !fields.is_empty() && !fields.ends_with(b"\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    let rest = if body { rest.get(..rest.len().min(budget.max(LEAST))).unwrap_or_default() } else { &[] };
    bytes.extend_from_slice(rest);
    Shown { bytes, body: rest.len(), hidden: hidden.to_vec() }
}

/// Bytes that tests which cost so much for each byte may look at.
pub(super) fn budget(per_byte: u64) -> usize {
    usize::try_from(STEPS / per_byte.max(1)).unwrap_or(usize::MAX)
}

/// Parses it. What is nested too deep is taken apart piece by piece: dropping it whole would recurse as deep.
pub(super) fn parse(bytes: &[u8]) -> mail_parser::Message<'_> {
    let mut message = MessageParser::new().parse(bytes).unwrap_or_default();
    if message.parts.is_empty() {
        message.parts.push(mail_parser::MessagePart::default());
    }
    let mut cut = Vec::new();
    limit(&mut message, DEPTH, &mut cut);
    while let Some(mut message) = cut.pop() {
        limit(&mut message, 0, &mut cut);
    }
    message
}

fn limit<'x>(message: &mut mail_parser::Message<'x>, depth: usize, cut: &mut Vec<mail_parser::Message<'x>>) {
    for part in &mut message.parts {
        if let PartType::Message(inner) = &mut part.body {
            if depth > 0 {
                limit(inner, depth - 1, cut);
            } else if let PartType::Message(inner) = std::mem::take(&mut part.body) {
                cut.push(inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_nested_without_end_is_parsed_and_dropped() {
        let nested = b"Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
        std::thread::Builder::new().stack_size(256 << 10).spawn(move || drop(parse(&nested))).unwrap().join().unwrap();
    }

    #[test]
    fn a_header_is_never_cut_within_a_field() {
        let field = format!("X-Long: {}\r\n", "x".repeat(50_000));
        let message = format!("{}Subject: end\r\n\r\nbody", field.repeat(3));
        let shown = shown(message.as_bytes(), 0, false);
        assert_eq!(shown.bytes, format!("{field}\r\n").as_bytes());
        assert_eq!(shown.hidden, format!("{}Subject: end\r\n", field.repeat(2)).as_bytes());
        assert_eq!(super::shown(b"a: b", 0, true).bytes, b"a: b\r\n\r\n");
        assert_eq!(super::shown(b"a: b\n\nx", 0, true).bytes, b"a: b\n\r\nx");
    }
}
