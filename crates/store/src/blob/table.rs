//! The table at the end of an object, which tells where each frame lies; and a small cache of such tables.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::CHUNK;
use super::rows::MAX_CHUNKS;
use crate::error::{Error, Result};

/// Bytes of all cached tables. A body of 2 GB has a table of 128 KiB.
const CACHE_MAX: usize = 8 << 20;

/// Tables in the cache: bounds the search for one.
const CACHED_MAX: usize = 256;

/// The shape of an object, as its row in `blob` tells it: enough to know where the table is before reading anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Chunks of the body.
    pub frames: u64,
    /// Bytes of all frames: where the table begins.
    pub stored: u64,
}

impl Shape {
    /// `size`: bytes of the body.
    pub fn new(size: u64, stored: u64) -> Result<Shape> {
        let frames = size.div_ceil(CHUNK as u64);
        if frames > MAX_CHUNKS || stored > 2 * MAX_CHUNKS * CHUNK as u64 {
            return Err(Error::Corrupt(format!("a body of {size} bytes is larger than any")));
        }
        Ok(Shape { frames, stored })
    }

    /// Where the table lies.
    pub fn table(&self) -> Range<u64> {
        self.stored..self.length()
    }

    /// Bytes of the object.
    pub fn length(&self) -> u64 {
        self.stored + 4 * self.frames + 4
    }
}

/// Where each frame of an object begins, and where the last one ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table(Vec<u64>);

/// The table's bytes: the length of each frame, then how many there are.
pub(super) fn encode(frames: &[u32]) -> Vec<u8> {
    frames.iter().chain([&(frames.len() as u32)]).flat_map(|n| n.to_le_bytes()).collect()
}

impl Table {
    /// `None` if it is not the table of an object of that shape.
    pub fn parse(bytes: &[u8], shape: Shape) -> Option<Table> {
        let (entries, rest) = bytes.as_chunks::<4>();
        let (count, lengths) = entries.split_last()?;
        let counts_fit = rest.is_empty()
            && u64::from(u32::from_le_bytes(*count)) == shape.frames
            && lengths.len() as u64 == shape.frames;
        let mut starts = Vec::with_capacity(entries.len());
        starts.push(0);
        let mut end = 0;
        starts.extend(lengths.iter().map(|length| {
            end += u64::from(u32::from_le_bytes(*length));
            end
        }));
        (counts_fit && end == shape.stored).then_some(Table(starts))
    }

    /// Where frame `n` begins; for the number of frames, where the last one ends.
    pub fn start(&self, n: u64) -> Option<u64> {
        self.0.get(usize::try_from(n).ok()?).copied()
    }

    fn memory(&self) -> usize {
        self.0.len() * size_of::<u64>()
    }
}

/// Tables read last, oldest first. An object never changes, so that a table is good as long as its object exists.
#[derive(Default)]
pub(super) struct Tables(Mutex<VecDeque<(String, Arc<Table>)>>);

impl Tables {
    pub fn get(&self, object: &str) -> Option<Arc<Table>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|(key, _)| key == object)?;
        let entry = kept.remove(at)?;
        let table = entry.1.clone();
        kept.push_back(entry);
        Some(table)
    }

    pub fn put(&self, object: String, table: Arc<Table>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((object, table));
        let mut memory: usize = kept.iter().map(|(_, table)| table.memory()).sum();
        while memory > CACHE_MAX || kept.len() > CACHED_MAX {
            let Some((_, oldest)) = kept.pop_front() else { break };
            memory -= oldest.memory();
        }
    }

    pub fn forget(&self, object: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(key, _)| key != object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_and_a_damaged_one_is_refused() {
        let shape = Shape::new(3 * CHUNK as u64 - 5, 60).unwrap();
        let bytes = encode(&[10, 20, 30]);
        assert_eq!(shape.table(), 60..60 + bytes.len() as u64);
        let table = Table::parse(&bytes, shape).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(|n| table.start(n)), [Some(0), Some(10), Some(30), Some(60), None]);
        for damaged in [encode(&[10, 20, 31]), encode(&[30, 30]), bytes[..15].to_vec(), bytes[4..].to_vec(), vec![]] {
            assert_eq!(Table::parse(&damaged, shape), None, "{damaged:?}");
        }
    }

    #[test]
    fn the_cache_keeps_what_was_used_last_within_its_bound() {
        let tables = Tables::default();
        let quarter = || Arc::new(Table(vec![0; CACHE_MAX / 4 / size_of::<u64>()]));
        for key in ["a", "b", "c", "d"] {
            tables.put(key.into(), quarter());
        }
        assert!(tables.get("a").is_some());
        tables.put("e".into(), quarter());
        assert_eq!(["a", "b", "c", "d", "e"].map(|k| tables.get(k).is_some()), [true, false, true, true, true]);
        tables.forget("a");
        assert!(tables.get("a").is_none());
    }
}
