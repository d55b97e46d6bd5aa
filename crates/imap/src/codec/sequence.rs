//! Sets of message numbers: [`SequenceSet`] as a client writes it (with `*`), [`NumberSet`] as the server computes with it.
//!
//! Both commands and responses use them (RFC 9051 §9 `sequence-set`, RFC 4315 `uid-set`, RFC 7162 `known-uids`). Parsing
//! is bounded in the number of ranges; nothing here ever walks the numbers of a range that the caller did not ask for.

use std::fmt;
use std::num::NonZeroU32;

use sterna_core::Uid;

/// The most ranges that a set read from the wire may have; a command line of 64 KB cannot hold more.
pub const MAX_RANGES: usize = 32_768;

/// Why a text is not a set of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Not of the form `1,3:5,7:*`, or a number is 0 or above 2³²−1.
    #[error("not a sequence set")]
    Syntax,
    /// More ranges than the limit.
    #[error("too many ranges in a sequence set")]
    TooManyRanges,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A number from 1 to 2³²−1.
    Number(NonZeroU32),
    /// `*`: the largest number in use.
    Largest,
}

impl Bound {
    fn resolve(self, largest: u32) -> u32 {
        match self {
            Bound::Number(n) => n.get(),
            Bound::Largest => largest,
        }
    }
}

/// A set as written: ranges in their order, either end may be `*` (RFC 9051 §9 `sequence-set`, without `$`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceSet {
    ranges: Vec<(Bound, Bound)>,
}

impl SequenceSet {
    /// Every number: `1:*`.
    pub fn all() -> SequenceSet {
        SequenceSet { ranges: vec![(Bound::Number(NonZeroU32::MIN), Bound::Largest)] }
    }

    /// Reads a whole text; at most [`MAX_RANGES`] ranges.
    pub fn parse(text: &[u8]) -> Result<SequenceSet, SequenceError> {
        let mut ranges = Vec::new();
        for part in text.split(|b| *b == b',') {
            if ranges.len() == MAX_RANGES {
                return Err(SequenceError::TooManyRanges);
            }
            let mut ends = part.splitn(2, |b| *b == b':');
            let first = bound(ends.next().unwrap_or_default())?;
            let second = ends.next().map_or(Ok(first), bound)?;
            ranges.push((first, second));
        }
        Ok(SequenceSet { ranges })
    }

    /// The numbers meant when `largest` is the largest in use (0 in an empty mailbox: then `*` means nothing).
    ///
    /// `5:3` is `3:5`, and `559:*` includes the largest number even if it is below 559 (RFC 9051 §9 `seq-range`). Numbers
    /// above `largest` are kept: whether they are an error (sequence numbers) or ignored (UIDs) is the caller's matter.
    pub fn resolve(&self, largest: u32) -> NumberSet {
        let ends = self.ranges.iter().filter(|(a, b)| largest > 0 || (*a != Bound::Largest && *b != Bound::Largest));
        NumberSet::from_unsorted(ends.map(|(a, b)| (a.resolve(largest), b.resolve(largest))).collect())
    }

    /// Whether `*` occurs.
    pub fn has_largest(&self) -> bool {
        self.ranges.iter().any(|(a, b)| *a == Bound::Largest || *b == Bound::Largest)
    }

    /// The ranges as written.
    pub fn ranges(&self) -> &[(Bound, Bound)] {
        &self.ranges
    }
}

impl From<Uid> for SequenceSet {
    fn from(uid: Uid) -> Self {
        SequenceSet { ranges: vec![(Bound::Number(uid.0), Bound::Number(uid.0))] }
    }
}

impl From<&NumberSet> for SequenceSet {
    fn from(set: &NumberSet) -> Self {
        let end = |n: u32| NonZeroU32::new(n).map_or(Bound::Largest, Bound::Number);
        SequenceSet { ranges: set.ranges.iter().map(|(a, b)| (end(*a), end(*b))).collect() }
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, second)) in self.ranges.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{first}")?;
            if first != second {
                write!(f, ":{second}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Number(n) => n.fmt(f),
            Bound::Largest => f.write_str("*"),
        }
    }
}

fn bound(text: &[u8]) -> Result<Bound, SequenceError> {
    match text {
        b"*" => Ok(Bound::Largest),
        _ => Ok(Bound::Number(number(text)?)),
    }
}

/// `nz-number = digit-nz *DIGIT`; leading zeros are let through, they harm nobody.
fn number(text: &[u8]) -> Result<NonZeroU32, SequenceError> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let value = std::str::from_utf8(text).ok().filter(|_| digits).and_then(|t| t.parse().ok());
    value.and_then(NonZeroU32::new).ok_or(SequenceError::Syntax)
}

/// What a command names its messages with: a set, or the result that SEARCH saved (RFC 5182 `$`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageSet {
    /// `$`
    Saved,
    /// Numbers; sequence numbers or UIDs as the command says.
    Numbers(SequenceSet),
}

/// Sorted, disjoint, non-adjacent ranges of numbers from 1 to 2³²−1: UIDs, or sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberSet {
    ranges: Vec<(u32, u32)>,
}

