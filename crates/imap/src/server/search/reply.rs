//! What SEARCH and SORT answer: the list of RFC 3501 and RFC 5256, or ESEARCH, and what stays behind for `$`.

use sterna_core::{ModSeq, Uid};

use crate::codec::command::Addressing;
use crate::codec::command::search::{PartialRange, SearchReturn};
use crate::codec::sequence::NumberSet;
use crate::codec::write::search::{ESearch, Numbers, esearch, search, sort};
use crate::server::problem::Problem;
use crate::server::session::Session;

/// A result to tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'f> {
    /// What the numbers of the answer are.
    pub by: Addressing,
    /// RETURN options, if there were any.
    pub returns: Option<SearchReturn>,
    /// Sequence numbers; ascending, or in the order of SORT.
    pub numbers: &'f [u32],
    /// SORT.
    pub sorted: bool,
}

/// Writes the response and saves the result for `$` where that is asked for.
pub(crate) fn tell(session: &mut Session, found: Found<'_>, mod_seq: bool) -> Result<(), Problem> {
    let Found { by, returns, numbers, sorted } = found;
    let rev2 = session.enabled.imap4rev2 && !sorted;
    let tag = session.tag.clone();
    let selected = session.selected()?;
    let index = selected.view.known();
    let uid = |sequence: &u32| index.get(*sequence as usize).map(|e| e.uid);
    let highest = |sequences: &[u32]| -> Option<ModSeq> {
        let told = sequences.iter().filter_map(|n| index.get(*n as usize)).map(|e| selected.view.entry_told(e).modseq);
        told.max().filter(|_| mod_seq)
    };
    let wire: Vec<u32> = match by {
        Addressing::Sequence => numbers.to_vec(),
        Addressing::Uid => numbers.iter().filter_map(uid).map(Uid::get).collect(),
    };
    let Some(returns) = returns.or(rev2.then(|| SearchReturn { all: true, ..SearchReturn::default() })) else {
        let highest = highest(numbers);
        let write = if sorted { sort } else { search };
        write_plain(write, session.out.buffer(), wire, highest);
        return Ok(());
    };

    let (min, max) = (numbers.first().filter(|_| returns.min), numbers.last().filter(|_| returns.max));
    let window = returns.partial.map(|range| (range, window(range, numbers.len())));
    let everything = returns.all || returns.count || !(returns.min || returns.max || window.is_some());
    // RFC 7162 §3.1.10 and RFC 5182 §2.1 look at the same messages: all of them, unless only some are told.
    let part: Vec<u32> = match everything {
        true => numbers.to_vec(),
        false => {
            let window = window.as_ref().and_then(|(_, range)| numbers.get(range.clone())).unwrap_or_default();
            min.into_iter().chain(window).chain(max).copied().collect()
        }
    };
    let mod_seq = highest(&part);
    let saved: Option<Vec<Uid>> = returns.save.then(|| {
        let mut uids: Vec<Uid> = part.iter().filter_map(uid).collect();
        uids.sort_unstable();
        uids.dedup();
        uids
    });

    let set =
        |numbers: &[u32]| -> NumberSet { if sorted { NumberSet::new() } else { numbers.iter().copied().collect() } };
    let shown = window.as_ref().and_then(|(_, range)| wire.get(range.clone())).unwrap_or_default();
    let (all_set, part_set) = (set(&wire), set(shown));
    let form = |set, list| if sorted { Numbers::Sorted(list) } else { Numbers::Set(set) };
    let told = ESearch {
        tag: &tag,
        by,
        min: wire.first().copied().filter(|_| returns.min),
        max: wire.last().copied().filter(|_| returns.max),
        count: returns.count.then_some(wire.len() as u64),
        all: returns.all.then(|| form(&all_set, wire.as_slice())),
        partial: window.as_ref().map(|(range, _)| (*range, form(&part_set, shown))),
        mod_seq,
    };
    // RFC 5182 §2.1: SAVE alone asks for no answer.
    if returns.min || returns.max || returns.count || returns.all || returns.partial.is_some() {
        esearch(session.out.buffer(), &told);
    }
    if let Some(saved) = saved {
        session.selected_mut()?.saved = saved;
    }
    Ok(())
}

fn write_plain(
    write: impl Fn(&mut Vec<u8>, std::vec::IntoIter<u32>, Option<ModSeq>),
    out: &mut Vec<u8>,
    numbers: Vec<u32>,
    mod_seq: Option<ModSeq>,
) {
    write(out, numbers.into_iter(), mod_seq);
}

/// The places of a result that PARTIAL names (RFC 9394 §3.1): the first is 1, the last -1.
fn window(range: PartialRange, len: usize) -> std::ops::Range<usize> {
    let (first, last) = (range.first.get() as usize, range.last.get() as usize);
    match range.from_end {
        false => (first - 1).min(len)..last.min(len),
        true => len.saturating_sub(last)..len.saturating_sub(first - 1),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn partial_counts_from_either_end() {
        let range = |first, last, from_end| {
            let n = |n| NonZeroU32::new(n).unwrap();
            window(PartialRange { first: n(first), last: n(last), from_end }, 10)
        };
        assert_eq!(range(1, 3, false), 0..3);
        assert_eq!(range(8, 30, false), 7..10);
        assert_eq!(range(11, 30, false), 10..10);
        assert_eq!(range(1, 3, true), 7..10);
        assert_eq!(range(8, 30, true), 0..3);
        assert_eq!(range(11, 30, true), 0..0);
    }
}
