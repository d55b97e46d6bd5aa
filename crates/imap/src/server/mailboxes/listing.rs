//! What LIST and LSUB look through: every mailbox, and every name that is subscribed to and has no mailbox.

use std::collections::{BTreeMap, HashSet};

use sterna_core::MailboxId;
use sterna_store::{Mailbox, MailboxTree};

use super::pattern::Pattern;
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::server::names::{self, WireName};

/// One name that can be listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    /// With the account's delimiter.
    pub path: &'a str,
    /// `None`: the name is only subscribed to, or lies above such a name.
    pub mailbox: Option<&'a Mailbox>,
    /// The name itself is subscribed to.
    pub subscribed: bool,
}

/// All names of one account, in the order in which they are told.
pub(super) struct Listing<'a> {
    tree: &'a MailboxTree,
    nodes: Vec<Node<'a>>,
    parents: HashSet<MailboxId>,
    encoding: NameEncoding,
}

impl<'a> Listing<'a> {
    /// The mailboxes, INBOX first; then the names of `dangling` and those above them, as far as no mailbox has them.
    pub fn new(tree: &'a MailboxTree, dangling: &'a [String], encoding: NameEncoding) -> Listing<'a> {
        let known: HashSet<&str> = tree.iter().map(|(path, _)| path).collect();
        let mut others: BTreeMap<&str, bool> = BTreeMap::new();
        for path in dangling {
            for above in ancestors(path, tree.delimiter()) {
                others.entry(above).or_insert(false);
            }
            others.insert(path, true);
        }
        let mut nodes: Vec<Node<'_>> = tree
            .iter()
            .map(|(path, mailbox)| Node { path, mailbox: Some(mailbox), subscribed: mailbox.subscribed })
            .collect();
        nodes.extend(others.into_iter().filter(|(path, _)| !known.contains(path)).map(|(path, subscribed)| Node {
            path,
            mailbox: None,
            subscribed,
        }));
        let parents = tree.iter().filter_map(|(_, mailbox)| mailbox.parent).collect();
        Listing { tree, nodes, parents, encoding }
    }

    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// Whether a mailbox has others below it.
    pub fn has_children(&self, mailbox: &Mailbox) -> bool {
        self.parents.contains(&mailbox.id)
    }

    /// The names above those that `chosen` takes.
    pub fn above(&self, chosen: impl Fn(&Node<'_>) -> bool) -> HashSet<&'a str> {
        let chosen = self.nodes.iter().filter(|node| chosen(node));
        chosen.flat_map(|node| ancestors(node.path, self.tree.delimiter())).collect()
    }

    /// The name as this client is shown it.
    pub fn wire_name(&self, node: &Node<'_>) -> WireName {
        match node.mailbox {
            Some(mailbox) => names::wire_name(self.tree, mailbox.id, self.encoding),
            None => WireName { text: node.path.to_owned(), encoding: self.encoding },
        }
    }
}

/// The names above a path, the top first.
fn ancestors(path: &str, delimiter: char) -> impl Iterator<Item = &str> {
    path.match_indices(delimiter).filter_map(|(i, _)| path.get(..i)).filter(|above| !above.is_empty())
}

/// The patterns of one command. A name matches if one of them takes its text, or takes the bytes that it has on the wire.
pub(super) struct Patterns {
    encoding: NameEncoding,
    text: Vec<Pattern>,
    wire: Vec<Pattern>,
}

impl Patterns {
    /// Each pattern stands behind the reference name (RFC 9051 §6.3.9).
    pub fn new(reference: &MailboxName, patterns: &[MailboxName], delimiter: char, encoding: NameEncoding) -> Patterns {
        let wire = |name: &MailboxName| String::from_utf8_lossy(&name.to_wire(encoding)).into_owned();
        let join = |read: &dyn Fn(&MailboxName) -> String| {
            patterns.iter().map(|p| Pattern::new(&(read(reference) + &read(p)), delimiter)).collect()
        };
        Patterns { encoding, text: join(&|name| name.as_str().to_owned()), wire: join(&wire) }
    }

    pub fn matches(&self, path: &str, name: &WireName) -> bool {
        // Most names are their own text; only what was malformed at a source has bytes of its own.
        let odd = || name.encoding != self.encoding || name.text != path;
        self.text.iter().any(|p| p.matches(path))
            || (odd() && {
                let bytes = MailboxName::from_text(&name.text).to_wire(name.encoding);
                let bytes = String::from_utf8_lossy(&bytes);
                self.wire.iter().any(|p| p.matches(&bytes))
            })
    }
}
