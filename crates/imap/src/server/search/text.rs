//! Comparison of texts without regard to case, for SEARCH and SORT: Unicode lower case, character by character.
//!
//! A word's lower case may depend on what stands around it (final sigma); a substring knows no such thing. So both sides
//! are folded one character at a time.

use memchr::memmem::Finder;
use sterna_message::{Address, Addresses, decode_header};

/// The text in lower case.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// The same, without a copy where the text is ASCII.
pub(super) fn fold_owned(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        return text;
    }
    fold(&text)
}

/// A string that is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Needle(Finder<'static>);

impl Needle {
    /// From the client's string.
    pub fn new(text: &str) -> Needle {
        Needle(Finder::new(fold(text).as_bytes()).into_owned())
    }

    /// Whether nothing is looked for: every text has it.
    pub fn is_empty(&self) -> bool {
        self.0.needle().is_empty()
    }

    /// Whether a folded text has it.
    pub fn in_folded(&self, text: &str) -> bool {
        self.0.find(text.as_bytes()).is_some()
    }

    /// Whether a text has it.
    pub fn in_text(&self, text: &str) -> bool {
        self.in_folded(&fold(text))
    }

    /// Whether a header value has it, once its encoded words are read.
    pub fn in_header(&self, value: &[u8]) -> bool {
        self.in_text(&decode_header(value))
    }
}

/// An address list as a person would read it: `Anne Martin <anne@example.org>, …`.
pub(super) fn address_text(list: Addresses<'_>) -> String {
    let mut text = String::new();
    for address in list.iter() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        match address {
            Address::Mailbox { name, mailbox, host, .. } => {
                if let Some(name) = name {
                    text.push_str(&decode_header(name));
                    text.push(' ');
                }
                text.push('<');
                text.push_str(&String::from_utf8_lossy(mailbox));
                if !host.is_empty() {
                    text.push('@');
                    text.push_str(&String::from_utf8_lossy(host));
                }
                text.push('>');
            }
            Address::GroupStart(name) => {
                text.push_str(&decode_header(name));
                text.push(':');
            }
            Address::GroupEnd => text.push(';'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_match_without_regard_to_case_in_every_script() {
        for (needle, text) in [
            ("ÉTÉ", "un été chaud"),
            ("ΟΔΟΣ", "ὁδός, οδος"),
            ("straße", "STRAßE"),
            ("", "anything"),
            ("HeLLo", "say hello"),
        ] {
            assert!(Needle::new(needle).in_text(text), "{needle} in {text}");
        }
        assert!(!Needle::new("hallo").in_text("say hello"));
        assert!(Needle::new("é").in_header(b"=?iso-8859-1?q?=C9t=E9?="));
    }
}
