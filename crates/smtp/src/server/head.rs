//! The header of a message on its way in: what must not go on is left out, what is missing is added, everything else
//! passes byte for byte.
//!
//! It works on a stream and holds one field at a time. Fields left out: Authentication-Results that claim to be ours
//! (RFC 8601 §5) and, when a user submits, Bcc (RFC 5322 §3.6.3). Added for a user: Date and Message-ID (RFC 6409 §8).

use memchr::memchr;
use sterna_message::headers::fields;

use super::authserv;

/// Bytes of one field that are held; the rest of a longer one passes, or goes, as its beginning did.
const MAX_FIELD: usize = 64 * 1024;

/// What to do with a header.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Whose Authentication-Results are not believed from outside.
    pub authserv: String,
    /// What a user's message lacks is filled in.
    pub submission: Option<Missing>,
}

/// Whole fields with CRLF, for a message without them.
#[derive(Clone, Debug, Default)]
pub(super) struct Missing {
    pub date: String,
    pub message_id: String,
}

/// What a header said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Raw values of the From fields, two at most.
    pub from: Vec<Vec<u8>>,
    /// Raw values of the Sender fields, two at most.
    pub sender: Vec<Vec<u8>>,
    pub date: bool,
    pub message_id: bool,
    /// A CR stood alone: what the fields are depends on who reads them.
    pub bare_cr: bool,
    /// A field that had to be read whole was longer than [`MAX_FIELD`].
    pub too_long: bool,
}

/// The filter of one message.
#[derive(Debug)]
pub(super) struct Head {
    rules: Rules,
    summary: Summary,
    /// The field at work, as far as it is held.
    field: Vec<u8>,
    /// What becomes of a field longer than [`MAX_FIELD`].
    overflow: Option<bool>,
    /// The next byte begins a line.
    line_start: bool,
    /// The last byte was a CR.
    cr: bool,
    /// The last byte that was passed on was a line's end.
    ended_line: bool,
    done: bool,
}

impl Head {
    pub fn new(rules: Rules) -> Head {
        Head {
            rules,
            summary: Summary::default(),
            field: Vec::new(),
            overflow: None,
            line_start: true,
            cr: false,
            ended_line: true,
            done: false,
        }
    }

