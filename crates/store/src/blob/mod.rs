//! Bodies: content-addressed, compressed in independent chunks; small ones are rows, large ones are objects.
//!
//! ```text
//! bytes ──chunks of 128 KiB──▶ zstd frame each ──▶ rows of blob_chunk          (≤ 256 KiB compressed)
//!                                             └──▶ an object: frames, u32 length of each, u32 count
//! ```
//!
//! Chunks make any part of a body readable without the rest, in bounded memory. An object is a file of the account's
//! directory or an object of an S3 service ([`objects`]). Its life, so that a crash at any point neither loses a body
//! nor leaves one behind for ever:
//!
//! 1. a committed row of `blob_upload` tells its key, which nobody ever used and nobody will use again;
//! 2. its bytes are written and durable;
//! 3. the transaction that names it turns the row into one of `blob`;
//! 4. the transaction that releases it turns that one into a row of `blob_garbage`;
//! 5. the [collector](collect) takes over uploads that nobody named, deletes what is garbage, and then its row.
//!
//! A key in `blob_garbage` is never named again: the collector cannot delete a body in use, whatever clocks say.

mod ahead;
mod collect;
mod file;
mod frame;
mod many;
mod objects;
mod read;
mod rows;
mod s3;
mod spool;
mod table;
mod wait;
mod write;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::db::Database;
use crate::error::{Error, Result};

pub(crate) use ahead::Ahead;
pub use collect::Collected;
pub(crate) use collect::{collect, remove_all};
pub(crate) use objects::{Objects, Storage};
pub use write::{BlobWriter, PreparedBlob};

/// Where the bodies of one account go. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    pub(crate) db: Arc<Database>,
}

/// Original bytes in one compressed chunk.
pub const CHUNK: usize = 128 * 1024;

/// Compressed bytes up to which a blob lives in the database.
pub const INLINE_MAX: usize = 256 * 1024;

/// The directory of blob files inside an account's home.
pub(crate) const BLOBS: &str = "blobs";

/// The node's directory of large bodies on their way in, emptied at start.
const INCOMING: &str = "incoming";

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| Error::io("sync", dir, &e))
}
