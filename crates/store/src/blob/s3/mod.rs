//! Objects of an S3-compatible service.
//!
//! Callers are blocking threads. Requests run on a thread of the store's own ([`requests`]); uploads in parts are in
//! [`upload`]. A request that fails is tried again until `retry_for` has passed; what then still fails is
//! [`Error::Unavailable`]. An object that should be there and is missing, or is of another length, is
//! [`Error::Corrupt`], never short data.

mod requests;
mod retry;
mod upload;

use std::ops::Range;
use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error as S3Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};

use super::spool::Spool;
use crate::config::S3Config;
use crate::error::{Error, Result};
use requests::Requests;
use retry::Retry;

/// Bytes of one PUT; a larger body is uploaded in parts of this size.
const PART: usize = 8 << 20;

/// Deletions of one caller at a time.
const DELETIONS: usize = 8;

/// The service and the bucket.
pub(super) struct S3 {
    store: Arc<AmazonS3>,
    requests: Requests,
    retry: Retry,
    prefix: String,
}

impl S3 {
    pub fn open(config: &S3Config) -> Result<S3> {
        let client = ClientOptions::new()
            .with_timeout(config.timeout)
            .with_connect_timeout(config.timeout.min(std::time::Duration::from_secs(5)))
            .with_allow_http(config.endpoint.starts_with("http://"));
        let store = AmazonS3Builder::new()
            .with_endpoint(config.endpoint.trim_end_matches('/'))
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(&config.secret_access_key)
            .with_virtual_hosted_style_request(false)
            .with_client_options(client)
            // Tried again by ourselves: the crate would give up in the middle of a body, and on anything but GET and PUT.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .build()
            .map_err(|e| Error::Invalid(format!("the object storage cannot be used as configured: {e}")))?;
        let retry = Retry { timeout: config.timeout, retry_for: config.retry_for };
        Ok(S3 { store: Arc::new(store), requests: Requests::new(retry.limit())?, retry, prefix: config.prefix.clone() })
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// Stores the spooled bytes.
    pub fn put(&self, name: &str, spool: &Spool) -> Result<()> {
        let path = self.path(name);
        if spool.length() > PART as u64 {
            return self.put_parts(&path, spool);
        }
        self.requests.one(|| {
            let body = PutPayload::from(spool.read(0, spool.length() as usize)?);
            let (store, retry) = (self.store.clone(), self.retry);
            Ok(async move { retry.until_done("store a body", || store.put(&path, body.clone())).await.map(|_| ()) })
        })
    }

    /// Exactly the bytes of `range` of an object that has `length` bytes.
    pub fn get(&self, name: &str, length: u64, range: Range<u64>) -> Result<Vec<u8>> {
        let path = self.path(name);
        let (store, retry) = (self.store.clone(), self.retry);
        let found = self.requests.one(|| {
            Ok(async move { retry.until_done("read a body", || get(&store, &path, length, range.clone())).await })
        })?;
        found.map(|bytes| bytes.to_vec()).map_err(|why| Error::Corrupt(format!("body {name} {why}")))
    }

    /// Deletes objects, absent ones too: whether each is gone for sure, and what stopped the others.
    pub fn delete(&self, names: &[String]) -> (Vec<bool>, Result<()>) {
        let (gone, result) = self.requests.each(names.len(), DELETIONS, |n| {
            let path = self.path(names.get(n).map(String::as_str).unwrap_or_default());
            let (store, retry) = (self.store.clone(), self.retry);
            Ok(async move {
                let delete = || async {
                    match store.delete(&path).await {
                        Err(S3Error::NotFound { .. }) => Ok(()),
                        result => result,
                    }
                };
                retry.until_done("delete a body", delete).await
            })
        });
        (gone.iter().map(Option::is_some).collect(), result)
    }
}

/// Why an object is not what its row says.
type Damage = &'static str;

/// One attempt to read a range. The outer error is one of the attempt, the inner one of the object.
async fn get(
    store: &AmazonS3,
    path: &Path,
    length: u64,
    range: Range<u64>,
) -> object_store::Result<Result<bytes::Bytes, Damage>> {
    const MISSING: Damage = "is missing";
    const OTHER_LENGTH: Damage = "is of another length";
    let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
    let found = match store.get_opts(path, options).await {
        Err(S3Error::NotFound { .. }) => return Ok(Err(MISSING)),
        // A range behind the end is refused like any bad request: ask how long the object is.
        Err(e @ S3Error::Generic { .. }) => {
            return match store.head(path).await {
                Ok(meta) if meta.size != length => Ok(Err(OTHER_LENGTH)),
                _ => Err(e),
            };
        }
        result => result?,
    };
    if found.meta.size != length {
        return Ok(Err(OTHER_LENGTH));
    }
    let bytes = found.bytes().await?;
    if bytes.len() as u64 != range.end - range.start {
        let short = format!("{} bytes of {range:?} came", bytes.len());
        return Err(S3Error::Generic { store: "S3", source: short.into() });
    }
    Ok(Ok(bytes))
}
