//! Reads a range of a body by decompressing just the chunks it touches.

use sterna_core::{BlobHash, BlobId};

use super::rows::{MAX_CHUNKS, chunk_id};
use super::table::Shape;
use super::{CHUNK, Objects, frame};
use crate::account::Account;
use crate::db::{Tx, blocking, vals};
use crate::error::{Error, Result};

/// Compressed bytes that are read from an object at once: bounds what a long read holds beside its result.
const PIECE: u64 = 4 << 20;

/// The frames that a range of a body touches, and what of them is beyond the range.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    last: u64,
    offset: u64,
    length: u64,
}

impl Span {
    /// `None` for an empty range.
    fn new(offset: u64, length: u64) -> Option<Span> {
        let last = (offset.saturating_add(length).checked_sub(1)? / CHUNK as u64).min(MAX_CHUNKS - 1);
        let first = (offset / CHUNK as u64).min(MAX_CHUNKS - 1);
        (length > 0).then_some(Span { first, last, offset, length })
    }

    /// Cuts what the first and the last frame, decompressed behind `start`, hold beyond the range.
    fn cut(self, start: usize, out: &mut Vec<u8>) {
        let skip =
            usize::try_from(self.offset - self.first * CHUNK as u64).unwrap_or(usize::MAX).min(out.len() - start);
        let have = (out.len() - start - skip) as u64;
        out.truncate(start + skip + have.min(self.length) as usize);
        out.drain(start..start + skip);
    }
}

/// Where the frames of a body are.
enum Found {
    /// They were rows, and are appended.
    Rows,
    Object(String, Shape),
}

impl Tx<'_> {
    /// The whole body. For bodies whose size the caller has bounded; stream larger ones by [`Account::blob_range`].
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
        let Some(span) = Span::new(offset, length) else { return Ok(()) };
        let start = out.len();
        if let Found::Object(key, shape) = self.find_frames(id, span, out)? {
            self.objects.append(&key, shape, (span.first, span.last), out)?;
        }
        span.cut(start, out);
        Ok(())
    }

    /// Appends the frames of a body whose frames are rows.
    fn find_frames(&self, id: BlobId, span: Span, out: &mut Vec<u8>) -> Result<Found> {
        let (mut first, before) = (span.first, out.len());
        let mut any = false;
        if first == 0 && self.is_shared() && self.first_frame_ahead(id, out)? {
            if span.last == 0 || out.len() - before < CHUNK {
                return Ok(Found::Rows);
            }
            (first, any) = (1, true);
        }
        self.each(
            "SELECT data FROM blob_chunk WHERE account_id = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id",
            vals![self.account, chunk_id(id, first), chunk_id(id, span.last)],
            |row| {
                any = true;
                frame::decompress(row.blob(0)?, out)
            },
        )?;
        if any {
            return Ok(Found::Rows);
        }
        // A large body, an empty one, or a range behind the end.
        let (size, stored, object) = self
            .one(
                "SELECT size, stored, object FROM blob WHERE account_id = ?1 AND id = ?2",
                vals![self.account, id],
                |r| Ok((r.u64(0)?, r.u64(1)?, r.opt_text(2)?.map(str::to_owned))),
            )?
            .ok_or_else(|| Error::NotFound(format!("body {id}")))?;
        match object {
            Some(key) => Ok(Found::Object(key, Shape::new(size, stored)?)),
            None => Ok(Found::Rows),
        }
    }
}

impl Account {
    /// As [`Tx::blob_range`], but a large body is read when the transaction has ended: a service that is slow holds no
    /// connection to the database.
    pub async fn blob_range(&self, id: BlobId, offset: u64, length: u64) -> Result<Vec<u8>> {
        let Some(span) = Span::new(offset, length) else { return Ok(Vec::new()) };
        let (found, mut out) = self
            .read(move |tx| {
                let mut out = Vec::new();
                Ok((tx.find_frames(id, span, &mut out)?, out))
            })
            .await?;
        let blobs = self.blobs();
        let Found::Object(key, shape) = found else {
            span.cut(0, &mut out);
            return Ok(out);
        };
        blocking(move || {
            blobs.db.objects.append(&key, shape, (span.first, span.last), &mut out)?;
            span.cut(0, &mut out);
            Ok(out)
        })
        .await
    }
}

impl Objects {
    /// Appends the original bytes of the frames from `first` to `last`, as far as there are such.
    fn append(&self, key: &str, shape: Shape, (first, last): (u64, u64), out: &mut Vec<u8>) -> Result<()> {
        let last = last.min(shape.frames.saturating_sub(1));
        if first > last || shape.frames == 0 {
            return Ok(());
        }
        let damaged = || Error::Corrupt(format!("the frames of body {key} do not fit its table"));
        let table = self.table(key, shape)?;
        let start = |n| table.start(n).ok_or_else(damaged);
        let mut n = first;
        while n <= last {
            let from = start(n)?;
            let mut next = n + 1;
            while next <= last && start(next + 1)? - from <= PIECE {
                next += 1;
            }
            let piece = self.read(key, shape, from..start(next)?)?;
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
