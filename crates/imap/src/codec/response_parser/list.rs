//! LIST, LSUB, STATUS and NAMESPACE: what is said about mailboxes (RFC 9051 §7.3).

use bytes::Bytes;
use sterna_core::{ModSeq, Role, Uid, UidValidity};

use super::cursor::{Cursor, Str, lossy};
use super::value::{MAX_DEPTH, Value};
use crate::codec::mailbox::{MailboxName, NameEncoding};

/// One LIST or LSUB response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The attributes as written: `\Noselect`, `\HasChildren`, `\Sent`, `\Subscribed`, ….
    pub attributes: Vec<String>,
    /// The hierarchy separator; `None` for a flat name.
    pub delimiter: Option<char>,
    /// The name; bytes that are no valid name are kept in it (see [`MailboxName::from_wire`]).
    pub name: MailboxName,
}

impl ListEntry {
    /// Whether the attribute is there, without regard to case.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|a| a.eq_ignore_ascii_case(attribute))
    }

    /// Whether SELECT makes no sense (RFC 9051 §7.3.1: `\NonExistent` implies `\Noselect`).
    pub fn no_select(&self) -> bool {
        self.has("\\Noselect") || self.has("\\NonExistent")
    }

    /// The special uses (RFC 6154); two mailboxes may claim one role.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.attributes.iter().filter_map(|a| Role::from_imap_attribute(a))
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, encoding: NameEncoding) -> Option<ListEntry> {
        cursor.spaces();
        let mut attributes = Vec::new();
        if cursor.eat(b'(') {
            loop {
                cursor.spaces();
                if cursor.eat(b')') {
                    break;
                }
                match cursor.atom() {
                    b"" => return None,
                    attribute => attributes.push(lossy(attribute)),
                }
            }
        } else {
            cursor.eat_word("NIL");
        }
        cursor.spaces();
        let delimiter = cursor.string()?.bytes().and_then(|d| lossy(&d).chars().next());
        cursor.spaces();
        let name = name(cursor)?;
        Some(ListEntry { attributes, delimiter, name: MailboxName::from_wire(&name, encoding) })
    }
}

/// A mailbox name. Some servers forget to quote one with spaces: then all that is not an extended item belongs to it.
fn name(cursor: &mut Cursor<'_>) -> Option<Bytes> {
    let start = cursor.position();
    if !matches!(cursor.peek()?, b'"' | b'{' | b'~') {
        let rest = cursor.rest();
        let end = memchr::memmem::find(rest, b" (").unwrap_or(rest.len());
        let trimmed = rest.get(..end)?.trim_ascii_end().len();
        cursor.skip(trimmed);
        return Some(cursor.since(start));
    }
    match cursor.string()? {
        Str::Bytes(name) => Some(name),
        Str::Nil | Str::Elided(_) => None,
    }
}

/// One STATUS response; items that were not asked for or not understood are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxStatus {
    /// Of which mailbox.
    pub name: MailboxName,
    /// MESSAGES.
    pub messages: Option<u32>,
    /// UIDNEXT.
    pub uid_next: Option<Uid>,
    /// UIDVALIDITY.
    pub uid_validity: Option<UidValidity>,
    /// UNSEEN.
    pub unseen: Option<u32>,
    /// HIGHESTMODSEQ; 0 where the mailbox keeps none (RFC 7162 §3.1.2.1).
    pub highest_modseq: Option<ModSeq>,
    /// SIZE, in bytes (RFC 8438).
    pub size: Option<u64>,
    /// MAILBOXID (RFC 8474).
    pub mailbox_id: Option<String>,
}

impl MailboxStatus {
    pub(super) fn read(cursor: &mut Cursor<'_>, encoding: NameEncoding) -> Option<MailboxStatus> {
        cursor.spaces();
        let name = MailboxName::from_wire(&name(cursor)?, encoding);
        let mut status = MailboxStatus {
            name,
            messages: None,
            uid_next: None,
            uid_validity: None,
            unseen: None,
            highest_modseq: None,
            size: None,
            mailbox_id: None,
        };
        cursor.spaces();
        cursor.eat(b'(');
        loop {
            cursor.spaces();
            if cursor.at_end() || cursor.peek() == Some(b')') {
                return Some(status);
            }
            let item = cursor.word();
            let is = |wanted: &str| item.eq_ignore_ascii_case(wanted.as_bytes());
            if is("MESSAGES") {
                status.messages = cursor.number32();
            } else if is("UIDNEXT") {
                status.uid_next = cursor.number32().and_then(Uid::new);
            } else if is("UIDVALIDITY") {
                status.uid_validity = cursor.number32().and_then(UidValidity::new);
            } else if is("UNSEEN") {
                status.unseen = cursor.number32();
            } else if is("HIGHESTMODSEQ") {
                status.highest_modseq = cursor.number().map(ModSeq);
            } else if is("SIZE") {
                status.size = cursor.number();
            } else if is("MAILBOXID") {
                cursor.eat(b'(');
                status.mailbox_id = cursor.string()?.bytes().map(|id| lossy(&id));
                cursor.eat(b')');
            } else {
                cursor.skip_value()?;
            }
        }
    }
}

