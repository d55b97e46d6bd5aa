//! Responses about mailboxes: LIST, LSUB, STATUS, FLAGS, EXISTS, EXPUNGE (RFC 9051 §7.3, §7.4, RFC 5258).

use sterna_core::{Flags, Role};

use super::number;
use crate::codec::command::mailbox::StatusItem;
use crate::codec::flag::write_flags;
use crate::codec::mailbox::{NameEncoding, write_text};

/// Attributes of a mailbox, as bits; roles apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListAttributes(pub u16);

impl ListAttributes {
    /// `\NonExistent`, which implies `\Noselect`
    pub const NON_EXISTENT: ListAttributes = ListAttributes(1);
    /// `\Noinferiors`
    pub const NO_INFERIORS: ListAttributes = ListAttributes(2);
    /// `\Noselect`
    pub const NO_SELECT: ListAttributes = ListAttributes(4);
    /// `\HasChildren`
    pub const HAS_CHILDREN: ListAttributes = ListAttributes(8);
    /// `\HasNoChildren`
    pub const HAS_NO_CHILDREN: ListAttributes = ListAttributes(16);
    /// `\Marked`
    pub const MARKED: ListAttributes = ListAttributes(32);
    /// `\Unmarked`
    pub const UNMARKED: ListAttributes = ListAttributes(64);
    /// `\Subscribed`
    pub const SUBSCRIBED: ListAttributes = ListAttributes(128);
    /// `\Remote`
    pub const REMOTE: ListAttributes = ListAttributes(256);

    const NAMES: [(ListAttributes, &'static str); 9] = [
        (Self::NON_EXISTENT, "\\NonExistent"),
        (Self::NO_INFERIORS, "\\Noinferiors"),
        (Self::NO_SELECT, "\\Noselect"),
        (Self::HAS_CHILDREN, "\\HasChildren"),
        (Self::HAS_NO_CHILDREN, "\\HasNoChildren"),
        (Self::MARKED, "\\Marked"),
        (Self::UNMARKED, "\\Unmarked"),
        (Self::SUBSCRIBED, "\\Subscribed"),
        (Self::REMOTE, "\\Remote"),
    ];

    /// Whether every bit of `other` is set.
    pub fn contains(self, other: ListAttributes) -> bool {
        self.0 & other.0 == other.0
    }

    /// The attributes of both.
    pub fn union(self, other: ListAttributes) -> ListAttributes {
        ListAttributes(self.0 | other.0)
    }
}

/// One mailbox of a listing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListEntry<'a> {
    /// Attributes.
    pub attributes: ListAttributes,
    /// The role, if it is told (RFC 6154).
    pub role: Option<Role>,
    /// The hierarchy separator; `None` is NIL.
    pub separator: Option<char>,
    /// The name as text.
    pub name: &'a str,
    /// OLDNAME: the name it had before a rename or the normalisation of a name given (RFC 9051 §6.3.9.7).
    pub old_name: Option<&'a str>,
    /// CHILDINFO ("SUBSCRIBED"): a child matches the selection of a RECURSIVEMATCH that this name does not.
    pub child_info_subscribed: bool,
}

/// Appends `* LIST (…) "/" name`.
pub fn list(out: &mut Vec<u8>, entry: &ListEntry<'_>, names: NameEncoding) {
    list_line(out, b"* LIST (", entry, names);
}

/// Appends `* LSUB (…) "/" name` (RFC 3501 §7.2.3).
pub fn lsub(out: &mut Vec<u8>, entry: &ListEntry<'_>, names: NameEncoding) {
    list_line(out, b"* LSUB (", entry, names);
}

