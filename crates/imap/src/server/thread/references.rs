//! THREAD=REFERENCES (RFC 5256 §3): replies below what they reply to, threads of one subject merged.
//!
//! The steps are the RFC's. Links are kept as parents only until all messages are in; whether one would close a loop is
//! nearly always told by who is connected with whom, so that no mailbox makes the work quadratic.

use std::collections::HashMap;

use super::Message;
use super::tree::{Id, Node, Tree};
use crate::codec::write::search::ThreadNode;

/// Steps up through ancestors in all, over which links that might close a loop are left out: only a mailbox made for
/// the purpose needs more.
const CLIMB_MAX: usize = 50_000_000;

/// A Message-ID that was seen: of a message, or only referred to.
#[derive(Clone, Debug, Default)]
struct Linked {
    parent: Option<Id>,
    /// Was ever a parent: a link above one that never was cannot close a loop.
    has_children: bool,
    /// Towards the representative of everything that was ever connected with it.
    group: Id,
    message: Option<Told>,
}

/// What step 4 and later ask of a message.
#[derive(Clone, Debug)]
struct Told {
    number: u32,
    sent: i64,
    /// Number of the base subject; 0 is the empty one.
    subject: usize,
    reply: bool,
}

/// The links so far.
pub(super) struct References {
    ids: HashMap<Vec<u8>, Id>,
    nodes: Vec<Linked>,
    /// The messages in the order in which they came.
    messages: Vec<Id>,
    subjects: HashMap<String, usize>,
    climb: usize,
}

impl Default for References {
    fn default() -> References {
        let subjects = HashMap::from([(String::new(), 0)]);
        References { ids: HashMap::new(), nodes: Vec::new(), messages: Vec::new(), subjects, climb: CLIMB_MAX }
    }
}

impl References {
    /// The next message: step 1.
    pub fn add(&mut self, message: Message) {
        // (A) Each reference is the parent of the next one, unless that has a parent or the link would close a loop.
        let mut last = None;
        for reference in message.references {
            let id = self.id(reference);
            if let Some(parent) = last
                && self.parent(id).is_none()
            {
                self.link(parent, id);
            }
            last = Some(id);
        }
        // A Message-ID that another message has already, or none: the message stands for itself.
        let own =
            message.id.map(|id| self.id(id)).filter(|id| self.nodes.get(*id).is_some_and(|n| n.message.is_none()));
        let own = own.unwrap_or_else(|| self.new_node());
        // (B) The last reference is the parent, whatever was known before: a truncated References header may have lied.
        if self.parent(own) != last {
            if let Some(node) = self.nodes.get_mut(own) {
                node.parent = None;
            }
            if let Some(parent) = last {
                self.link(parent, own);
            }
        }
        let next = self.subjects.len();
        let subject = *self.subjects.entry(message.subject).or_insert(next);
        let told = Told { number: message.number, sent: message.sent, subject, reply: message.reply };
        if let Some(node) = self.nodes.get_mut(own) {
            node.message = Some(told);
        }
        self.messages.push(own);
    }

    fn new_node(&mut self) -> Id {
        let id = self.nodes.len();
        self.nodes.push(Linked { group: id, ..Linked::default() });
        id
    }

    fn id(&mut self, message_id: Vec<u8>) -> Id {
        if let Some(known) = self.ids.get(&message_id) {
            return *known;
        }
        let id = self.new_node();
        self.ids.insert(message_id, id);
        id
    }

    fn parent(&self, id: Id) -> Option<Id> {
        self.nodes.get(id).and_then(|n| n.parent)
    }

    /// Makes `child`, which has no parent, a child of `parent`, unless that would close a loop.
    fn link(&mut self, parent: Id, child: Id) {
        if self.closes_loop(parent, child) {
            return;
        }
        let (a, b) = (self.group(parent), self.group(child));
        if let Some(node) = self.nodes.get_mut(b) {
            node.group = a;
        }
        if let Some(node) = self.nodes.get_mut(parent) {
            node.has_children = true;
        }
        if let Some(node) = self.nodes.get_mut(child) {
            node.parent = Some(parent);
        }
    }

    fn closes_loop(&mut self, parent: Id, child: Id) -> bool {
        if parent == child {
            return true;
        }
        if self.nodes.get(child).is_none_or(|n| !n.has_children) || self.group(parent) != self.group(child) {
            return false;
        }
        let mut above = Some(parent);
        while let Some(id) = above {
            if id == child || self.climb == 0 {
                return true;
            }
            self.climb -= 1;
            above = self.parent(id);
        }
        false
    }

    /// The representative of a group, with the way to it halved (union-find; a cut link never splits a group, which
    /// only costs a climb).
    fn group(&mut self, mut id: Id) -> Id {
        while let Some(up) = self.nodes.get(id).map(|n| n.group).filter(|up| *up != id) {
            let further = self.nodes.get(up).map_or(up, |n| n.group);
            if let Some(node) = self.nodes.get_mut(id) {
                node.group = further;
            }
            id = further;
        }
        id
    }

    /// Steps 2 to 6.
    pub fn finish(self) -> Vec<ThreadNode> {
        let mut forest = Forest::prune(&self);
        forest.tree.sort();
        forest.merge_subjects();
        forest.tree.sort();
        forest.tree.pre_order()
    }
}

/// The tree of messages, with what merging asks of them.
struct Forest {
    tree: Tree,
    /// Subject and whether it is a reply's, for each node that is a message.
    subjects: Vec<(usize, bool)>,
}

