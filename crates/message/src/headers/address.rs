//! Address lists (RFC 5322 §3.4, obsolete forms of §4.4) as ENVELOPE sends them (RFC 9051 §7.5.2), read leniently in
//! one pass.
//!
//! Quotes and backslashes are removed, encoded words stay as they are, whatever cannot be an address becomes a mailbox
//! without a host: no byte of text is a reason to lose a recipient.

use std::borrow::Cow;

use super::params::{quoted, skip_cfws};
use super::words::encoded_word_len;
use crate::wire::{put_opt, put_slice};

/// Kinds of stored entries.
pub(crate) const MAILBOX: u8 = 0;
pub(crate) const GROUP_START: u8 = 1;
pub(crate) const GROUP_END: u8 = 2;

/// Appends the stored form of an unfolded address list.
pub(crate) fn encode_addresses(value: &[u8], out: &mut Vec<u8>) {
    let mut p = Parser { out, text: Vec::new(), at: None, angle: None, comment: None, blank: false, group: false };
    let mut rest = value;
    while let Some((&b, tail)) = rest.split_first() {
        rest = match b {
            b' ' | b'\t' | b'\r' | b'\n' => {
                p.blank = true;
                tail
            }
            b'"' => {
                let (content, tail) = quoted(tail);
                p.word(&content);
                tail
            }
            b'(' => p.comment(rest),
            b'<' => p.angle(tail),
            b',' => {
                p.end_address();
                tail
            }
            b':' if !p.group && p.angle.is_none() && p.at.is_none() => {
                p.start_group();
                tail
            }
            b';' => {
                p.end_address();
                p.end_group();
                tail
            }
            b'[' if p.at.is_some() => {
                let end = memchr::memchr(b']', tail).map_or(rest.len(), |e| e + 2);
                p.word(&rest[..end]);
                &rest[end..]
            }
            b'@' => {
                if p.at.is_none() {
                    p.text.truncate(p.text.trim_ascii_end().len());
                    p.at = Some(p.text.len());
                }
                p.text.push(b'@');
                p.blank = false;
                tail
            }
            _ => {
                let end = encoded_word_len(rest).unwrap_or_else(|| atom_len(rest));
                p.word(&rest[..end]);
                &rest[end..]
            }
        };
    }
    p.end_address();
    p.end_group();
}

/// Bytes up to the next one that means something in an address list; at least one.
fn atom_len(s: &[u8]) -> usize {
    let special =
        |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'(' | b'<' | b',' | b':' | b';' | b'[' | b'@');
    s.iter().skip(1).position(special).map_or(s.len(), |p| p + 1)
}

/// An address between angle brackets.
struct Angle {
    route: Option<Vec<u8>>,
    mailbox: Vec<u8>,
    host: Vec<u8>,
}

struct Parser<'o> {
    out: &'o mut Vec<u8>,
    /// The phrase or bare address read so far, one blank between its words.
    text: Vec<u8>,
    /// Where its first unquoted `@` stands.
    at: Option<usize>,
    /// What stood in angle brackets.
    angle: Option<Angle>,
    /// The last comment, which old programs use for the name: `ned@example.org (Ned)`.
    comment: Option<Vec<u8>>,
    blank: bool,
    group: bool,
}

