//! Mailbox names: the text that the store and the user know, and the bytes that the peer used for it.
//!
//! A name that is not valid modified UTF-7 must still be listed, selected and moved (real servers have them), so every
//! byte string is a name: [`MailboxName::from_wire`] never fails and [`MailboxName::write_to`] gives the same bytes back.

use super::mutf7;
use super::write::{astring, utf8_string};

/// How names are written on this connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameEncoding {
    /// Modified UTF-7: RFC 3501, and RFC 9051 clients that did not enable it.
    #[default]
    ModifiedUtf7,
    /// UTF-8: after ENABLE IMAP4rev2 (RFC 9051 §5.1) or UTF8=ACCEPT (RFC 6855 §3).
    Utf8,
}

/// A mailbox name. Equality and order are those of the text.
#[derive(Clone, Debug)]
pub struct MailboxName {
    text: String,
    /// The bytes on the wire, where writing the text would give others.
    wire: Option<Box<[u8]>>,
}

/// Where bytes that are not text go: byte `b` is the private-use character U+F000 + `b`, as file systems do it.
const ESCAPE: u32 = 0xF000;

impl MailboxName {
    /// `INBOX`.
    pub fn inbox() -> MailboxName {
        MailboxName { text: "INBOX".to_owned(), wire: None }
    }

    /// From the text that the store keeps. `inbox` in any case is INBOX.
    pub fn from_text(text: &str) -> MailboxName {
        MailboxName { text: fold_inbox(text).to_owned(), wire: None }
    }

    /// From the bytes of an astring. Never fails:
    ///
    /// - valid names are decoded;
    /// - UTF-8 where modified UTF-7 is due is taken for what it is, and the bytes are kept for the way back;
    /// - anything else is escaped into private-use characters, one for each byte that is not plain ASCII or is `&`, so
    ///   that the text alone is enough to write the same bytes again, from the store too.
    pub fn from_wire(bytes: &[u8], encoding: NameEncoding) -> MailboxName {
        let decoded = match encoding {
            NameEncoding::ModifiedUtf7 => mutf7::decode(bytes).ok().filter(|text| !looks_escaped(text)),
            NameEncoding::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        };
        match (decoded, std::str::from_utf8(bytes)) {
            (Some(text), _) => MailboxName::from_text(&text),
            (None, Ok(utf8)) if !utf8.is_ascii() => MailboxName { text: utf8.to_owned(), wire: Some(bytes.into()) },
            _ => {
                // In UTF-8 mode the escapes would be written as such.
                let wire = (encoding == NameEncoding::Utf8).then(|| bytes.into());
                MailboxName { text: bytes.iter().map(|b| escaped(*b)).collect(), wire }
            }
        }
    }

    /// The text, for the store, the logs and UTF-8 clients.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, by value.
    pub fn into_string(self) -> String {
        self.text
    }

    /// Whether this is INBOX, which is written in any case (RFC 9051 §5.1).
    pub fn is_inbox(&self) -> bool {
        self.text == "INBOX"
    }

    /// The bytes that name it to the peer, before quoting.
    pub fn to_wire(&self, encoding: NameEncoding) -> Vec<u8> {
        match (&self.wire, encoding) {
            (Some(wire), _) => wire.to_vec(),
            (None, encoding) => text_to_wire(&self.text, encoding),
        }
    }

    /// Appends the name as an astring, quoted where it must be.
    pub fn write_to(&self, out: &mut Vec<u8>, encoding: NameEncoding) {
        match &self.wire {
            Some(wire) => astring(out, wire),
            None => write_text(out, &self.text, encoding),
        }
    }
}

/// Appends a name that the store keeps as text, as an astring: what LIST and STATUS do for each mailbox.
pub fn write_text(out: &mut Vec<u8>, text: &str, encoding: NameEncoding) {
    if text.bytes().all(|b| b != b'&' && (b' '..=b'~').contains(&b)) {
        return astring(out, text.as_bytes());
    }
    match encoding {
        NameEncoding::Utf8 => utf8_string(out, text),
        NameEncoding::ModifiedUtf7 => astring(out, &text_to_wire(text, encoding)),
    }
}

