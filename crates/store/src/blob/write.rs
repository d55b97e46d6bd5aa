//! Turns a stream of bytes into a blob that a transaction can name.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sterna_core::BlobHash;

use super::{BLOBS, Blobs, CHUNK, INCOMING, INLINE_MAX, frame};
use crate::error::{Error, Result};

static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Compressed frames: in memory while they are few, in a temporary file beyond [`INLINE_MAX`].
#[derive(Debug)]
pub(super) enum Frames {
    Inline(Vec<Vec<u8>>),
    File(PathBuf),
}

/// A blob whose bytes are durable (file) or at hand (inline), not yet named by any row.
/// Dropped without being stored, it removes its file.
#[derive(Debug)]
pub struct PreparedBlob {
    /// BLAKE3 of the original bytes.
    pub hash: BlobHash,
    /// Original bytes.
    pub size: u64,
    pub(super) stored: u64,
    pub(super) frames: Frames,
}

impl PreparedBlob {
    /// Bytes held in memory until it is stored.
    pub fn memory(&self) -> usize {
        match &self.frames {
            Frames::Inline(frames) => frames.iter().map(Vec::len).sum(),
            Frames::File(_) => 0,
        }
    }
}

impl Drop for PreparedBlob {
    fn drop(&mut self) {
        if let Frames::File(path) = &self.frames {
            // Renamed away if it was stored; otherwise nobody wants it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Takes bytes in pieces of any size, holds at most one chunk and [`INLINE_MAX`] compressed bytes.
/// Blocking: compresses, and writes a file for a large body.
pub struct BlobWriter {
    incoming: PathBuf,
    hasher: blake3::Hasher,
    size: u64,
    chunk: Vec<u8>,
    frames: Vec<Vec<u8>>,
    stored: u64,
    spill: Option<Spill>,
}

/// The temporary file of a large body.
struct Spill {
    path: PathBuf,
    file: File,
    lengths: Vec<u32>,
}

impl BlobWriter {
    /// `blobs` is the account's ([`crate::Account::blobs`]).
    pub fn new(blobs: &Blobs) -> BlobWriter {
        BlobWriter {
            incoming: blobs.db.home.join(INCOMING),
            hasher: blake3::Hasher::new(),
            size: 0,
            chunk: Vec::new(),
            frames: Vec::new(),
            stored: 0,
            spill: None,
        }
    }

    /// The next bytes of the body.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.chunk.is_empty() && bytes.len() >= CHUNK {
                let (now, later) = bytes.split_at(CHUNK);
                self.frame(now)?;
                bytes = later;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
            if self.chunk.len() == CHUNK {
                let chunk = std::mem::take(&mut self.chunk);
                self.frame(&chunk)?;
                self.chunk = chunk;
                self.chunk.clear();
            }
        }
        Ok(())
    }

    fn frame(&mut self, chunk: &[u8]) -> Result<()> {
        let frame = frame::compress(chunk)?;
        self.stored += frame.len() as u64;
        match &mut self.spill {
            Some(spill) => spill.push(&frame)?,
            None => self.frames.push(frame),
        }
        if self.spill.is_none() && self.stored > INLINE_MAX as u64 {
            let mut spill = Spill::create(&self.incoming)?;
            std::mem::take(&mut self.frames).iter().try_for_each(|f| spill.push(f))?;
            self.spill = Some(spill);
        }
        Ok(())
    }

    /// Ends the body. A file is fsynced here, so that storing it later needs only a rename.
    pub fn finish(mut self) -> Result<PreparedBlob> {
        if !self.chunk.is_empty() {
            let chunk = std::mem::take(&mut self.chunk);
            self.frame(&chunk)?;
        }
        let frames = match self.spill.take() {
            Some(mut spill) => Frames::File(spill.finish()?),
            None => Frames::Inline(std::mem::take(&mut self.frames)),
        };
        let hash = BlobHash(*self.hasher.finalize().as_bytes());
        Ok(PreparedBlob { hash, size: self.size, stored: self.stored, frames })
    }
}

impl Spill {
    fn create(incoming: &Path) -> Result<Spill> {
        let name = format!("{}-{}", std::process::id(), SEQUENCE.fetch_add(1, Ordering::Relaxed));
        let path = incoming.join(name);
        let open = || OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = open()
            .or_else(|e| match e.kind() {
                std::io::ErrorKind::NotFound => std::fs::create_dir_all(incoming).and_then(|()| open()),
                _ => Err(e),
            })
            .map_err(|e| Error::io("create", &path, &e))?;
        Ok(Spill { path, file, lengths: Vec::new() })
    }

    fn push(&mut self, frame: &[u8]) -> Result<()> {
        self.lengths.push(u32::try_from(frame.len()).map_err(|_| Error::Internal("frame too long".into()))?);
        self.file.write_all(frame).map_err(|e| Error::io("write", &self.path, &e))
    }

    fn finish(&mut self) -> Result<PathBuf> {
        let count = self.lengths.len() as u32;
        let trailer: Vec<u8> = self.lengths.iter().chain([&count]).flat_map(|n| n.to_le_bytes()).collect();
        self.file
            .write_all(&trailer)
            .and_then(|()| self.file.sync_all())
            .map_err(|e| Error::io("write", &self.path, &e))?;
        Ok(std::mem::take(&mut self.path))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where a stored blob's file lives.
pub(super) fn blob_path(home: &Path, hash: BlobHash) -> PathBuf {
    home.join(BLOBS).join(hash.to_string())
}
