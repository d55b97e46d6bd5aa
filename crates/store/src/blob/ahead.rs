//! Small bodies read ahead: who reads the body of one message of a page mostly reads the next ones, too.
//!
//! Only where a statement is a round trip. The first frame of several bodies is fetched by one question, and forgotten
//! when the page moves on.

use std::collections::{HashMap, VecDeque};

use sterna_core::BlobId;

use super::rows::{MAX_CHUNKS, chunk_id};
use super::{CHUNK, frame};
use crate::db::{Tx, Val, vals};
use crate::error::Result;

/// Original bytes that are read ahead: about what one answer to a client holds.
const BYTES: u64 = 256 * 1024;

/// Bodies that are read ahead.
const BODIES: usize = 64;

/// The bodies of a page of messages.
#[derive(Default)]
pub(crate) struct Ahead {
    /// With their sizes, from the present message on.
    coming: VecDeque<(BlobId, u64)>,
    /// `None`: it has no frame in a row.
    first_frames: HashMap<BlobId, Option<Vec<u8>>>,
}

impl Ahead {
    /// A page begins with these messages.
    pub fn begin(&mut self, coming: VecDeque<(BlobId, u64)>) {
        *self = Ahead { coming, ..Ahead::default() };
    }

    /// The page has come to this message.
    pub fn advance(&mut self, blob: BlobId) {
        while let Some((passed, _)) = self.coming.front().copied().filter(|(id, _)| *id != blob) {
            self.coming.pop_front();
            // A later message may have the same body.
            if !self.coming.iter().take(BODIES).any(|(id, _)| *id == passed) {
                self.first_frames.remove(&passed);
            }
        }
    }

    /// What to ask for where `blob` is wanted: it and those behind it. Nothing if it is not the present message's.
    fn wanted(&self, blob: BlobId) -> Vec<BlobId> {
        if self.coming.front().is_none_or(|(id, _)| *id != blob) {
            return Vec::new();
        }
        let mut bytes = 0;
        let fits = |(n, (_, size)): &(usize, &(BlobId, u64))| {
            bytes += size.min(&(CHUNK as u64));
            *n == 0 || bytes <= BYTES
        };
        self.coming.iter().take(BODIES).enumerate().take_while(fits).map(|(_, (id, _))| *id).collect()
    }
}

impl Tx<'_> {
    /// Appends the original bytes of a body's first frame if it is, or is now, read ahead.
    pub(super) fn first_frame_ahead(&self, blob: BlobId, out: &mut Vec<u8>) -> Result<bool> {
        if !self.ahead.borrow().first_frames.contains_key(&blob) {
            let wanted = self.ahead.borrow().wanted(blob);
            if wanted.is_empty() {
                return Ok(false);
            }
            let mut found: HashMap<BlobId, Option<Vec<u8>>> = wanted.iter().map(|id| (*id, None)).collect();
            let chunks: Vec<Val<'_>> = wanted.iter().map(|id| chunk_id(*id, 0).into()).collect();
            self.each_in(
                "SELECT id, data FROM blob_chunk WHERE account_id = ?1 AND id",
                vals![self.account],
                &chunks,
                |row| {
                    found.insert(BlobId(row.u64(0)? / MAX_CHUNKS), Some(row.blob(1)?.to_vec()));
                    Ok(())
                },
            )?;
            self.ahead.borrow_mut().first_frames.extend(found);
        }
        match self.ahead.borrow().first_frames.get(&blob) {
            Some(Some(first)) => frame::decompress(first, out).map(|()| true),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(sizes: &[u64]) -> Ahead {
        let mut ahead = Ahead::default();
        ahead.begin(sizes.iter().enumerate().map(|(n, size)| (BlobId(n as u64), *size)).collect());
        ahead
    }

    #[test]
    fn as_much_is_read_ahead_as_one_answer_holds() {
        assert_eq!(ahead(&[1000; 100]).wanted(BlobId(0)).len(), BODIES);
        assert_eq!(ahead(&[100_000; 100]).wanted(BlobId(0)).len(), 2);
        assert_eq!(ahead(&[1 << 30, 1]).wanted(BlobId(0)), [BlobId(0), BlobId(1)]);
    }

    #[test]
    fn only_the_present_message_asks_and_what_is_passed_is_forgotten() {
        let mut ahead = ahead(&[10, 10, 10]);
        assert!(ahead.wanted(BlobId(1)).is_empty());
        ahead.first_frames = [(BlobId(0), None), (BlobId(1), None)].into();
        ahead.advance(BlobId(1));
        assert_eq!(ahead.first_frames.keys().copied().collect::<Vec<_>>(), [BlobId(1)]);
        assert_eq!(ahead.wanted(BlobId(1)), [BlobId(1), BlobId(2)]);
    }
}