impl NumberSet {
    /// The empty set.
    pub const fn new() -> NumberSet {
        NumberSet { ranges: Vec::new() }
    }

    /// The numbers from `first` to `last`; empty if `first` is above `last` or 0.
    pub fn range(first: u32, last: u32) -> NumberSet {
        NumberSet { ranges: if first == 0 || first > last { Vec::new() } else { vec![(first, last)] } }
    }

    /// Reads a whole text without `*` (RFC 4315 `uid-set`, RFC 7162 `known-uids`), with the caller's limit of ranges:
    /// [`MAX_RANGES`] for commands, more for the answers of a server. An unsorted text is sorted.
    pub fn parse(text: &[u8], max_ranges: usize) -> Result<NumberSet, SequenceError> {
        let mut ranges = Vec::new();
        for part in text.split(|b| *b == b',') {
            if ranges.len() >= max_ranges {
                return Err(SequenceError::TooManyRanges);
            }
            let mut ends = part.splitn(2, |b| *b == b':');
            let first = number(ends.next().unwrap_or_default())?;
            let second = ends.next().map_or(Ok(first), number)?;
            ranges.push((first.get(), second.get()));
        }
        Ok(NumberSet::from_unsorted(ranges))
    }

    /// Any ranges, the ends of each in any order; zeros are dropped.
    fn from_unsorted(mut ranges: Vec<(u32, u32)>) -> NumberSet {
        ranges.iter_mut().for_each(|r| *r = (r.0.min(r.1).max(1), r.0.max(r.1)));
        ranges.retain(|r| r.1 > 0);
        if !ranges.is_sorted() {
            ranges.sort_unstable();
        }
        let mut set = NumberSet { ranges: Vec::with_capacity(ranges.len()) };
        ranges.into_iter().for_each(|(first, last)| set.push_range(first, last));
        set
    }

    /// Adds a range that starts at or after the start of the last one.
    fn push_range(&mut self, first: u32, last: u32) {
        match self.ranges.last_mut() {
            Some(r) if first <= r.1.saturating_add(1) => r.1 = r.1.max(last),
            _ => self.ranges.push((first, last)),
        }
    }

    /// Adds one number: at once if it is at or above the largest, else by inserting into the ranges. 0 is ignored.
    pub fn insert(&mut self, n: u32) {
        if n == 0 || self.contains(n) {
            return;
        }
        if self.last().is_none_or(|last| n > last) {
            return self.push_range(n, n);
        }
        // The first range that ends at or after n - 1: either it touches n, or n goes before it.
        let i = self.ranges.partition_point(|r| r.1 < n - 1);
        let joins_next = |r: &(u32, u32)| n.checked_add(1) == Some(r.0);
        let Some(r) = self.ranges.get_mut(i) else { return self.ranges.push((n, n)) };
        if r.1 == n - 1 {
            r.1 = n;
            if let Some(next) = self.ranges.get(i + 1).copied().filter(joins_next) {
                self.ranges.remove(i + 1);
                if let Some(r) = self.ranges.get_mut(i) {
                    r.1 = next.1;
                }
            }
        } else if joins_next(r) {
            r.0 = n;
        } else {
            self.ranges.insert(i, (n, n));
        }
    }

    /// Whether the number is in the set; logarithmic.
    pub fn contains(&self, n: u32) -> bool {
        let i = self.ranges.partition_point(|r| r.1 < n);
        self.ranges.get(i).is_some_and(|r| r.0 <= n)
    }

    /// Whether it has no number.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers it has (not ranges).
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|r| u64::from(r.1 - r.0) + 1).sum()
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|r| r.0)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|r| r.1)
    }

    /// The ranges, both ends included, ascending, with a gap between each two.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Every number, ascending. A set from the wire may name four billion: bound it first with [`Self::up_to`].
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|r| r.0..=r.1)
    }

    /// Every number as a UID, ascending.
    pub fn uids(&self) -> impl Iterator<Item = Uid> + '_ {
        self.iter().filter_map(Uid::new)
    }

    /// The numbers up to and including `largest`.
    pub fn up_to(&self, largest: u32) -> NumberSet {
        self.intersection(&NumberSet::range(1, largest))
    }

    /// The numbers in both.
    pub fn intersection(&self, other: &NumberSet) -> NumberSet {
        let mut ranges = Vec::new();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (self.ranges.get(i), other.ranges.get(j)) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                ranges.push((first, last));
            }
            if a.1 <= b.1 { i += 1 } else { j += 1 }
        }
        NumberSet { ranges }
    }

    /// The numbers in either.
    pub fn union(&self, other: &NumberSet) -> NumberSet {
        NumberSet::from_unsorted(self.ranges.iter().chain(&other.ranges).copied().collect())
    }

    /// The numbers of `self` that `other` lacks.
    pub fn difference(&self, other: &NumberSet) -> NumberSet {
        let mut ranges = Vec::new();
        let mut j = 0;
        for &(mut first, last) in &self.ranges {
            while other.ranges.get(j).is_some_and(|b| b.1 < first) {
                j += 1;
            }
            let mut k = j;
            while let Some(b) = other.ranges.get(k).filter(|b| b.0 <= last && first <= last) {
                if b.0 > first {
                    ranges.push((first, b.0 - 1));
                }
                let Some(next) = b.1.checked_add(1) else { return NumberSet { ranges } };
                (first, k) = (next, k + 1);
            }
            if first <= last {
                ranges.push((first, last));
            }
            j = k.saturating_sub(1).max(j);
        }
        NumberSet { ranges }
    }

    /// Appends `1:4,7` to an output buffer; nothing for the empty set, which the wire cannot express.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (i, (first, last)) in self.ranges.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            super::write::number(out, u64::from(*first));
            if first != last {
                out.push(b':');
                super::write::number(out, u64::from(*last));
            }
        }
    }
}

