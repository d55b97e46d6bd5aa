//! Uploads of large bodies in parts, read from the spool file as they go: a few parts are in memory, never the body.

use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::super::spool::Spool;
use super::{PART, S3};
use crate::error::{Error, Result};

/// Parts of one body under way at a time.
const PARTS: usize = 4;

/// Parts that an upload may have; a body beyond [`PART`] times that many has larger ones.
const MAX_PARTS: u64 = 10_000;

impl S3 {
    pub(super) fn put_parts(&self, path: &Path, spool: &Spool) -> Result<()> {
        let id = self.requests.one(|| {
            let (store, retry, path) = (self.store.clone(), self.retry, path.clone());
            Ok(async move { retry.until_done("begin a body", || store.create_multipart(&path)).await })
        })?;
        let stored = self.send_parts(path, &id, spool);
        if stored.is_err() {
            self.abort(path, &id);
        }
        stored
    }

    fn send_parts(&self, path: &Path, id: &str, spool: &Spool) -> Result<()> {
        let length = spool.length();
        let part = length.div_ceil(MAX_PARTS).max(PART as u64);
        let count = usize::try_from(length.div_ceil(part)).unwrap_or_default();
        let (parts, sent) = self.requests.each(count, PARTS, |n| {
            let offset = n as u64 * part;
            let body = PutPayload::from(spool.read(offset, part.min(length - offset) as usize)?);
            let (store, retry, path, id) = (self.store.clone(), self.retry, path.clone(), id.to_owned());
            Ok(async move {
                retry.until_done("store a part of a body", || store.put_part(&path, &id, n, body.clone())).await
            })
        });
        sent?;
        let parts: Option<Vec<_>> = parts.into_iter().collect();
        let parts = parts.ok_or_else(|| Error::Internal("a part of a body has no answer".into()))?;
        self.requests.one(|| {
            let (store, retry, path, id) = (self.store.clone(), self.retry, path.clone(), id.to_owned());
            let complete = move || {
                let (store, path, id, parts) = (store.clone(), path.clone(), id.clone(), parts.clone());
                async move {
                    let completed = store.complete_multipart(&path, &id, parts).await;
                    // The answer of an earlier attempt may have been lost; no other upload has this key.
                    match completed {
                        Err(e) => match store.head(&path).await {
                            Ok(meta) if meta.size == length => Ok(()),
                            _ => Err(e),
                        },
                        Ok(_) => Ok(()),
                    }
                }
            };
            Ok(async move { retry.until_done("complete a body", complete).await })
        })
    }

    /// Frees what the service holds of an upload. One attempt: where it fails too, the bucket's own rule for unfinished
    /// uploads has to do it.
    fn abort(&self, path: &Path, id: &str) {
        let aborted = self.requests.one(|| {
            let (store, retry, path, id) = (self.store.clone(), self.retry.once(), path.clone(), id.to_owned());
            Ok(async move { retry.until_done("abort a body", || store.abort_multipart(&path, &id)).await })
        });
        if let Err(e) = aborted {
            tracing::warn!(error = %e, %path, "an unfinished upload stays in the object storage");
        }
    }
}
