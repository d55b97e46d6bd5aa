//! A forest of messages in the order in which it is told: siblings by sent date, written in pre-order.

use crate::codec::write::search::ThreadNode;

/// A node by its place.
pub(super) type Id = usize;

/// What siblings are ordered by: sent date, then the order of the sequence numbers (RFC 5256 §2.2).
pub(super) type When = (i64, usize);

/// One message, or a place without one.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The number to tell; `None` for a dummy.
    pub number: Option<u32>,
    /// The message's place among siblings; a dummy takes that of its first child.
    pub when: When,
    /// Below it.
    pub children: Vec<Id>,
}

/// The forest.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub nodes: Vec<Node>,
    pub roots: Vec<Id>,
}

impl Tree {
    /// Where a node stands among its siblings, once its own children are sorted.
    pub fn when(&self, id: Id) -> When {
        let Some(node) = self.nodes.get(id) else { return When::default() };
        match (node.number, node.children.first().and_then(|first| self.nodes.get(*first))) {
            (None, Some(first)) => first.when,
            _ => node.when,
        }
    }

    /// Sorts every set of siblings, then the roots (RFC 5256 §3, REFERENCES step 6). Dummies are roots only.
    pub fn sort(&mut self) {
        let whens: Vec<When> = self.nodes.iter().map(|n| n.when).collect();
        for node in &mut self.nodes {
            node.children.sort_unstable_by_key(|child| whens.get(*child).copied());
        }
        self.sort_roots();
    }

    /// Sorts the roots only (step 4), whose children are sorted.
    pub fn sort_roots(&mut self) {
        let mut roots = std::mem::take(&mut self.roots);
        roots.sort_by_cached_key(|root| self.when(*root));
        self.roots = roots;
    }

    /// All nodes with their depth, parents before children.
    pub fn pre_order(&self) -> Vec<ThreadNode> {
        let mut told = Vec::with_capacity(self.nodes.len());
        let mut open: Vec<(Id, u32)> = self.roots.iter().rev().map(|root| (*root, 0)).collect();
        while let Some((id, depth)) = open.pop() {
            let Some(node) = self.nodes.get(id) else { continue };
            told.push(ThreadNode { depth, number: node.number });
            open.extend(node.children.iter().rev().map(|child| (*child, depth + 1)));
        }
        told
    }
}