impl FromIterator<u32> for NumberSet {
    /// Linear for ascending numbers; others are sorted.
    fn from_iter<I: IntoIterator<Item = u32>>(iter: I) -> Self {
        let mut set = NumberSet::new();
        let mut unsorted = Vec::new();
        for n in iter.into_iter().filter(|n| *n > 0) {
            match set.ranges.last() {
                Some(r) if n < r.0 => unsorted.push((n, n)),
                _ => set.push_range(n, n),
            }
        }
        if unsorted.is_empty() { set } else { set.union(&NumberSet::from_unsorted(unsorted)) }
    }
}

impl FromIterator<Uid> for NumberSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(iter: I) -> Self {
        iter.into_iter().map(Uid::get).collect()
    }
}

impl fmt::Display for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SequenceSet::from(self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_below_the_lower_end_still_names_the_largest_message() {
        assert_eq!(SequenceSet::parse(b"559:*").unwrap().resolve(100).to_string(), "100:559");
        assert_eq!(SequenceSet::parse(b"*:4,5:7").unwrap().resolve(15).to_string(), "4:15");
        assert!(SequenceSet::parse(b"1:*").unwrap().resolve(0).is_empty());
    }

    #[test]
    fn malformed_sets_are_refused() {
        for bad in ["", "0", "1,", ",1", "1:", ":1", "1:2:3", "a", "4294967296", "1 2", "+1", "1:0", "**"] {
            assert_eq!(SequenceSet::parse(bad.as_bytes()), Err(SequenceError::Syntax), "{bad}");
            assert!(NumberSet::parse(bad.as_bytes(), 10).is_err(), "{bad}");
        }
        let many = vec!["1"; MAX_RANGES + 1].join(",");
        assert_eq!(SequenceSet::parse(many.as_bytes()), Err(SequenceError::TooManyRanges));
    }

    #[test]
    fn ranges_are_merged_and_sorted() {
        assert_eq!(NumberSet::parse(b"9,1:3,4,7:5,2", 10).unwrap().to_string(), "1:7,9");
        let top = NumberSet::parse(b"4294967295,4294967294", 10).unwrap();
        assert_eq!((top.to_string().as_str(), top.len()), ("4294967294:4294967295", 2));
    }

    fn model(set: &NumberSet) -> BTreeSet<u32> {
        set.iter().collect()
    }

    proptest! {
        #[test]
        fn sets_behave_like_sets(a in prop::collection::vec(1u32..60, 0..40), b in prop::collection::vec(1u32..60, 0..40)) {
            let (x, y): (NumberSet, NumberSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            let (ma, mb): (BTreeSet<u32>, BTreeSet<u32>) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(model(&x), ma.clone());
            prop_assert_eq!(model(&x.union(&y)), ma.union(&mb).copied().collect());
            prop_assert_eq!(model(&x.intersection(&y)), ma.intersection(&mb).copied().collect());
            prop_assert_eq!(model(&x.difference(&y)), ma.difference(&mb).copied().collect());
            let mut inserted = NumberSet::new();
            a.iter().for_each(|n| inserted.insert(*n));
            prop_assert_eq!(&inserted, &x);
            prop_assert!(x.ranges().windows(2).all(|w| w[0].1 + 1 < w[1].0));
            prop_assert!((1..60).all(|n| x.contains(n) == ma.contains(&n)));
        }

        #[test]
        fn sets_read_back(ends in prop::collection::vec((1u32.., 1u32..), 1..20)) {
            let set = NumberSet::from_unsorted(ends);
            let mut wire = Vec::new();
            set.write(&mut wire);
            prop_assert_eq!(String::from_utf8_lossy(&wire), set.to_string());
            prop_assert_eq!(NumberSet::parse(&wire, MAX_RANGES), Ok(set.clone()));
            prop_assert_eq!(SequenceSet::parse(&wire).unwrap().resolve(7), set);
        }

        #[test]
        fn any_bytes_are_a_set_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(set) = SequenceSet::parse(&bytes) {
                prop_assert_eq!(SequenceSet::parse(set.to_string().as_bytes()), Ok(set));
            }
        }
    }
}