    /// What was found; complete behind the header.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Takes bytes of the message and appends what passes.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while !self.done {
            let Some(&first) = rest.first() else { return };
            if self.line_start && !matches!(first, b' ' | b'\t') {
                self.end_field(out);
            }
            // A bare LF ends a line here as it does for most readers.
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (piece, after) = rest.split_at(end);
            self.look_for_bare_cr(piece);
            self.line_start = piece.ends_with(b"\n");
            self.hold(piece, out);
            if self.line_start && matches!(&*self.field, b"\n" | b"\r\n") {
                self.add_missing(out);
                out.append(&mut self.field);
                self.done = true;
            }
            rest = after;
        }
        out.extend_from_slice(rest);
    }

    /// The message is over, its header perhaps too.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.done {
            return;
        }
        self.end_field(out);
        if self.rules.submission.is_some() && !self.ended_line {
            out.extend_from_slice(b"\r\n");
        }
        self.add_missing(out);
        self.done = true;
    }

    fn look_for_bare_cr(&mut self, piece: &[u8]) {
        if self.cr && piece != b"\n" {
            self.summary.bare_cr = true;
        }
        let line = piece.strip_suffix(b"\n").unwrap_or(piece);
        let inner = line.strip_suffix(b"\r").unwrap_or(line);
        self.cr = piece.ends_with(b"\r");
        self.summary.bare_cr |= memchr(b'\r', inner).is_some();
    }

    /// Adds bytes to the field at work.
    fn hold(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if let Some(passes) = self.overflow {
            if passes {
                self.pass(piece, out);
            }
            return;
        }
        self.field.extend_from_slice(piece);
        if self.field.len() > MAX_FIELD {
            self.summary.too_long |= [&b"From"[..], b"Sender"].iter().any(|name| is(&self.field, name));
            // Whose results these are cannot be told before the end of the comments in front: not believed.
            let passes = self.takes() && !is(&self.field, b"Authentication-Results");
            let field = std::mem::take(&mut self.field);
            if passes {
                self.pass(&field, out);
            }
            self.overflow = Some(passes);
        }
    }

    /// The field at work is complete.
    fn end_field(&mut self, out: &mut Vec<u8>) {
        if self.overflow.take().is_none() && !self.field.is_empty() && self.takes() {
            let field = std::mem::take(&mut self.field);
            self.pass(&field, out);
        }
        self.field.clear();
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.ended_line = bytes.ends_with(b"\n");
        out.extend_from_slice(bytes);
    }

    /// Notes what the field says; whether it passes.
    fn takes(&mut self) -> bool {
        let Some(field) = fields(&self.field).next() else { return true };
        if field.is(b"Authentication-Results") {
            return !authserv::claims(field.value, &self.rules.authserv);
        }
        if self.rules.submission.is_none() {
            return true;
        }
        let keep = |values: &mut Vec<Vec<u8>>| {
            if values.len() < 2 {
                values.push(field.value.get(..MAX_FIELD).unwrap_or(field.value).to_vec());
            }
        };
        if field.is(b"From") {
            keep(&mut self.summary.from);
        } else if field.is(b"Sender") {
            keep(&mut self.summary.sender);
        } else if field.is(b"Date") {
            self.summary.date = true;
        } else if field.is(b"Message-ID") {
            self.summary.message_id = true;
        }
        !field.is(b"Bcc") && !field.is(b"Resent-Bcc")
    }

    fn add_missing(&mut self, out: &mut Vec<u8>) {
        let Some(missing) = &self.rules.submission else { return };
        if !self.summary.date {
            out.extend_from_slice(missing.date.as_bytes());
        }
        if !self.summary.message_id {
            out.extend_from_slice(missing.message_id.as_bytes());
        }
    }
}

