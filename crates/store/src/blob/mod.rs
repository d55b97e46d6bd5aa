//! Bodies: content-addressed, compressed in independent chunks, small ones in the database, large ones in files.
//!
//! ```text
//! bytes ──chunks of 128 KiB──▶ zstd frame each ──▶ rows of blob_chunk          (≤ 256 KiB compressed)
//!                                             └──▶ blobs/<hash>: frames, u32 length of each, u32 count
//! ```
//!
//! Chunks make any part of a body readable without the rest, in bounded memory. A file is written under a temporary
//! name and fsynced before the transaction that names it begins; the transaction renames it, and its directory is
//! fsynced before the commit.

mod frame;
mod many;
mod read;
mod rows;
mod write;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::db::Database;
use crate::error::{Error, Result};

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

/// The directory of files that no transaction names yet.
pub(crate) const INCOMING: &str = "incoming";

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| Error::io("sync", dir, &e))
}