fn list_line(out: &mut Vec<u8>, head: &[u8], entry: &ListEntry<'_>, names: NameEncoding) {
    out.extend_from_slice(head);
    let start = out.len();
    let attributes = ListAttributes::NAMES.iter().filter(|(bit, _)| entry.attributes.contains(*bit));
    for name in attributes.map(|(_, name)| *name).chain(entry.role.and_then(Role::imap_attribute)) {
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(b") ");
    separator(out, entry.separator);
    out.push(b' ');
    write_text(out, entry.name, names);
    if entry.child_info_subscribed || entry.old_name.is_some() {
        out.extend_from_slice(b" (");
        if entry.child_info_subscribed {
            out.extend_from_slice(b"\"CHILDINFO\" (\"SUBSCRIBED\")");
        }
        if let Some(old_name) = entry.old_name {
            out.extend_from_slice(if entry.child_info_subscribed { b" \"OLDNAME\" (" } else { b"\"OLDNAME\" (" });
            write_text(out, old_name, names);
            out.push(b')');
        }
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends `"/"` or NIL.
pub(super) fn separator(out: &mut Vec<u8>, separator: Option<char>) {
    match separator {
        None => out.extend_from_slice(b"NIL"),
        Some(c) => super::quoted_or_literal(out, c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// What a STATUS item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusValue<'a> {
    /// A number.
    Number(u64),
    /// MAILBOXID's object identifier.
    ObjectId(&'a str),
    /// NIL: APPENDLIMIT without a limit.
    Nil,
}

/// Appends `* STATUS mailbox (MESSAGES 3 …)` (RFC 9051 §7.3.4).
pub fn status(out: &mut Vec<u8>, mailbox: &str, items: &[(StatusItem, StatusValue<'_>)], names: NameEncoding) {
    out.extend_from_slice(b"* STATUS ");
    write_text(out, mailbox, names);
    out.extend_from_slice(b" (");
    for (i, (item, value)) in items.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(item.name().as_bytes());
        out.push(b' ');
        match value {
            StatusValue::Number(n) => number(out, *n),
            StatusValue::ObjectId(id) => {
                out.push(b'(');
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
            StatusValue::Nil => out.extend_from_slice(b"NIL"),
        }
    }
    out.extend_from_slice(b")\r\n");
}

/// Appends `* FLAGS (…)` (RFC 9051 §7.3.5).
pub fn flags(out: &mut Vec<u8>, flags: &Flags) {
    out.extend_from_slice(b"* FLAGS (");
    write_flags(out, flags);
    out.extend_from_slice(b")\r\n");
}

/// Appends `* n EXISTS` (RFC 9051 §7.4.1).
pub fn exists(out: &mut Vec<u8>, messages: u32) {
    numbered(out, messages, b" EXISTS\r\n");
}

/// Appends `* n RECENT` (RFC 3501 §7.3.2).
pub fn recent(out: &mut Vec<u8>, messages: u32) {
    numbered(out, messages, b" RECENT\r\n");
}

/// Appends `* n EXPUNGE` (RFC 9051 §7.5.1).
pub fn expunge(out: &mut Vec<u8>, sequence_number: u32) {
    numbered(out, sequence_number, b" EXPUNGE\r\n");
}

fn numbered(out: &mut Vec<u8>, n: u32, rest: &[u8]) {
    out.extend_from_slice(b"* ");
    number(out, u64::from(n));
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn list_tells_attributes_role_and_extended_data() {
        let plain = ListEntry { name: "INBOX", separator: Some('/'), ..ListEntry::default() };
        assert_eq!(wire(|o| list(o, &plain, NameEncoding::Utf8)), "* LIST () \"/\" INBOX\r\n");
        let full = ListEntry {
            attributes: ListAttributes::HAS_NO_CHILDREN.union(ListAttributes::SUBSCRIBED),
            role: Some(Role::Sent),
            separator: Some('\\'),
            name: "é",
            old_name: Some("a b"),
            child_info_subscribed: true,
        };
        let tail = "\"\\\\\" &AOk- (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"a b\"))\r\n";
        assert_eq!(
            wire(|o| list(o, &full, NameEncoding::ModifiedUtf7)),
            format!("* LIST (\\HasNoChildren \\Subscribed \\Sent) {tail}")
        );
        let root = ListEntry { attributes: ListAttributes::NO_SELECT, old_name: Some("x"), ..ListEntry::default() };
        assert_eq!(wire(|o| lsub(o, &root, NameEncoding::Utf8)), "* LSUB (\\Noselect) NIL \"\" (\"OLDNAME\" (x))\r\n");
    }

    #[test]
    fn status_tells_numbers_identifiers_and_nil() {
        let items = [
            (StatusItem::Messages, StatusValue::Number(3)),
            (StatusItem::MailboxId, StatusValue::ObjectId("M1")),
            (StatusItem::AppendLimit, StatusValue::Nil),
        ];
        assert_eq!(
            wire(|o| status(o, "a b", &items, NameEncoding::Utf8)),
            "* STATUS \"a b\" (MESSAGES 3 MAILBOXID (M1) APPENDLIMIT NIL)\r\n"
        );
    }

    #[test]
    fn counts_of_the_selected_mailbox() {
        let all = wire(|o| {
            exists(o, 3);
            recent(o, 0);
            expunge(o, 44);
            flags(o, &Flags::system(sterna_core::SystemFlags::SEEN));
        });
        assert_eq!(all, "* 3 EXISTS\r\n* 0 RECENT\r\n* 44 EXPUNGE\r\n* FLAGS (\\Seen)\r\n");
    }
}