impl Forest {
    /// Steps 2 and 3: dummies go, unless they are roots that hold several children together.
    fn prune(links: &References) -> Forest {
        let above = holders(&links.nodes);
        let mut tree = Tree::default();
        let mut subjects = Vec::new();
        let mut place: Vec<Option<Id>> = vec![None; links.nodes.len()];
        for id in &links.messages {
            let Some(told) = links.nodes.get(*id).and_then(|n| n.message.as_ref()) else { continue };
            if let Some(slot) = place.get_mut(*id) {
                *slot = Some(tree.nodes.len());
            }
            // Messages were added in the order of their numbers, so their places break ties.
            let when = (told.sent, tree.nodes.len());
            tree.nodes.push(Node { number: Some(told.number), when, children: Vec::new() });
            subjects.push((told.subject, told.reply));
        }
        // Messages by the dummy root above them.
        let mut held: HashMap<Id, Vec<Id>> = HashMap::new();
        for id in &links.messages {
            let Some(me) = place.get(*id).copied().flatten() else { continue };
            let Some(holder) = above.get(*id).copied().flatten() else {
                tree.roots.push(me);
                continue;
            };
            match place.get(holder).copied().flatten().and_then(|p| tree.nodes.get_mut(p)) {
                Some(parent) => parent.children.push(me),
                None => held.entry(holder).or_default().push(me),
            }
        }
        for children in held.into_values() {
            match children.as_slice() {
                [only] => tree.roots.push(*only),
                _ => {
                    tree.roots.push(tree.nodes.len());
                    tree.nodes.push(Node { number: None, when: Default::default(), children });
                    subjects.push((0, false));
                }
            }
        }
        Forest { tree, subjects }
    }

    /// Subject of a thread: of its root, or of the first child of a dummy; whether its root is one; whether a reply.
    fn thread_subject(&self, root: Id) -> (usize, bool, bool) {
        let node = self.tree.nodes.get(root);
        let dummy = node.is_some_and(|n| n.number.is_none());
        let speaker = if dummy { node.and_then(|n| n.children.first().copied()) } else { Some(root) };
        let (subject, reply) = speaker.and_then(|s| self.subjects.get(s)).copied().unwrap_or_default();
        (subject, dummy, reply && !dummy)
    }

    /// Step 5.
    fn merge_subjects(&mut self) {
        // (A), (B): one thread for each subject, if possible a dummy, else one that is no reply.
        let mut table: HashMap<usize, (Id, bool, bool)> = HashMap::new();
        let roots = std::mem::take(&mut self.tree.roots);
        for root in &roots {
            let (subject, dummy, reply) = self.thread_subject(*root);
            if subject == 0 {
                continue;
            }
            let entry = table.entry(subject).or_insert((*root, dummy, reply));
            let (_, has_dummy, has_reply) = *entry;
            if !has_dummy && (dummy || (has_reply && !reply)) {
                *entry = (*root, dummy, reply);
            }
        }
        // (C)
        let mut gone = vec![false; self.tree.nodes.len()];
        let mut kept = Vec::with_capacity(roots.len());
        for root in roots {
            let (subject, dummy, reply) = self.thread_subject(root);
            let Some((target, target_dummy, target_reply)) = table.get(&subject).copied().filter(|(t, ..)| *t != root)
            else {
                kept.push(root);
                continue;
            };
            let nodes = &mut self.tree.nodes;
            let moved = match (dummy, target_dummy) {
                (true, true) => nodes.get_mut(root).map(|n| std::mem::take(&mut n.children)).unwrap_or_default(),
                _ => vec![root],
            };
            if target_dummy || (reply && !target_reply) {
                if let Some(node) = nodes.get_mut(target) {
                    node.children.extend(moved);
                }
            } else {
                let both = nodes.len();
                nodes.push(Node { number: None, when: Default::default(), children: vec![target, root] });
                self.subjects.push((0, false));
                table.insert(subject, (both, true, false));
                if let Some(gone) = gone.get_mut(target) {
                    *gone = true;
                }
                kept.push(both);
            }
        }
        kept.retain(|root| gone.get(*root) != Some(&true));
        self.tree.roots = kept;
    }
}

/// For each node, the nearest ancestor that is a message, else its topmost ancestor (a dummy root); `None` for a root.
fn holders(nodes: &[Linked]) -> Vec<Option<Id>> {
    let mut known: Vec<Option<Option<Id>>> = vec![None; nodes.len()];
    let mut path = Vec::new();
    for start in 0..nodes.len() {
        let mut at = start;
        // Up to a node whose holder is known, or to a root.
        let mut holder = loop {
            match (known.get(at).copied().flatten(), nodes.get(at).and_then(|n| n.parent)) {
                (Some(holder), _) => break holder,
                (None, Some(parent)) => {
                    path.push(at);
                    at = parent;
                }
                (None, None) => break None,
            }
        };
        if let Some(slot) = known.get_mut(at) {
            *slot = Some(holder);
        }
        // And down again: a message is what holds those below it, a dummy passes on what holds itself.
        while let Some(below) = path.pop() {
            let is_message = nodes.get(at).is_some_and(|n| n.message.is_some());
            holder = if is_message { Some(at) } else { holder.or(Some(at)) };
            if let Some(slot) = known.get_mut(below) {
                *slot = Some(holder);
            }
            at = below;
        }
    }
    known.into_iter().map(Option::flatten).collect()
}

#[cfg(test)]
mod tests;
