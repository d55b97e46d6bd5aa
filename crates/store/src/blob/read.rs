//! Reads a range of a body by decompressing just the chunks it touches.

use sterna_core::{BlobHash, BlobId};

use super::rows::{MAX_CHUNKS, chunk_id};
use super::table::Shape;
use super::{CHUNK, frame};
use crate::db::{Tx, vals};
use crate::error::{Error, Result};

/// Compressed bytes that are read from an object at once: bounds what a long read holds beside its result.
const PIECE: u64 = 4 << 20;

impl Tx<'_> {
    /// The whole body. For bodies whose size the caller has bounded; stream larger ones by [`Tx::blob_range`].
    pub fn blob(&self, id: BlobId) -> Result<Vec<u8>> {
        self.blob_range(id, 0, u64::MAX)
    }

    /// At most `length` bytes from `offset`; fewer where the body ends. Reading in multiples of [`CHUNK`] decompresses
    /// nothing twice; of a large body, where each read may be a request over a network, take several.
    pub fn blob_range(&self, id: BlobId, offset: u64, length: u64) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.blob_append(id, offset, length, &mut out)?;
        Ok(out)
    }

    /// The same, added to the end of `out`.
    pub fn blob_append(&self, id: BlobId, offset: u64, length: u64, out: &mut Vec<u8>) -> Result<()> {
        let end = offset.saturating_add(length);
        if length == 0 {
            return Ok(());
        }
        let first = (offset / CHUNK as u64).min(MAX_CHUNKS - 1);
        let last = ((end - 1) / CHUNK as u64).min(MAX_CHUNKS - 1);
        let start = out.len();
        let mut any = false;
        self.each(
            "SELECT data FROM blob_chunk WHERE account_id = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id",
            vals![self.account, chunk_id(id, first), chunk_id(id, last)],
            |row| {
                any = true;
                frame::decompress(row.blob(0)?, out)
            },
        )?;
        if !any {
            // A large body, an empty one, or a range behind the end.
            let (size, stored, object) = self
                .one(
                    "SELECT size, stored, object FROM blob WHERE account_id = ?1 AND id = ?2",
                    vals![self.account, id],
                    |r| Ok((r.u64(0)?, r.u64(1)?, r.opt_text(2)?.map(str::to_owned))),
                )?
                .ok_or_else(|| Error::NotFound(format!("body {id}")))?;
            match object {
                Some(key) => self.read_object(&key, Shape::new(size, stored)?, first, last, out)?,
                None => return Ok(()),
            }
        }
        // Cut what the first and the last chunk hold beyond the range.
        let skip = usize::try_from(offset - first * CHUNK as u64).unwrap_or(usize::MAX).min(out.len() - start);
        let have = (out.len() - start - skip) as u64;
        out.truncate(start + skip + have.min(length) as usize);
        out.drain(start..start + skip);
        Ok(())
    }

    /// Appends the original bytes of the frames from `first` to `last`, as far as there are such.
    fn read_object(&self, key: &str, shape: Shape, first: u64, last: u64, out: &mut Vec<u8>) -> Result<()> {
        let last = last.min(shape.frames.saturating_sub(1));
        if first > last || shape.frames == 0 {
            return Ok(());
        }
        let damaged = || Error::Corrupt(format!("the frames of body {key} do not fit its table"));
        let table = self.objects.table(key, shape)?;
        let start = |n| table.start(n).ok_or_else(damaged);
        let mut n = first;
        while n <= last {
            let from = start(n)?;
            let mut next = n + 1;
            while next <= last && start(next + 1)? - from <= PIECE {
                next += 1;
            }
            let piece = self.objects.read(key, shape, from..start(next)?)?;
            for n in n..next {
                let frame = (start(n)? - from) as usize..(start(n + 1)? - from) as usize;
                frame::decompress(piece.get(frame).ok_or_else(damaged)?, out)?;
            }
            n = next;
        }
        Ok(())
    }
}

pub(super) fn hash(bytes: &[u8]) -> Result<BlobHash> {
    bytes.try_into().map(BlobHash).map_err(|_| Error::Corrupt("a blob hash is not 32 bytes".into()))
}