fn text_to_wire(text: &str, encoding: NameEncoding) -> Vec<u8> {
    if encoding == NameEncoding::Utf8 {
        return text.as_bytes().to_vec();
    }
    if looks_escaped(text) {
        let raw: Vec<u8> = text.chars().map(|c| (u32::from(c) & 0xff) as u8).collect();
        // Only what from_wire would escape again may be written raw; otherwise two names would share their bytes.
        if mutf7::decode(&raw).ok().is_none_or(|text| looks_escaped(&text)) {
            return raw;
        }
    }
    mutf7::encode(text).into_bytes()
}

fn escaped(byte: u8) -> char {
    match byte {
        b' '..=b'~' if byte != b'&' => char::from(byte),
        _ => char::from_u32(ESCAPE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// Whether [`escaped`] can have made this text: plain ASCII and at least one escape of a byte that needs one.
fn looks_escaped(text: &str) -> bool {
    let escape = |c: char| u32::from(c).checked_sub(ESCAPE).is_some_and(|b| b <= 0xff && escaped(b as u8) == c);
    let plain = |c: char| c != '&' && (' '..='~').contains(&c);
    text.chars().any(escape) && text.chars().all(|c| plain(c) || escape(c))
}

fn fold_inbox(text: &str) -> &str {
    if text.eq_ignore_ascii_case("INBOX") { "INBOX" } else { text }
}

impl PartialEq for MailboxName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for MailboxName {}

impl PartialOrd for MailboxName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MailboxName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for MailboxName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl std::fmt::Display for MailboxName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MUTF7: NameEncoding = NameEncoding::ModifiedUtf7;

    #[test]
    fn inbox_is_written_in_any_case() {
        assert!(MailboxName::from_wire(b"iNbOx", MUTF7).is_inbox());
        assert_eq!(MailboxName::from_wire(b"inbox/a", MUTF7).as_str(), "inbox/a");
    }

    #[test]
    fn names_with_mutf7_errors_round_trip_and_do_not_collide() {
        let broken = MailboxName::from_wire(b"Tom & Jerry", MUTF7);
        let valid = MailboxName::from_wire(b"Tom &- Jerry", MUTF7);
        assert_ne!(broken, valid);
        assert_eq!(MailboxName::from_text(broken.as_str()).to_wire(MUTF7), b"Tom & Jerry");
        assert_eq!(valid.as_str(), "Tom & Jerry");
        assert_eq!(MailboxName::from_wire("Été".as_bytes(), MUTF7).as_str(), "Été");
    }

    #[test]
    fn utf8_names_are_not_decoded_twice() {
        let name = MailboxName::from_wire(b"R&D", NameEncoding::Utf8);
        assert_eq!((name.as_str(), name.to_wire(MUTF7)), ("R&D", b"R&-D".to_vec()));
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (text, wire) in [("a", "a"), ("a b", "\"a b\""), ("a\"b", "\"a\\\"b\""), ("é", "&AOk-"), ("", "\"\"")] {
            let mut out = Vec::new();
            write_text(&mut out, text, MUTF7);
            assert_eq!(out, wire.as_bytes());
        }
        let mut out = Vec::new();
        write_text(&mut out, "é & a", NameEncoding::Utf8);
        assert_eq!(out, "\"é & a\"".as_bytes());
    }

    fn any_wire() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "[&a-cA-D0-9,+-]{0,12}".prop_map(String::into_bytes),
            "&8(CY|AA|ED)[A-Z]-".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_name_that_writes_the_same_bytes(wire in any_wire()) {
            let name = MailboxName::from_wire(&wire, MUTF7);
            if !name.is_inbox() {
                prop_assert_eq!(name.to_wire(MUTF7), wire.clone());
            }
            let name = MailboxName::from_wire(&wire, NameEncoding::Utf8);
            if !name.is_inbox() {
                prop_assert_eq!(name.to_wire(NameEncoding::Utf8), wire.clone());
            }
            let name = MailboxName::from_wire(&wire, MUTF7);
            // Bytes that are not UTF-8 by chance survive the store, which keeps the text only.
            if !name.is_inbox() && (wire.is_ascii() || std::str::from_utf8(&wire).is_err()) {
                prop_assert_eq!(MailboxName::from_text(name.as_str()).to_wire(MUTF7), wire);
            }
        }

        #[test]
        fn any_text_without_private_characters_is_a_name(text in "[^\u{e000}-\u{f8ff}]{0,20}") {
            let name = MailboxName::from_text(&text);
            prop_assert_eq!(MailboxName::from_wire(&name.to_wire(MUTF7), MUTF7), name);
        }
    }
}
