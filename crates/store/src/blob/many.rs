//! Small bodies of a batch, named in a number of statements that does not grow with it. Large ones go one by one
//! through [`Tx::put_blob`].

use std::collections::HashMap;

use sterna_core::{BlobHash, BlobId};

use super::rows::chunk_id;
use super::write::{Frames, PreparedBlob};
use crate::db::{Tx, Val, vals};
use crate::error::Result;

impl PreparedBlob {
    /// Its bytes are at hand and will be rows.
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.frames, Frames::Inline(_))
    }
}

impl Tx<'_> {
    /// Those of the bodies that have a number.
    pub(crate) fn find_blobs(&self, hashes: &[BlobHash]) -> Result<HashMap<BlobHash, BlobId>> {
        let values: Vec<Val<'_>> = hashes.iter().map(|hash| Val::Blob(&hash.0)).collect();
        let mut known = HashMap::new();
        self.each_in("SELECT hash, id FROM blob WHERE account_id = ?1 AND hash", vals![self.account], &values, |r| {
            known.insert(super::read::hash(r.blob(0)?)?, BlobId(r.u64(1)?));
            Ok(())
        })?;
        Ok(known)
    }

    /// Writes bodies that are not here yet, under numbers that were taken for them. Only those that are inline.
    pub(crate) fn insert_blobs(&self, blobs: &[(BlobId, &PreparedBlob)]) -> Result<()> {
        let rows: Vec<_> = blobs
            .iter()
            .map(|(id, blob)| {
                let hash: &[u8] = &blob.hash.0;
                [(*id).into(), self.account.into(), hash.into(), blob.size.into(), blob.stored.into()]
            })
            .collect();
        self.execute_many("INSERT INTO blob (id, account_id, hash, size, stored) VALUES (?1, ?2, ?3, ?4, ?5)", &rows)?;
        let mut chunks: Vec<[Val<'_>; 3]> = Vec::new();
        for (id, blob) in blobs {
            if let Frames::Inline(frames) = &blob.frames {
                let rows =
                    (0..).zip(frames).map(|(n, data)| [chunk_id(*id, n).into(), self.account.into(), data.into()]);
                chunks.extend(rows);
            }
        }
        self.execute_many("INSERT INTO blob_chunk (id, account_id, data) VALUES (?1, ?2, ?3)", &chunks)
    }
}