/// One namespace (RFC 9051 §6.3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// The prefix of its names, separator included; may be empty.
    pub prefix: MailboxName,
    /// The hierarchy separator; `None` for flat names.
    pub delimiter: Option<char>,
}

/// The three kinds of namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// The user's own.
    pub personal: Vec<Namespace>,
    /// Those of other users.
    pub other_users: Vec<Namespace>,
    /// Shared ones.
    pub shared: Vec<Namespace>,
}

impl Namespaces {
    pub(super) fn read(cursor: &mut Cursor<'_>, encoding: NameEncoding) -> Option<Namespaces> {
        let mut kind = || -> Option<Vec<Namespace>> {
            let value = Value::read(cursor, MAX_DEPTH)?;
            let namespace = |item: &Value| {
                let prefix = MailboxName::from_wire(item.list().first()?.bytes()?, encoding);
                let delimiter = item.list().get(1)?.bytes().and_then(|d| lossy(d).chars().next());
                Some(Namespace { prefix, delimiter })
            };
            Some(value.list().iter().filter_map(namespace).collect())
        };
        let personal = kind()?;
        // Old servers leave the others away.
        let other_users = kind().unwrap_or_default();
        Some(Namespaces { personal, other_users, shared: kind().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Response, parse};
    use super::*;

    fn read(wire: &'static [u8]) -> Response {
        parse(&Bytes::from_static(wire), &[], NameEncoding::ModifiedUtf7)
    }

    fn list(wire: &'static [u8]) -> ListEntry {
        let Response::List(entry) = read(wire) else { panic!() };
        entry
    }

    #[test]
    fn a_list_entry_has_attributes_delimiter_and_decoded_name() {
        let entry = list(b"* LIST (\\HasNoChildren \\sent) \"/\" \"Envoy&AOk-s\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n");
        assert_eq!((entry.name.as_str(), entry.delimiter), ("Envoy\u{e9}s", Some('/')));
        assert_eq!(entry.roles().collect::<Vec<_>>(), [Role::Sent]);
        assert_eq!(list(b"* LIST () NIL {3}\r\na\"b\r\n").name.as_str(), "a\"b");
        assert_eq!(list(b"* LIST (\\Noselect) \"\\\\\" x\r\n").delimiter, Some('\\'));
    }

    #[test]
    fn names_that_are_no_valid_names_keep_their_bytes() {
        for name in ["\"bad &AOk\"", "\"R&D\"", "\"caf\u{e9}\"", "two words"] {
            let wire = Bytes::from(format!("* LIST () \".\" {name}\r\n"));
            let Response::List(entry) = parse(&wire, &[], NameEncoding::ModifiedUtf7) else { panic!() };
            assert_eq!(entry.name.to_wire(NameEncoding::ModifiedUtf7), name.trim_matches('"').as_bytes());
        }
    }

    #[test]
    fn status_survives_odd_names_and_unknown_items() {
        for wire in [
            &b"* STATUS two words (MESSAGES 3 X-GUID (a b) UIDNEXT 9 UIDVALIDITY 4 HIGHESTMODSEQ 0)\r\n"[..],
            b"* STATUS \"two words\"(MESSAGES 3 UIDNEXT 9 UIDVALIDITY 4 HIGHESTMODSEQ 0 )\r\n",
        ] {
            let Response::MailboxStatus(status) = read(wire) else { panic!() };
            assert_eq!((status.name.as_str(), status.messages, status.uid_next), ("two words", Some(3), Uid::new(9)));
            assert_eq!(status.highest_modseq, Some(ModSeq(0)));
        }
    }

    #[test]
    fn namespaces_may_be_missing() {
        let Response::Namespace(all) = read(b"* NAMESPACE ((\"INBOX.\" \".\")) NIL\r\n") else { panic!() };
        assert_eq!((all.personal[0].prefix.as_str(), all.personal[0].delimiter), ("INBOX.", Some('.')));
        assert!(all.other_users.is_empty() && all.shared.is_empty());
    }
}
