//! Reads a range of a body by decompressing just the chunks it touches.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sterna_core::{BlobHash, BlobId};

use super::rows::{MAX_CHUNKS, chunk_id};
use super::{CHUNK, frame, write::blob_path};
use crate::db::{Tx, vals};
use crate::error::{Error, Result};

impl Tx<'_> {
    /// The whole body. For bodies whose size the caller has bounded; stream larger ones by [`Tx::blob_range`].
    pub fn blob(&self, id: BlobId) -> Result<Vec<u8>> {
        self.blob_range(id, 0, u64::MAX)
    }

    /// At most `length` bytes from `offset`; fewer where the body ends. Reading in multiples of [`CHUNK`] decompresses
    /// nothing twice.
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
            let row = self
                .one(
                    "SELECT hash, in_file FROM blob WHERE account_id = ?1 AND id = ?2",
                    vals![self.account, id],
                    |r| Ok((hash(r.blob(0)?)?, r.bool(1)?)),
                )?
                .ok_or_else(|| Error::NotFound(format!("body {id}")))?;
            match row {
                (hash, true) => read_file(&blob_path(self.home, hash), first, last, out)?,
                (_, false) => return Ok(()),
            }
        }
        // Cut what the first and the last chunk hold beyond the range.
        let skip = usize::try_from(offset - first * CHUNK as u64).unwrap_or(usize::MAX).min(out.len() - start);
        let have = (out.len() - start - skip) as u64;
        out.truncate(start + skip + have.min(length) as usize);
        out.drain(start..start + skip);
        Ok(())
    }
}

pub(super) fn hash(bytes: &[u8]) -> Result<BlobHash> {
    bytes.try_into().map(BlobHash).map_err(|_| Error::Corrupt("a blob hash is not 32 bytes".into()))
}

fn read_file(path: &Path, first: u64, last: u64, out: &mut Vec<u8>) -> Result<()> {
    let io = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::Corrupt(format!("body file {} is missing", path.display())),
        _ => Error::io("read", path, &e),
    };
    let short = || Error::Corrupt(format!("body file {} is too short", path.display()));
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut count = [0; 4];
    file.read_exact_at(&mut count, length.checked_sub(4).ok_or_else(short)?).map_err(io)?;
    let count = u64::from(u32::from_le_bytes(count));
    let table_at = length.checked_sub(4 + 4 * count).ok_or_else(short)?;
    let mut table = vec![0; 4 * count as usize];
    file.read_exact_at(&mut table, table_at).map_err(io)?;
    let mut at = 0;
    for (n, entry) in (0u64..).zip(table.as_chunks::<4>().0) {
        let length = u32::from_le_bytes(*entry);
        if n >= first && n <= last {
            let mut frame = vec![0; length as usize];
            file.read_exact_at(&mut frame, at).map_err(io)?;
            frame::decompress(&frame, out)?;
        }
        at += u64::from(length);
    }
    Ok(())
}
