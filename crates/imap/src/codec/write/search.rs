//! Results: SEARCH, ESEARCH, SORT, THREAD, and VANISHED (RFC 9051 §7.3.4, RFC 4731, RFC 5256, RFC 7162, RFC 9394).

use sterna_core::ModSeq;

use super::{number, quoted_or_literal};
use crate::codec::command::Addressing;
use crate::codec::command::search::PartialRange;
use crate::codec::sequence::NumberSet;

/// Appends `* SEARCH 2 3 (MODSEQ 9)` of RFC 3501; the MODSEQ where the key asked for one (RFC 7162 §3.1.5).
pub fn search(out: &mut Vec<u8>, numbers: impl Iterator<Item = u32>, mod_seq: Option<ModSeq>) {
    plain(out, b"* SEARCH", numbers, mod_seq);
}

/// Appends `* SORT 2 3` (RFC 5256 §4), in the order given.
pub fn sort(out: &mut Vec<u8>, numbers: impl Iterator<Item = u32>, mod_seq: Option<ModSeq>) {
    plain(out, b"* SORT", numbers, mod_seq);
}

fn plain(out: &mut Vec<u8>, head: &[u8], numbers: impl Iterator<Item = u32>, mod_seq: Option<ModSeq>) {
    out.extend_from_slice(head);
    let start = out.len();
    for n in numbers {
        out.push(b' ');
        number(out, u64::from(n));
    }
    // RFC 7162 §3.1.5: nothing found, no MODSEQ.
    if let Some(mod_seq) = mod_seq.filter(|_| out.len() > start) {
        out.extend_from_slice(b" (MODSEQ ");
        number(out, mod_seq.0);
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// The numbers of an ESEARCH.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Of SEARCH.
    Set(&'a NumberSet),
    /// Of SORT, in their order (RFC 5267 §3.2).
    Sorted(&'a [u32]),
}

impl Numbers<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Numbers::Set(set) => set.is_empty(),
            Numbers::Sorted(numbers) => numbers.is_empty(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut rest = match self {
            Numbers::Set(set) => return set.write(out),
            Numbers::Sorted(numbers) => *numbers,
        };
        // Only ascending runs are shortened: `5:3` would mean 3, 4, 5.
        while let Some((&first, _)) = rest.split_first() {
            let run = 1 + rest.windows(2).take_while(|w| matches!(w, [a, b] if a.checked_add(1) == Some(*b))).count();
            number(out, u64::from(first));
            if run > 1 {
                out.push(b':');
                number(out, u64::from(first) + run as u64 - 1);
            }
            rest = rest.get(run..).unwrap_or_default();
            if !rest.is_empty() {
                out.push(b',');
            }
        }
    }
}

/// An ESEARCH response; what was not asked for is `None`. Of an empty result only COUNT (0) and PARTIAL (NIL) are told.
#[derive(Clone, Copy, Debug)]
pub struct ESearch<'a> {
    /// Of the command.
    pub tag: &'a str,
    /// What the numbers are.
    pub by: Addressing,
    /// MIN
    pub min: Option<u32>,
    /// MAX
    pub max: Option<u32>,
    /// COUNT
    pub count: Option<u64>,
    /// ALL
    pub all: Option<Numbers<'a>>,
    /// PARTIAL: the part asked for and what it has (RFC 9394 §3.1).
    pub partial: Option<(PartialRange, Numbers<'a>)>,
    /// MODSEQ: the highest one of the messages told, if the key has MODSEQ (RFC 7162 §3.1.10).
    pub mod_seq: Option<ModSeq>,
}

/// Appends `* ESEARCH (TAG "a") UID MIN 2 MAX 47 COUNT 25 ALL 2:47`.
pub fn esearch(out: &mut Vec<u8>, result: &ESearch<'_>) {
    let named = |out: &mut Vec<u8>, name: &[u8], n: Option<u64>| {
        if let Some(n) = n {
            out.extend_from_slice(name);
            number(out, n);
        }
    };
    out.extend_from_slice(b"* ESEARCH (TAG ");
    quoted_or_literal(out, result.tag.as_bytes());
    out.push(b')');
    if result.by == Addressing::Uid {
        out.extend_from_slice(b" UID");
    }
    named(out, b" MIN ", result.min.map(u64::from));
    named(out, b" MAX ", result.max.map(u64::from));
    named(out, b" COUNT ", result.count);
    if let Some(all) = result.all.filter(|all| !all.is_empty()) {
        out.extend_from_slice(b" ALL ");
        all.write(out);
    }
    if let Some((range, numbers)) = result.partial {
        let minus: &[u8] = if range.from_end { b"-" } else { b"" };
        out.extend_from_slice(b" PARTIAL (");
        out.extend_from_slice(minus);
        number(out, u64::from(range.first.get()));
        out.push(b':');
        out.extend_from_slice(minus);
        number(out, u64::from(range.last.get()));
        out.push(b' ');
        if numbers.is_empty() {
            out.extend_from_slice(b"NIL")
        } else {
            numbers.write(out)
        }
        out.push(b')');
    }
    named(out, b" MODSEQ ", result.mod_seq.map(|m| m.0));
    out.extend_from_slice(b"\r\n");
}

/// A node of a thread in pre-order: its depth (0 for a root, at most one more than the node before it) and its number,
/// `None` for a message that is missing. Flat, because a thread of replies may be deeper than a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadNode {
    /// Distance from the root.
    pub depth: u32,
    /// Sequence number or UID.
    pub number: Option<u32>,
}

/// Appends `* THREAD (2)(3 6 (4 23)(44 7 96))` (RFC 5256 §4).
pub fn thread(out: &mut Vec<u8>, nodes: &[ThreadNode]) {
    // How many children each node has: the ancestors of the current one are on the stack.
    let mut children = vec![0u32; nodes.len()];
    let mut parents = vec![None; nodes.len()];
    let mut path: Vec<usize> = Vec::new();
    for (i, node) in nodes.iter().enumerate() {
        path.truncate(node.depth as usize);
        if let (Some(parent), Some(slot)) = (path.last().copied(), parents.get_mut(i)) {
            *slot = Some(parent);
            if let Some(count) = children.get_mut(parent) {
                *count += 1;
            }
        }
        path.push(i);
    }
    out.extend_from_slice(b"* THREAD");
    if !nodes.is_empty() {
        out.push(b' ');
    }
    // One entry for each ancestor: whether it opened a parenthesis.
    let mut open: Vec<bool> = Vec::new();
    let mut previous = None;
    for ((i, node), parent) in nodes.iter().enumerate().zip(&parents) {
        while open.len() > node.depth as usize {
            if open.pop() == Some(true) {
                out.push(b')');
            }
        }
        let parent_told = parent.and_then(|p| nodes.get(p)).is_some_and(|p| p.number.is_some());
        // A space goes between a number and its first child, whether that opens a parenthesis or not.
        if parent_told && *parent == previous {
            out.push(b' ');
        }
        let nested = parent.is_none_or(|p| children.get(p).is_some_and(|count| *count > 1));
        if nested {
            out.push(b'(');
        }
        open.push(nested);
        if let Some(n) = node.number {
            number(out, u64::from(n));
        }
        previous = Some(i);
    }
    open.iter().rev().filter(|opened| **opened).for_each(|_| out.push(b')'));
    out.extend_from_slice(b"\r\n");
}

/// Appends `* VANISHED (EARLIER) 41,43:116` (RFC 7162 §3.2.10); nothing for an empty set.
pub fn vanished(out: &mut Vec<u8>, uids: &NumberSet, earlier: bool) {
    if !uids.is_empty() {
        out.extend_from_slice(if earlier { b"* VANISHED (EARLIER) " } else { b"* VANISHED " });
        uids.write(out);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn wire(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn plain_results_tell_modseq_only_if_something_was_found() {
        let modseq = Some(ModSeq(917));
        assert_eq!(wire(|o| search(o, [2, 5].into_iter(), modseq)), "* SEARCH 2 5 (MODSEQ 917)\r\n");
        assert_eq!(wire(|o| search(o, [].into_iter(), modseq)), "* SEARCH\r\n");
        assert_eq!(wire(|o| sort(o, [5, 2].into_iter(), None)), "* SORT 5 2\r\n");
    }

    #[test]
    fn esearch_tells_what_was_asked_for() {
        let empty = ESearch {
            tag: "A\"1",
            by: Addressing::Uid,
            min: None,
            max: None,
            count: None,
            all: None,
            partial: None,
            mod_seq: None,
        };
        let set: NumberSet = [2u32, 3, 4, 9].into_iter().collect();
        let range = |first, last, from_end| PartialRange {
            first: NonZeroU32::new(first).unwrap(),
            last: NonZeroU32::new(last).unwrap(),
            from_end,
        };
        let none = NumberSet::new();
        for (result, expected) in [
            (empty, ""),
            (ESearch { count: Some(0), all: Some(Numbers::Set(&none)), ..empty }, " COUNT 0"),
            (
                ESearch {
                    min: Some(2),
                    max: Some(9),
                    all: Some(Numbers::Set(&set)),
                    mod_seq: Some(ModSeq(7)),
                    ..empty
                },
                " MIN 2 MAX 9 ALL 2:4,9 MODSEQ 7",
            ),
            (ESearch { all: Some(Numbers::Sorted(&[9, 3, 4, 5, 2, 1])), ..empty }, " ALL 9,3:5,2,1"),
            (ESearch { partial: Some((range(1, 3, true), Numbers::Set(&set))), ..empty }, " PARTIAL (-1:-3 2:4,9)"),
            (ESearch { partial: Some((range(7, 9, false), Numbers::Sorted(&[]))), ..empty }, " PARTIAL (7:9 NIL)"),
        ] {
            assert_eq!(wire(|o| esearch(o, &result)), format!("* ESEARCH (TAG \"A\\\"1\") UID{expected}\r\n"));
        }
    }

    fn nodes(list: &[(u32, u32)]) -> Vec<ThreadNode> {
        list.iter().map(|(depth, n)| ThreadNode { depth: *depth, number: (*n > 0).then_some(*n) }).collect()
    }

    #[test]
    fn threads_of_rfc5256() {
        let example = nodes(&[(0, 2), (0, 3), (1, 6), (2, 4), (3, 23), (2, 44), (3, 7), (4, 96)]);
        assert_eq!(wire(|o| thread(o, &example)), "* THREAD (2)(3 6 (4 23)(44 7 96))\r\n");
        let missing_root = nodes(&[(0, 0), (1, 3), (1, 5), (0, 9)]);
        assert_eq!(wire(|o| thread(o, &missing_root)), "* THREAD ((3)(5))(9)\r\n");
        assert_eq!(wire(|o| thread(o, &[])), "* THREAD\r\n");
    }

    #[test]
    fn a_thread_may_be_deeper_than_a_stack() {
        let deep: Vec<ThreadNode> = (0..200_000).map(|i| ThreadNode { depth: i, number: Some(i + 1) }).collect();
        let text = wire(|o| thread(o, &deep));
        assert!(text.starts_with("* THREAD (1 2 3 ") && text.ends_with(" 200000)\r\n"));
    }

    #[test]
    fn vanished_needs_a_uid() {
        assert_eq!(wire(|o| vanished(o, &NumberSet::range(4, 6), true)), "* VANISHED (EARLIER) 4:6\r\n");
        assert_eq!(wire(|o| vanished(o, &NumberSet::new(), false)), "");
    }
}
