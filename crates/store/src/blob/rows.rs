//! The rows that name blobs: storing and releasing.

use sterna_core::BlobId;

use super::write::{Frames, PreparedBlob};
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};

/// Chunks that one blob may have: bodies up to 128 GiB.
pub(super) const MAX_CHUNKS: u64 = 1 << 20;

pub(super) fn chunk_id(blob: BlobId, n: u64) -> u64 {
    blob.0 * MAX_CHUNKS + n
}

impl Tx<'_> {
    /// Names a blob; one that is there already is named again and nothing is written.
    ///
    /// [`Error::Unavailable`] if the collector has taken the object: it waited too long for this, and has to be made
    /// again.
    pub(crate) fn put_blob(&self, blob: &PreparedBlob) -> Result<BlobId> {
        let hash: &[u8] = &blob.hash.0;
        let known =
            self.one("SELECT id FROM blob WHERE account_id = ?1 AND hash = ?2", vals![self.account, hash], |r| {
                Ok(BlobId(r.u64(0)?))
            })?;
        if let Some(id) = known {
            if let Frames::Object(key) = &blob.frames
                && self.end_upload(key)?
            {
                self.discard_object(key)?;
            }
            return Ok(id);
        }
        let object = match &blob.frames {
            Frames::Inline(_) => None,
            Frames::Object(key) if self.end_upload(key)? => Some(key),
            Frames::Object(_) => return Err(Error::Unavailable("a body was cleared away before it was used".into())),
        };
        let id = BlobId(self.next_id()?);
        self.execute(
            "INSERT INTO blob (id, account_id, hash, size, stored, object) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            vals![id, self.account, hash, blob.size, blob.stored, object],
        )?;
        if let Frames::Inline(frames) = &blob.frames {
            let rows: Vec<[Val<'_>; 3]> =
                (0..).zip(frames).map(|(n, data)| [chunk_id(id, n).into(), self.account.into(), data.into()]).collect();
            self.execute_many("INSERT INTO blob_chunk (id, account_id, data) VALUES (?1, ?2, ?3)", &rows)?;
        }
        Ok(id)
    }

    /// Forgets a blob that nothing names any more.
    pub(crate) fn release_blob(&self, id: BlobId) -> Result<()> {
        let object = self.one(
            "DELETE FROM blob WHERE account_id = ?1 AND id = ?2 RETURNING object",
            vals![self.account, id],
            |r| Ok(r.opt_text(0)?.map(str::to_owned)),
        )?;
        match object.flatten() {
            Some(key) => self.discard_object(&key),
            None => self
                .execute(
                    "DELETE FROM blob_chunk WHERE account_id = ?1 AND id BETWEEN ?2 AND ?3",
                    vals![self.account, chunk_id(id, 0), chunk_id(id, MAX_CHUNKS - 1)],
                )
                .map(|_| ()),
        }
    }

    /// Tells that an object of this key is about to be written.
    pub(super) fn begin_upload(&self, key: &str) -> Result<()> {
        self.execute(
            "INSERT INTO blob_upload (account_id, object, started) VALUES (?1, ?2, ?3)",
            vals![self.account, key, self.db_seconds()?],
        )?;
        Ok(())
    }

    /// Whether the object is still nobody's.
    pub(super) fn is_upload(&self, key: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM blob_upload WHERE account_id = ?1 AND object = ?2";
        Ok(self.one(sql, vals![self.account, key], |_| Ok(()))?.is_some())
    }

    /// Takes the object out of the collector's sight; `false` if it was taken already.
    fn end_upload(&self, key: &str) -> Result<bool> {
        let sql = "DELETE FROM blob_upload WHERE account_id = ?1 AND object = ?2";
        Ok(self.execute(sql, vals![self.account, key])? > 0)
    }

    /// Gives an object that no row names to the collector.
    fn discard_object(&self, key: &str) -> Result<()> {
        self.execute(
            "INSERT INTO blob_garbage (account_id, object, since) VALUES (?1, ?2, ?3)",
            vals![self.account, key, self.db_seconds()?],
        )?;
        Ok(())
    }
}
