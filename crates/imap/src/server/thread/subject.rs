//! THREAD=ORDEREDSUBJECT (RFC 5256 §3): messages of one base subject are one thread.

use std::collections::HashMap;

use super::Message;
use super::tree::{Id, Node, Tree};
use crate::codec::write::search::ThreadNode;

/// The messages so far, by subject.
#[derive(Default)]
pub(super) struct OrderedSubject {
    subjects: HashMap<String, usize>,
    threads: Vec<Vec<Id>>,
    nodes: Vec<Node>,
}

impl OrderedSubject {
    /// The next message.
    pub fn add(&mut self, message: Message) {
        let id = self.nodes.len();
        self.nodes.push(Node { number: Some(message.number), when: (message.sent, id), children: Vec::new() });
        let next = self.threads.len();
        let thread = *self.subjects.entry(message.subject).or_insert(next);
        match self.threads.get_mut(thread) {
            Some(thread) => thread.push(id),
            None => self.threads.push(vec![id]),
        }
    }

    /// The first message of a thread is its root, the others are siblings below it; threads go by their first message.
    pub fn finish(self) -> Vec<ThreadNode> {
        let mut tree = Tree { nodes: self.nodes, roots: Vec::new() };
        for mut thread in self.threads {
            thread.sort_unstable_by_key(|id| tree.when(*id));
            let mut thread = thread.into_iter();
            let Some(root) = thread.next() else { continue };
            tree.roots.push(root);
            if let Some(node) = tree.nodes.get_mut(root) {
                node.children = thread.collect();
            }
        }
        tree.sort_roots();
        tree.pre_order()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::write::search::thread;

    #[test]
    fn the_first_message_of_a_subject_is_the_parent_of_the_others() {
        let mut threads = OrderedSubject::default();
        for (number, sent, subject) in [(1, 50, "b"), (2, 10, "a"), (3, 30, "a"), (4, 20, "a"), (5, 5, ""), (6, 60, "")]
        {
            threads.add(Message { number, sent, subject: subject.into(), ..Message::default() });
        }
        let mut out = Vec::new();
        thread(&mut out, &threads.finish());
        assert_eq!(String::from_utf8_lossy(&out), "* THREAD (5 6)(2 (4)(3))(1)\r\n");
    }
}
