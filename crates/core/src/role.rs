//! The special use of a mailbox (RFC 6154; `inbox` is JMAP's, RFC 8621 §2).

use std::fmt;

/// What a mailbox is for. Each role is held by at most one mailbox of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The mailbox INBOX; never settable.
    Inbox,
    /// `\All`
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`
    Flagged,
    /// `\Important` (RFC 8457)
    Important,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl Role {
    const NAMES: [(Role, &'static str); 9] = [
        (Role::Inbox, "inbox"),
        (Role::All, "all"),
        (Role::Archive, "archive"),
        (Role::Drafts, "drafts"),
        (Role::Flagged, "flagged"),
        (Role::Important, "important"),
        (Role::Junk, "junk"),
        (Role::Sent, "sent"),
        (Role::Trash, "trash"),
    ];

    /// The name in the store and in JMAP (RFC 8621 §2).
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(r, _)| *r == self).map_or("inbox", |(_, n)| n)
    }

    /// From the name in the store.
    pub fn from_name(name: &str) -> Option<Role> {
        Self::NAMES.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(r, _)| *r)
    }

    /// The attribute of RFC 6154 in LIST; INBOX has none.
    pub fn imap_attribute(self) -> Option<&'static str> {
        Some(match self {
            Role::Inbox => return None,
            Role::All => "\\All",
            Role::Archive => "\\Archive",
            Role::Drafts => "\\Drafts",
            Role::Flagged => "\\Flagged",
            Role::Important => "\\Important",
            Role::Junk => "\\Junk",
            Role::Sent => "\\Sent",
            Role::Trash => "\\Trash",
        })
    }

    /// From a LIST attribute or a CREATE (USE …) argument, without regard to case. Never INBOX.
    pub fn from_imap_attribute(attribute: &str) -> Option<Role> {
        Self::from_name(attribute.strip_prefix('\\')?).filter(|r| *r != Role::Inbox)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