fn is(block: &[u8], name: &[u8]) -> bool {
    fields(block).next().is_some_and(|field| field.is(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(submission: bool) -> Rules {
        let missing = Missing { date: "Date: now\r\n".into(), message_id: "Message-ID: <new>\r\n".into() };
        Rules { authserv: "mail.example.org".into(), submission: submission.then_some(missing) }
    }

    fn filtered(message: &[u8], submission: bool, piece: usize) -> (String, Summary) {
        let (mut head, mut out) = (Head::new(rules(submission)), Vec::new());
        message.chunks(piece).for_each(|chunk| head.push(chunk, &mut out));
        head.finish(&mut out);
        (String::from_utf8_lossy(&out).into_owned(), head.summary().clone())
    }

    #[test]
    fn results_in_our_name_go_and_all_else_stays() {
        let message = "Received: x\r\nAuthentication-Results: mail.example.org;\r\n dkim=pass\r\nSubject: a\r\n\
            AUTHENTICATION-RESULTS : (c) MAIL.example.org/1; spf=pass\r\nAuthentication-Results: other.example; spf=fail\r\n\
            Bcc: x@y\r\n\r\nAuthentication-Results: mail.example.org; dkim=pass\r\n";
        let expected = "Received: x\r\nSubject: a\r\nAuthentication-Results: other.example; spf=fail\r\nBcc: x@y\r\n\r\n\
            Authentication-Results: mail.example.org; dkim=pass\r\n";
        for piece in 1..message.len() {
            assert_eq!(filtered(message.as_bytes(), false, piece).0, expected);
        }
    }

    #[test]
    fn a_submitted_message_loses_bcc_and_gains_what_it_lacks() {
        let message =
            "From: Ada <ada@example.org>\r\nbcc: a@b,\r\n\tc@d\r\nTo: e@f\r\nResent-Bcc: g@h\r\n\r\nBcc: text\r\n";
        let expected = "From: Ada <ada@example.org>\r\nTo: e@f\r\nDate: now\r\nMessage-ID: <new>\r\n\r\nBcc: text\r\n";
        for piece in 1..message.len() {
            let (text, summary) = filtered(message.as_bytes(), true, piece);
            assert_eq!(text, expected);
            assert_eq!(summary.from, [b" Ada <ada@example.org>".to_vec()]);
        }
        let whole = "date: x\r\nMESSAGE-ID: <y>\r\nFrom: a@b\r\nFrom: c@d\r\nFrom: e@f\r\nSender: g@h\r\n\r\n";
        let (text, summary) = filtered(whole.as_bytes(), true, 7);
        assert_eq!(text, whole);
        assert_eq!((summary.from.len(), summary.sender.len()), (2, 1));
    }

    #[test]
    fn a_message_that_is_a_header_only_is_completed() {
        assert_eq!(filtered(b"A: b\r\n", true, 2).0, "A: b\r\nDate: now\r\nMessage-ID: <new>\r\n");
        assert_eq!(filtered(b"A: b", true, 2).0, "A: b\r\nDate: now\r\nMessage-ID: <new>\r\n");
        assert_eq!(filtered(b"", true, 2).0, "Date: now\r\nMessage-ID: <new>\r\n");
        assert_eq!(filtered(b"A: b", false, 2).0, "A: b");
    }

    #[test]
    fn a_cr_alone_is_seen_in_the_header_only() {
        for piece in 1..8 {
            assert!(filtered(b"A: b\rBcc: c\r\n\r\n", true, piece).1.bare_cr);
            assert!(filtered(b"A: b\r\r\n\r\n", true, piece).1.bare_cr);
            assert!(!filtered(b"A: b\r\n\r\nx\ry\r\n", true, piece).1.bare_cr);
            assert!(!filtered(b"A: b\nC: d\n\nx", true, piece).1.bare_cr);
        }
    }

    #[test]
    fn a_huge_field_is_not_held() {
        let long = "x".repeat(3 * MAX_FIELD);
        let message =
            format!("Subject: {long}\r\nBcc: {long}\r\nAuthentication-Results: ({long}) a;\r\nTo: a@b\r\n\r\nbody");
        let (mut head, mut out, mut most) = (Head::new(rules(true)), Vec::new(), 0);
        for chunk in message.as_bytes().chunks(1000) {
            head.push(chunk, &mut out);
            most = most.max(head.field.capacity());
        }
        head.finish(&mut out);
        assert!(most <= 4 * MAX_FIELD, "{most}");
        let expected = format!("Subject: {long}\r\nTo: a@b\r\nDate: now\r\nMessage-ID: <new>\r\n\r\nbody");
        assert!(String::from_utf8(out).unwrap() == expected);
        assert!(filtered(format!("From: {long}\r\n\r\n").as_bytes(), true, 999).1.too_long);
    }

    proptest! {
        #[test]
        fn a_received_message_without_results_passes_unchanged(
            message in "([A-Za-c:. \t\r\n]|\r\n){0,60}",
            piece in 1usize..9,
        ) {
            let (text, summary) = filtered(message.as_bytes(), false, piece);
            prop_assert_eq!(&text, &message);
            prop_assert_eq!(summary, filtered(message.as_bytes(), false, message.len().max(1)).1);
        }

        #[test]
        fn pieces_make_no_difference(
            lines in prop::collection::vec("(From|Bcc|Date|X|Authentication-Results| |): ?[a-c;(]{0,4}", 0..8),
            piece in 1usize..9,
        ) {
            let message = lines.join("\r\n") + "\r\n\r\nBcc: body\r\n";
            prop_assert_eq!(filtered(message.as_bytes(), true, piece), filtered(message.as_bytes(), true, message.len()));
        }
    }
}
