//! Cuts a folder's UIDs into batches: bounded in bytes and in number, newest first.
//!
//! Each batch answers for a stretch of the UID space. Together the stretches cover everything up to the largest UID,
//! so that the cursor ends as one range.

use sterna_imap::codec::sequence::NumberSet;

/// Bytes of one batch by what the source claims; one larger message is a batch of its own.
pub(crate) const BATCH_BYTES: u64 = 4 << 20;

/// Messages of one batch.
pub(crate) const BATCH_MESSAGES: usize = 250;

/// UIDs whose sizes are asked for at once.
pub(crate) const WINDOW: usize = 2_000;

/// Messages that are fetched and committed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// UIDs to fetch with the sizes that the source claims, ascending.
    pub messages: Vec<(u32, u64)>,
    /// The UIDs that are dealt with once these are.
    pub covers: NumberSet,
}

impl Batch {
    pub fn uids(&self) -> NumberSet {
        self.messages.iter().map(|(uid, _)| *uid).collect()
    }
}

/// A stretch of UIDs whose sizes are asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The UIDs wanted in it.
    pub uids: NumberSet,
    /// From the end of the next lower window to the last of `uids` (or the beginning of the next higher one).
    pub covers: (u32, u32),
}

/// Windows of at most `size` UIDs, the highest first. Together they cover 1 to the largest UID.
pub(crate) fn windows(wanted: &NumberSet, size: usize) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut current = Vec::new();
    let mut last = 0;
    let mut close = |uids: &mut Vec<u32>, last: &mut u32| {
        if let Some(highest) = uids.last().copied() {
            windows.push(Window { uids: uids.drain(..).collect(), covers: (*last + 1, highest) });
            *last = highest;
        }
    };
    for uid in wanted.iter() {
        current.push(uid);
        if current.len() >= size.max(1) {
            close(&mut current, &mut last);
        }
    }
    close(&mut current, &mut last);
    windows.reverse();
    windows
}

/// Cuts a window into batches, the highest first. `sizes` are what the source told, in any order; a UID it did not
/// speak of has vanished and is covered by its neighbours.
pub(crate) fn batches(window: &Window, mut sizes: Vec<(u32, u64)>) -> Vec<Batch> {
    sizes.sort_unstable();
    sizes.dedup_by_key(|(uid, _)| *uid);
    sizes.retain(|(uid, _)| window.uids.contains(*uid));
    let mut batches = Vec::new();
    let mut top = window.covers.1;
    let mut current: Vec<(u32, u64)> = Vec::new();
    let mut bytes = 0;
    let mut close = |messages: &mut Vec<(u32, u64)>, top: &mut u32, bottom: u32| {
        messages.reverse();
        let covers = NumberSet::range(bottom, *top);
        batches.push(Batch { messages: std::mem::take(messages), covers });
        *top = bottom.saturating_sub(1);
    };
    for (uid, size) in sizes.into_iter().rev() {
        if !current.is_empty() && (current.len() >= BATCH_MESSAGES || bytes + size > BATCH_BYTES) {
            let bottom = current.last().map_or(top, |(lowest, _)| *lowest);
            close(&mut current, &mut top, bottom);
            bytes = 0;
        }
        bytes += size;
        current.push((uid, size));
    }
    // Also where nothing is left to fetch: the stretch is dealt with.
    close(&mut current, &mut top, window.covers.0);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_newest_come_first_and_a_large_one_comes_alone() {
        let wanted: NumberSet = [1, 2, 3, 10, 11].into_iter().collect();
        let windows = windows(&wanted, 3);
        assert_eq!(windows.iter().map(|w| w.covers).collect::<Vec<_>>(), [(4, 11), (1, 3)]);
        let batches = batches(&windows[0], vec![(10, 5), (11, BATCH_BYTES + 1)]);
        assert_eq!(batches[0].messages, [(11, BATCH_BYTES + 1)]);
        assert_eq!((batches[0].covers.ranges(), batches[1].covers.ranges()), (&[(11, 11)][..], &[(4, 10)][..]));
    }

    proptest! {
        #[test]
        fn every_uid_is_covered_once_and_fetched_once(
            uids in proptest::collection::btree_set(1u32..5_000, 1..300),
            size in 1usize..40,
            gone in proptest::collection::btree_set(1u32..5_000, 0..50),
        ) {
            let wanted: NumberSet = uids.iter().copied().collect();
            let (mut covered, mut total, mut fetched) = (NumberSet::new(), 0, Vec::new());
            for window in windows(&wanted, size) {
                let sizes = window.uids.iter().filter(|u| !gone.contains(u)).map(|u| (u, u64::from(u) << 11)).collect();
                for batch in batches(&window, sizes) {
                    total += batch.covers.len();
                    covered = covered.union(&batch.covers);
                    prop_assert!(batch.messages.iter().all(|(uid, _)| batch.covers.contains(*uid)));
                    prop_assert!(batch.messages.is_sorted());
                    prop_assert!(batch.messages.len() < 2 || batch.messages.iter().map(|(_, size)| size).sum::<u64>() <= BATCH_BYTES);
                    fetched.extend(batch.uids().iter());
                }
            }
            let top = *uids.last().unwrap();
            prop_assert_eq!(covered.ranges(), &[(1, top)][..]);
            prop_assert_eq!(total, u64::from(top));
            fetched.sort_unstable();
            prop_assert_eq!(fetched, uids.difference(&gone).copied().collect::<Vec<_>>());
        }
    }
}
