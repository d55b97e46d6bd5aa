//! What a server says it can do (RFC 9051 §7.2.2).

use std::collections::BTreeSet;

/// The capabilities a server named, in upper case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<String>);

impl Capabilities {
    pub(super) fn parse(words: &[u8]) -> Capabilities {
        let words = words.split(|b| matches!(b, b' ' | b'\t' | b'\r')).filter(|w| !w.is_empty());
        Capabilities(words.map(|w| String::from_utf8_lossy(w).to_ascii_uppercase()).collect())
    }

    /// Whether the server named it (`name` in upper case). IMAP4rev2 includes what RFC 9051 Appendix E folds in.
    pub fn has(&self, name: &str) -> bool {
        const REV2: [&str; 15] = [
            "NAMESPACE",
            "UNSELECT",
            "UIDPLUS",
            "ESEARCH",
            "SEARCHRES",
            "ENABLE",
            "IDLE",
            "SASL-IR",
            "LIST-EXTENDED",
            "LIST-STATUS",
            "MOVE",
            "LITERAL-",
            "BINARY",
            "SPECIAL-USE",
            "STATUS=SIZE",
        ];
        let included = match name {
            "LITERAL-" => self.0.contains("LITERAL+"),
            "CONDSTORE" => self.0.contains("QRESYNC"), // RFC 7162 §3.2.3
            _ => false,
        };
        self.0.contains(name) || included || (REV2.contains(&name) && self.0.contains("IMAP4REV2"))
    }

    /// Whether a SASL mechanism is offered (RFC 9051 §6.2.2).
    pub fn auth(&self, mechanism: &str) -> bool {
        self.0.contains(&format!("AUTH={mechanism}"))
    }

    /// The largest message APPEND takes, in bytes, if one limit holds for all mailboxes (RFC 7889).
    pub fn append_limit(&self) -> Option<u64> {
        self.iter().find_map(|c| c.strip_prefix("APPENDLIMIT=")?.parse().ok())
    }

    /// Each of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Nothing known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
