//! Large bodies: read from the source's objects, hashed, and written as objects of the target under keys of its own, by the
//! same road as any body that comes in. So the contract of uploads holds, a copy that is broken off leaves nothing that the
//! target's collector does not find, and a body that is damaged at the source is noticed before it is copied.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sterna_core::{BlobHash, BlobId};

use super::cell::Cell;
use super::rows::Raw;
use super::table::BLOBS;
use crate::account::Account;
use crate::blob::{BlobWriter, CHUNK, PreparedBlob};
use crate::db::{Tx, blocking, vals};
use crate::error::{Error, Result};

/// Bodies on their way at once, for the sake of a storage that is far away.
const AT_ONCE: usize = 4;

/// Stored bytes of large bodies in one part, about.
const PART: i64 = 32 << 20;

/// Original bytes of a body read at once; a multiple of a chunk.
const PIECE: u64 = 32 * CHUNK as u64;

/// What `blob_chunk` multiplies a body's number by.
const CHUNKS: i64 = 1 << 20;

/// Cuts a page of `blob` into parts that are copied in one transaction each, so that little is done again if the copy is
/// broken off among large bodies.
pub(super) fn parts(page: Vec<Raw>) -> Vec<Vec<Raw>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for row in page {
        bytes += match row.as_slice() {
            [.., Cell::Int(_), Cell::Null] => 0,
            [.., Cell::Int(stored), _] => *stored,
            _ => 0,
        };
        part.push(row);
        if bytes >= PART {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Copies a part of a page of `blob`; the stored bytes of the large bodies in it.
pub(super) async fn copy_part(from: &Account, to: &Account, part: Vec<Raw>) -> Result<u64> {
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for row in part {
        match Body::of(&row)? {
            Some(body) => large.push(body),
            None => small.push(row),
        }
    }
    let bytes = large.iter().map(|body| body.stored).sum();
    let carried = stream::iter(large).map(|body| async move { Ok::<_, Error>((body.carry(from, to).await?, body.id)) });
    let large: Vec<(PreparedBlob, BlobId)> = carried.buffer_unordered(AT_ONCE).try_collect().await?;
    to.write(move |tx| {
        tx.raw_insert(tx.account(), &BLOBS, &small)?;
        large.iter().try_for_each(|(prepared, id)| tx.put_body(prepared, *id))
    })
    .await?;
    Ok(bytes)
}

/// A large body of the source.
struct Body {
    id: BlobId,
    hash: BlobHash,
    stored: u64,
}

impl Body {
    /// `None`: a small one, whose bytes are rows.
    fn of(row: &Raw) -> Result<Option<Body>> {
        let [Cell::Int(id), Cell::Blob(hash), Cell::Int(_), Cell::Int(stored), object] = row.as_slice() else {
            return Err(Error::Corrupt("a row of blob has other columns than it should".into()));
        };
        if *object == Cell::Null {
            return Ok(None);
        }
        let hash = hash.as_slice().try_into().map_err(|_| Error::Corrupt("a blob hash is not 32 bytes".into()))?;
        Ok(Some(Body { id: BlobId(*id as u64), hash: BlobHash(hash), stored: *stored as u64 }))
    }

    async fn carry(&self, from: &Account, to: &Account) -> Result<PreparedBlob> {
        let id = self.id;
        let mut writer = BlobWriter::new(&to.blobs());
        let mut offset = 0;
        loop {
            let piece = from.read(move |tx| tx.blob_range(id, offset, PIECE)).await?;
            if piece.is_empty() {
                break;
            }
            offset += piece.len() as u64;
            writer = blocking(move || {
                writer.write(&piece)?;
                Ok(writer)
            })
            .await?;
        }
        let prepared = blocking(move || writer.finish()).await?;
        if prepared.hash != self.hash {
            return Err(Error::Corrupt(format!("the bytes of body {id} have changed")));
        }
        Ok(prepared)
    }
}

impl Tx<'_> {
    /// Names a body under the number that it has at the source instead of the next one of the account.
    fn put_body(&self, body: &PreparedBlob, id: BlobId) -> Result<()> {
        let given = self.put_blob(body)?;
        self.execute(
            "UPDATE account_state SET next_id = next_id - 1 WHERE account_id = ?1 AND next_id = ?2",
            vals![self.account, given.0 + 1],
        )?;
        self.execute("UPDATE blob SET id = ?3 WHERE account_id = ?1 AND id = ?2", vals![self.account, given, id])?;
        // Rows, if it compresses to less than it did.
        let (first, shift) = (given.0 as i64 * CHUNKS, (id.0 as i64 - given.0 as i64) * CHUNKS);
        self.execute(
            "UPDATE blob_chunk SET id = id + ?4 WHERE account_id = ?1 AND id BETWEEN ?2 AND ?3",
            vals![self.account, first, first + CHUNKS - 1, shift],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_behind_large_bodies() {
        let row = |id: i64, stored: i64, object: Cell| {
            vec![Cell::Int(id), Cell::Blob(vec![0; 32]), Cell::Int(1), Cell::Int(stored), object]
        };
        let object = || Cell::Text("key".into());
        let page =
            vec![row(1, PART, Cell::Null), row(2, PART - 1, object()), row(3, 1, object()), row(4, 9, Cell::Null)];
        assert_eq!(parts(page.clone()), [page[..3].to_vec(), page[3..].to_vec()]);
        assert!(parts(vec![]).is_empty());
    }
}
