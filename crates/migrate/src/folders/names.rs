//! From a folder's name on the source's wire to the components that the store keeps.
//!
//! The name is cut at the source's separator before it is decoded, so that bytes that are no valid name stay with
//! their component. What the store cannot take (an empty component, one that is too long, NUL) is replaced and said so.

use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};

/// The longest component that the store takes, in bytes.
const COMPONENT_MAX: usize = 1024;

/// Deeper than this the rest of the name stays one component.
const MAX_DEPTH: usize = 64;

/// One component of a mailbox's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    /// What the store keeps and people read.
    pub name: String,
    /// As it stood on the wire, where writing `name` would give other bytes.
    pub raw: Option<Vec<u8>>,
}

/// A folder's path in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FolderPath {
    /// From the top.
    pub components: Vec<Component>,
    /// Why it differs from what the source has, if it does.
    pub replaced: Option<String>,
}

impl FolderPath {
    /// The components joined by the account's separator.
    pub fn join(&self, delimiter: char) -> String {
        let names: Vec<&str> = self.components.iter().map(|c| c.name.as_str()).collect();
        names.join(delimiter.encode_utf8(&mut [0; 4]))
    }
}

/// Reads a name. `delimiter` is the source's for this name, `account` the one that the account uses.
pub(crate) fn path(wire: &[u8], encoding: NameEncoding, delimiter: Option<char>, account: char) -> FolderPath {
    let mut replaced = Vec::new();
    let mut pieces: Vec<&[u8]> = match delimiter.and_then(|d| u8::try_from(d).ok()).filter(u8::is_ascii) {
        Some(d) => wire.splitn(MAX_DEPTH, |b| *b == d).collect(),
        None => vec![wire],
    };
    // A separator at the end says that children are possible, not that one has no name.
    if pieces.len() > 1 && pieces.last().is_some_and(|p| p.is_empty()) {
        pieces.pop();
    }
    let mut components: Vec<Component> =
        pieces.into_iter().map(|piece| component(piece, encoding, account, &mut replaced)).collect();
    // RFC 9051 §5.1: INBOX is one mailbox in every case, its children included.
    if let Some(first) = components.first_mut()
        && first.name.eq_ignore_ascii_case("INBOX")
    {
        *first = Component { name: "INBOX".into(), raw: None };
    }
    replaced.dedup();
    let replaced = (!replaced.is_empty()).then(|| {
        let shown = wire.escape_ascii();
        format!("the name \"{shown}\" was changed: {}", replaced.join("; "))
    });
    FolderPath { components, replaced }
}

/// Gives a name of its own to a folder whose path is `taken` by another one.
pub(crate) fn make_distinct(path: &mut FolderPath, wire: &[u8], taken: impl Fn(&FolderPath) -> bool) {
    let Some(base) = path.components.last().map(|c| c.name.clone()) else { return };
    let end = base.floor_char_boundary(COMPONENT_MAX - 16);
    let base = base.get(..end).unwrap_or_default();
    for n in 2..10_000 {
        if let Some(last) = path.components.last_mut() {
            *last = Component { name: format!("{base} ({n})"), raw: None };
        }
        if !taken(path) {
            break;
        }
    }
    path.replaced = Some(format!("the name \"{}\" was changed: another folder is called so here", wire.escape_ascii()));
}

fn component(wire: &[u8], encoding: NameEncoding, account: char, replaced: &mut Vec<&'static str>) -> Component {
    let decoded = MailboxName::from_wire(wire, encoding);
    let mut name = decoded.as_str().to_owned();
    let mut changed = false;
    let mut change = |name: &mut String, new: String, why| {
        if *name != new {
            (*name, changed) = (new, true);
            replaced.push(why);
        }
    };
    if name.is_empty() {
        change(&mut name, "_".into(), "a part of it is empty");
    }
    if name.contains('\0') {
        let new = name.replace('\0', "\u{fffd}");
        change(&mut name, new, "it holds a NUL");
    }
    if name.contains(account) {
        let other = if account == '_' { "-" } else { "_" };
        let new = name.replace(account, other);
        change(&mut name, new, "it holds the separator of this account");
    }
    if name.len() > COMPONENT_MAX {
        let mark = format!("… {}", blake3::hash(wire).to_hex().get(..16).unwrap_or_default());
        let end = name.floor_char_boundary(COMPONENT_MAX - mark.len());
        let new = format!("{}{mark}", name.get(..end).unwrap_or_default());
        change(&mut name, new, "it is longer than 1024 bytes");
    }
    // In the form of the store's clients that do not enable UTF-8; for those that do, the text is the name.
    let written = MailboxName::from_text(&name).to_wire(NameEncoding::ModifiedUtf7);
    let raw = (!changed && encoding == NameEncoding::ModifiedUtf7 && written != wire).then(|| wire.to_vec());
    Component { name, raw }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(wire: &[u8], delimiter: char, account: char) -> FolderPath {
        path(wire, NameEncoding::ModifiedUtf7, Some(delimiter), account)
    }

    #[test]
    fn a_name_is_cut_at_the_sources_separator() {
        let p = read(b"INBOX.Projets.&AMk-t&AOk-", '.', '.');
        assert_eq!(p.join('/'), "INBOX/Projets/Été");
        assert_eq!(p.replaced, None);
        assert_eq!(read(b"2025/2026", '.', '.').components.len(), 1);
        assert_eq!(path(b"a/b", NameEncoding::ModifiedUtf7, None, '.').components.len(), 1);
    }

    #[test]
    fn inbox_is_one_in_every_case() {
        assert_eq!(read(b"Inbox", '/', '/').join('/'), "INBOX");
        assert_eq!(read(b"inbox/Sub", '/', '/').join('/'), "INBOX/Sub");
        assert_eq!(read(b"Inbox2", '/', '/').join('/'), "Inbox2");
    }

    #[test]
    fn bytes_that_are_no_name_go_along_with_their_component() {
        for wire in [&b"R&D"[..], b"a&AOk", b"&2D0-", b"\xc9l\xe9ments", "Éléments".as_bytes(), b"&AGE-"] {
            let p = read(wire, '/', '/');
            let [c] = &p.components[..] else { panic!("{p:?}") };
            let back =
                c.raw.clone().unwrap_or_else(|| MailboxName::from_text(&c.name).to_wire(NameEncoding::ModifiedUtf7));
            assert_eq!(back, wire);
            assert_eq!(p.replaced, None);
        }
    }

    #[test]
    fn what_the_store_cannot_take_is_replaced_and_said() {
        assert_eq!(read(b"a//b", '/', '/').join('/'), "a/_/b");
        assert!(read(b"a//b", '/', '/').replaced.unwrap().contains("is empty"));
        assert_eq!(read(b"a/b", '.', '/').join('/'), "a_b");
        let long = read(&[b'x'; 5000], '/', '/');
        assert!(long.components[0].name.len() <= 1024 && long.replaced.is_some());
        assert_eq!(read(b"Parent/", '/', '/').join('/'), "Parent");
    }

    proptest! {
        #[test]
        fn any_bytes_become_components_that_the_store_takes(wire in proptest::collection::vec(any::<u8>(), 0..80)) {
            let p = read(&wire, '/', '.');
            prop_assert!(!p.components.is_empty());
            for c in &p.components {
                prop_assert!(!c.name.is_empty() && c.name.len() <= 1024 && !c.name.contains(['\0', '.']));
            }
        }
    }
}