impl Parser<'_> {
    fn word(&mut self, word: &[u8]) {
        // "joe @ example . org" (RFC 5322 §4.4): no blanks beside the at sign, nor beside the dots of a host.
        let glued = match (self.at, self.text.last()) {
            (_, None) => true,
            (Some(_), Some(last)) => matches!(last, b'@' | b'.') || word.first() == Some(&b'.'),
            (None, _) => false,
        };
        if self.blank && !glued {
            self.text.push(b' ');
        }
        self.blank = false;
        self.text.extend_from_slice(word);
    }

    fn comment<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        // Only this comment: skip_cfws would take the blanks and comments after it along.
        let after = skip_cfws(rest);
        let inner = rest[..rest.len() - after.len()].trim_ascii();
        let inner = inner.strip_prefix(b"(").unwrap_or(inner);
        let inner = inner.strip_suffix(b")").unwrap_or(inner).trim_ascii();
        if !inner.is_empty() {
            self.comment = Some(inner.iter().copied().filter(|b| *b != b'\\').collect());
        }
        self.blank = true;
        after
    }

    /// Reads `route:local@host>`; the last one of an address counts.
    fn angle<'a>(&mut self, mut rest: &'a [u8]) -> &'a [u8] {
        let (mut text, mut at, mut route) = (Vec::new(), None, None);
        while let Some((&b, tail)) = rest.split_first() {
            rest = match b {
                b'>' => {
                    rest = tail;
                    break;
                }
                b' ' | b'\t' | b'\r' | b'\n' => tail,
                b'"' => {
                    let (content, tail) = quoted(tail);
                    text.extend_from_slice(&content);
                    tail
                }
                b'(' => skip_cfws(rest),
                b'@' => {
                    at = Some(text.len());
                    text.push(b);
                    tail
                }
                // RFC 5322 §4.4: "@a,@b:" is a route.
                b':' if text.first() == Some(&b'@') && route.is_none() => {
                    route = Some(std::mem::take(&mut text));
                    at = None;
                    tail
                }
                _ => {
                    text.push(b);
                    tail
                }
            };
        }
        let host = at.map(|a| text[a + 1..].to_vec()).unwrap_or_default();
        text.truncate(at.unwrap_or(text.len()));
        self.angle = Some(Angle { route, mailbox: text, host });
        self.blank = true;
        rest
    }

    fn end_address(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        let comment = self.comment.take();
        match (self.angle.take(), self.at.take()) {
            (Some(Angle { route, mailbox, host }), _) => {
                let name = Some(text.trim_ascii()).filter(|t| !t.is_empty()).or(comment.as_deref());
                // "<>" without a name is nobody.
                if name.is_some() || !mailbox.is_empty() || !host.is_empty() {
                    self.mailbox(name, route.as_deref(), &mailbox, &host);
                }
            }
            (None, Some(at)) => self.mailbox(comment.as_deref(), None, &text[..at], &text[at + 1..]),
            (None, None) if !text.is_empty() => self.mailbox(comment.as_deref(), None, &text, b""),
            (None, None) => {}
        }
        text.clear();
        self.text = text;
        self.blank = false;
    }

    fn mailbox(&mut self, name: Option<&[u8]>, route: Option<&[u8]>, mailbox: &[u8], host: &[u8]) {
        self.out.push(MAILBOX);
        put_opt(self.out, name);
        put_opt(self.out, route);
        put_slice(self.out, mailbox);
        put_slice(self.out, host);
    }

    fn start_group(&mut self) {
        self.out.push(GROUP_START);
        put_slice(self.out, self.text.trim_ascii());
        self.text.clear();
        self.comment = None;
        self.blank = false;
        self.group = true;
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.group) {
            self.out.push(GROUP_END);
        }
    }
}

/// The name without what RFC 2047 hides, for people.
pub(crate) fn display_name(name: &[u8]) -> Cow<'_, str> {
    if name.is_ascii() && memchr::memmem::find(name, b"=?").is_none() {
        return String::from_utf8_lossy(name);
    }
    Cow::Owned(super::decode_header(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Address, Addresses};
    use proptest::prelude::*;

    fn show(s: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        encode_addresses(s, &mut out);
        let t = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Addresses(&out)
            .iter()
            .map(|a| match a {
                Address::Mailbox { name, route, mailbox, host } => {
                    format!(
                        "{}|{}|{}|{}",
                        name.map(t).unwrap_or("-".into()),
                        route.map(t).unwrap_or("-".into()),
                        t(mailbox),
                        t(host)
                    )
                }
                Address::GroupStart(n) => format!("{}:", t(n)),
                Address::GroupEnd => ";".into(),
            })
            .collect()
    }

    #[test]
    fn addresses_as_envelope_wants_them() {
        for (raw, want) in [
            (&b"a@b"[..], &["-|-|a|b"][..]),
            (b"\"Doe, \\\"J\\\"\" <j@x.org>, K  L  <k@y>", &["Doe, \"J\"|-|j|x.org", "K L|-|k|y"]),
            (b"ned@x.org (Ned (the) Freed)", &["Ned (the) Freed|-|ned|x.org"]),
            (b"joe . q @ x . org", &["-|-|joe . q|x.org"]),
            (b"<@a,@b:c@d>", &["-|@a,@b|c|d"]),
            (b"\"a b\"@c", &["-|-|a b|c"]),
            (b"=?utf-8?Q?a,b:c?= <x@y>", &["=?utf-8?Q?a,b:c?=|-|x|y"]),
            (b"x@[IPv6:::1], y", &["-|-|x|[IPv6:::1]", "-|-|y|"]),
            (b"undisclosed-recipients:;", &["undisclosed-recipients:", ";"]),
            (b"A Group: a@b, C <c@d>; e@f", &["A Group:", "-|-|a|b", "C|-|c|d", ";", "-|-|e|f"]),
            (b", ,<>,", &[]),
            (b"Open <a@b", &["Open|-|a|b"]),
        ] {
            assert_eq!(show(raw), want, "{}", String::from_utf8_lossy(raw));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_address_list(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            show(&bytes);
        }

        #[test]
        fn near_addresses_never_panic(text in "[a@<>,:;\"()\\[\\] \\\\=?Q]{0,40}") {
            show(text.as_bytes());
        }
    }
}
