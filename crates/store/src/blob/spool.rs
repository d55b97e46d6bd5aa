//! The temporary file of a large body on its way in, in the node's own directory; removed when it is dropped.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::table;
use crate::error::{Error, Result};

static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Frames in a file, then, once it is finished, the table of their lengths: the bytes of the object to be.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    frames: Vec<u32>,
    length: u64,
}

impl Spool {
    pub fn create(incoming: &Path) -> Result<Spool> {
        let path = incoming.join(format!("{}-{}", std::process::id(), SEQUENCE.fetch_add(1, Ordering::Relaxed)));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|e| Error::io("create", &path, &e))?;
        Ok(Spool { path, file, frames: Vec::new(), length: 0 })
    }

    /// Adds a frame.
    pub fn push(&mut self, frame: &[u8]) -> Result<()> {
        self.frames.push(u32::try_from(frame.len()).map_err(|_| Error::Internal("frame too long".into()))?);
        self.write(frame)
    }

    /// Adds the table; nothing follows it.
    pub fn finish(&mut self) -> Result<()> {
        self.write(&table::encode(&self.frames))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.length += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, &e))
    }

    /// Bytes in the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::io("sync", &self.path, &e))
    }

    /// Exactly `length` bytes from `offset`.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(|e| Error::io("read", &self.path, &e))?;
        Ok(bytes)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // A file that was renamed away is gone from here; its name is never used twice by this process.
        let _ = std::fs::remove_file(&self.path);
    }
}
