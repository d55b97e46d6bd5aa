//! The rows that name blobs: storing, releasing, clearing away.

use sterna_core::{BlobHash, BlobId};

use super::write::{Frames, PreparedBlob, blob_path};
use super::{BLOBS, INCOMING, read};
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};

/// Chunks that one blob may have: bodies up to 128 GiB.
pub(super) const MAX_CHUNKS: u64 = 1 << 20;

pub(super) fn chunk_id(blob: BlobId, n: u64) -> u64 {
    blob.0 * MAX_CHUNKS + n
}

impl Tx<'_> {
    /// Names a blob; one that is there already is named again and nothing is written.
    pub(crate) fn put_blob(&self, blob: &PreparedBlob) -> Result<BlobId> {
        let hash: &[u8] = &blob.hash.0;
        let known =
            self.one("SELECT id FROM blob WHERE account_id = ?1 AND hash = ?2", vals![self.account, hash], |r| {
                Ok(BlobId(r.u64(0)?))
            })?;
        if let Some(id) = known {
            return Ok(id);
        }
        let id = BlobId(self.next_id()?);
        let in_file = matches!(blob.frames, Frames::File(_));
        self.execute(
            "INSERT INTO blob (id, account_id, hash, size, stored, in_file) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            vals![id, self.account, hash, blob.size, blob.stored, in_file],
        )?;
        match &blob.frames {
            Frames::Inline(frames) => {
                let rows: Vec<[Val<'_>; 3]> = (0..)
                    .zip(frames)
                    .map(|(n, data)| [chunk_id(id, n).into(), self.account.into(), data.into()])
                    .collect();
                self.execute_many("INSERT INTO blob_chunk (id, account_id, data) VALUES (?1, ?2, ?3)", &rows)?;
            }
            Frames::File(from) => {
                let to = blob_path(self.home, blob.hash);
                std::fs::rename(from, &to).map_err(|e| Error::io("store", &to, &e))?;
                self.dirty_dirs.borrow_mut().insert(self.home.join(BLOBS));
                self.execute(
                    "DELETE FROM blob_garbage WHERE account_id = ?1 AND hash = ?2",
                    vals![self.account, hash],
                )?;
            }
        }
        Ok(id)
    }

    /// Forgets a blob that nothing names any more.
    pub(crate) fn release_blob(&self, id: BlobId) -> Result<()> {
        self.execute(
            "INSERT INTO blob_garbage (account_id, hash) SELECT account_id, hash FROM blob \
             WHERE account_id = ?1 AND id = ?2 AND in_file = 1 ON CONFLICT DO NOTHING",
            vals![self.account, id],
        )?;
        self.execute(
            "DELETE FROM blob_chunk WHERE account_id = ?1 AND id BETWEEN ?2 AND ?3",
            vals![self.account, chunk_id(id, 0), chunk_id(id, MAX_CHUNKS - 1)],
        )?;
        self.execute("DELETE FROM blob WHERE account_id = ?1 AND id = ?2", vals![self.account, id])?;
        Ok(())
    }

    /// Removes the files of released blobs. Runs in a write transaction, so that none comes back meanwhile.
    pub(crate) fn sweep_blobs(&self) -> Result<usize> {
        let hashes = self.query("SELECT hash FROM blob_garbage WHERE account_id = ?1", vals![self.account], |r| {
            read::hash(r.blob(0)?)
        })?;
        hashes.iter().try_for_each(|hash| remove(&blob_path(self.home, *hash)))?;
        self.execute("DELETE FROM blob_garbage WHERE account_id = ?1", vals![self.account])?;
        Ok(hashes.len())
    }

    /// Removes files that a crash left: temporary ones, and blobs whose transaction never committed.
    /// Only for a database that this process has just opened and does not use yet.
    pub(crate) fn sweep_leftovers(&self) -> Result<()> {
        let list = |dir: &str| -> Result<Vec<std::path::PathBuf>> {
            let dir = self.home.join(dir);
            match std::fs::read_dir(&dir) {
                Ok(entries) => Ok(entries.filter_map(|e| e.ok().map(|e| e.path())).collect()),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(e) => Err(Error::io("read", &dir, &e)),
            }
        };
        for path in list(INCOMING)? {
            remove(&path)?;
        }
        for path in list(BLOBS)? {
            let hash = path.file_name().and_then(|n| n.to_str()).and_then(parse_hash);
            let named = match hash {
                Some(h) => self.has_blob(h)?,
                None => false,
            };
            if !named {
                remove(&path)?;
            }
        }
        Ok(())
    }

    pub(crate) fn has_blob(&self, hash: BlobHash) -> Result<bool> {
        let row = self.one(
            "SELECT 1 FROM blob WHERE account_id = ?1 AND hash = ?2",
            vals![self.account, &hash.0[..]],
            |_| Ok(()),
        )?;
        Ok(row.is_some())
    }
}

fn remove(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &e)),
        _ => Ok(()),
    }
}

fn parse_hash(name: &str) -> Option<BlobHash> {
    blake3::Hash::from_hex(name).ok().map(|h| BlobHash(*h.as_bytes()))
}
