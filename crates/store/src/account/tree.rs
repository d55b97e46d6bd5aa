//! The mailboxes of an account with their paths, in the order in which clients are shown them.

use std::collections::HashMap;

use sterna_core::{MailboxId, Role};

use super::mailbox::Mailbox;

/// Deeper nesting than this is cut: a damaged parent chain must not loop.
const MAX_DEPTH: usize = 100;

/// A snapshot of all mailboxes. Paths are the components joined by the account's delimiter.
#[derive(Clone, Debug)]
pub struct MailboxTree {
    delimiter: char,
    /// Sorted by path, INBOX first.
    nodes: Vec<(String, Mailbox)>,
    by_id: HashMap<MailboxId, usize>,
}

impl MailboxTree {
    /// Joins the paths.
    pub fn new(mailboxes: Vec<Mailbox>, delimiter: char) -> MailboxTree {
        let place: HashMap<MailboxId, usize> = mailboxes.iter().enumerate().map(|(i, m)| (m.id, i)).collect();
        let path = |mailbox: &Mailbox| {
            let mut components = vec![mailbox.name.as_str()];
            let mut parent = mailbox.parent;
            while let Some(above) = parent.and_then(|p| place.get(&p)).and_then(|i| mailboxes.get(*i))
                && components.len() < MAX_DEPTH
            {
                components.push(&above.name);
                parent = above.parent;
            }
            components.reverse();
            components.join(delimiter.encode_utf8(&mut [0; 4]))
        };
        let paths: Vec<String> = mailboxes.iter().map(path).collect();
        let mut nodes: Vec<(String, Mailbox)> = paths.into_iter().zip(mailboxes).collect();
        nodes.sort_by(|(a, x), (b, y)| {
            (x.role != Some(Role::Inbox), a.as_str()).cmp(&(y.role != Some(Role::Inbox), b.as_str()))
        });
        let by_id = nodes.iter().enumerate().map(|(i, (_, m))| (m.id, i)).collect();
        MailboxTree { delimiter, nodes, by_id }
    }

    /// The account's hierarchy separator.
    pub fn delimiter(&self) -> char {
        self.delimiter
    }

    /// The path of a mailbox.
    pub fn path(&self, id: MailboxId) -> Option<&str> {
        self.node(id).map(|(path, _)| path.as_str())
    }

    /// A mailbox by number.
    pub fn get(&self, id: MailboxId) -> Option<&Mailbox> {
        self.node(id).map(|(_, mailbox)| mailbox)
    }

    /// A mailbox by path. The first component INBOX is found in every case (RFC 9051 §5.1).
    pub fn find(&self, path: &str) -> Option<&Mailbox> {
        let (first, rest) = path.split_once(self.delimiter).map_or((path, None), |(f, r)| (f, Some(r)));
        if first.eq_ignore_ascii_case("INBOX") && first != "INBOX" {
            return match rest {
                Some(rest) => self.find(&format!("INBOX{}{rest}", self.delimiter)),
                None => self.find("INBOX"),
            };
        }
        self.nodes.iter().find(|(p, _)| p == path).map(|(_, mailbox)| mailbox)
    }

    /// Whether any mailbox lies below this one.
    pub fn has_children(&self, id: MailboxId) -> bool {
        self.nodes.iter().any(|(_, m)| m.parent == Some(id))
    }

    /// Paths and mailboxes, INBOX first, then by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mailbox)> {
        self.nodes.iter().map(|(path, mailbox)| (path.as_str(), mailbox))
    }

    fn node(&self, id: MailboxId) -> Option<&(String, Mailbox)> {
        self.nodes.get(*self.by_id.get(&id)?)
    }
}
