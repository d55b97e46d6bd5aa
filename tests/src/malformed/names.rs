//! Folder names that trip migrations: each with the bytes that an IMAP4rev1 server writes for it.

/// A folder name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSample {
    /// What is odd about it.
    pub what: &'static str,
    /// The name in modified UTF-7 (RFC 3501 §5.1.3), or bytes that only look like it.
    pub wire: Vec<u8>,
    /// What a person should see; `None` if the wire form is not valid modified UTF-7.
    pub shown: Option<&'static str>,
}

/// Every odd name. None holds a separator of the server it is created on unless `what` says so.
pub fn folder_names() -> Vec<FolderSample> {
    let valid = |what, wire: &str, shown| FolderSample { what, wire: wire.as_bytes().to_vec(), shown: Some(shown) };
    let broken = |what, wire: &[u8]| FolderSample { what, wire: wire.to_vec(), shown: None };
    let long: &'static str = "a name of two hundred bytes, which some file systems and some clients do not take any more, but which a \
        person may well have typed or pasted into the field for the name of a new folder, without looking at it";
    vec![
        valid("ampersand", "R&-D", "R&D"),
        valid("accents", "&AMk-l&AOk-ments envoy&AOk-s", "Éléments envoyés"),
        valid("ampersand and accents", "Brouillons &- mod&AOg-les", "Brouillons & modèles"),
        valid("composed accent (NFC)", "Caf&AOk-", "Café"),
        valid("combining accent (NFD)", "Cafe&AwE-", "Cafe\u{301}"),
        valid("Japanese", "&ZeVnLIqe-", "日本語"),
        valid("Cyrillic", "&BB8EPgRIBEIEMA-", "Пошта"),
        valid("emoji (surrogate pair)", "&2D3cJg- Migration", "🐦 Migration"),
        valid("no-break space", "a&AKA-b", "a\u{a0}b"),
        valid("right-to-left override", "&IC4-gnp.exe", "\u{202e}gnp.exe"),
        valid("the separator of the other kind of server (dot)", "v1.2.final", "v1.2.final"),
        valid("the separator of the other kind of server (slash)", "2025/2026", "2025/2026"),
        valid("backslash", "C:\\mail", "C:\\mail"),
        valid("dots only", "...", "..."),
        valid("leading dot", ".hidden", ".hidden"),
        valid("trailing space", "Clients ", "Clients "),
        valid("leading space", " Clients", " Clients"),
        valid("inner spaces", "a  b", "a  b"),
        valid("percent", "100%", "100%"),
        valid("asterisk", "*important*", "*important*"),
        valid("quotes", "\"quoted\"", "\"quoted\""),
        valid("parentheses and braces", "(a) {3}", "(a) {3}"),
        valid("brackets", "[Gmail]", "[Gmail]"),
        valid("case pair, lower", "projets", "projets"),
        valid("case pair, upper", "PROJETS", "PROJETS"),
        valid("a number", "2024", "2024"),
        valid("a number with zeros", "007", "007"),
        valid("looks like NIL", "NIL", "NIL"),
        valid("looks like a flag", "\\Sent", "\\Sent"),
        valid("Exchange's form of a slash", "a_xF8FF_b", "a_xF8FF_b"),
        valid("begins like INBOX", "INBOX2", "INBOX2"),
        valid("tilde", "~home", "~home"),
        valid("long", long, long),
        broken("ampersand alone", b"R&D"),
        broken("shift never ends", b"a&AOk"),
        broken("base64 of an odd number of bytes", b"a&AA-"),
        broken("half a surrogate pair", b"a&2D0-"),
        broken("printable ASCII in base64", b"&AGE-"),
        broken("two shifts in a row", b"&AOk-&AOg-"),
        broken("invalid base64 letters", b"&!!!-"),
        broken("8-bit Latin-1", b"\xc9l\xe9ments"),
        broken("8-bit UTF-8", "Éléments".as_bytes()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_on_the_wire() {
        let names = folder_names();
        let wires: BTreeSet<_> = names.iter().map(|n| n.wire.clone()).collect();
        assert_eq!(wires.len(), names.len());
    }

    #[test]
    fn a_plain_name_is_the_same_in_both_forms() {
        for name in folder_names().iter().filter(|n| n.shown.is_some() && !n.wire.contains(&b'&')) {
            assert_eq!(name.wire, name.shown.unwrap().as_bytes(), "{}", name.what);
        }
    }
}
