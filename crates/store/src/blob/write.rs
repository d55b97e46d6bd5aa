//! Turns a stream of bytes into a blob that a transaction can name.

use std::sync::Arc;

use sterna_core::BlobHash;

use super::spool::Spool;
use super::wait::wait;
use super::{Blobs, CHUNK, INLINE_MAX, frame};
use crate::db::Database;
use crate::error::{Error, Result};

/// Compressed frames: at hand while they are few, otherwise durable as an object of that key.
#[derive(Debug)]
pub(super) enum Frames {
    Inline(Vec<Vec<u8>>),
    Object(String),
}

/// A blob whose bytes are durable (an object) or at hand (inline), not yet named by any row.
///
/// Dropped without being stored, an object is left to the collector, which removes it after its grace period; stored
/// only after the collector has taken it, it is refused with [`Error::Unavailable`] and has to be made again.
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
            Frames::Object(_) => 0,
        }
    }
}

/// Takes bytes in pieces of any size, holds at most one chunk and [`INLINE_MAX`] compressed bytes.
/// Blocking: compresses, and for a large body writes a file, uploads it and waits for the database.
pub struct BlobWriter {
    db: Arc<Database>,
    hasher: blake3::Hasher,
    size: u64,
    chunk: Vec<u8>,
    frames: Vec<Vec<u8>>,
    stored: u64,
    spool: Option<Spool>,
}

impl BlobWriter {
    /// `blobs` is the account's ([`crate::Account::blobs`]).
    pub fn new(blobs: &Blobs) -> BlobWriter {
        BlobWriter {
            db: blobs.db.clone(),
            hasher: blake3::Hasher::new(),
            size: 0,
            chunk: Vec::new(),
            frames: Vec::new(),
            stored: 0,
            spool: None,
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
        match &mut self.spool {
            Some(spool) => spool.push(&frame)?,
            None => self.frames.push(frame),
        }
        if self.spool.is_none() && self.stored > INLINE_MAX as u64 {
            let mut spool = self.db.objects.spool()?;
            std::mem::take(&mut self.frames).iter().try_for_each(|f| spool.push(f))?;
            self.spool = Some(spool);
        }
        Ok(())
    }

    /// Ends the body. A large one is made durable here, so that storing it later needs only rows. Needs a runtime's
    /// context, as a thread of the blocking pool has it, and may be called from any thread that has.
    pub fn finish(mut self) -> Result<PreparedBlob> {
        if !self.chunk.is_empty() {
            let chunk = std::mem::take(&mut self.chunk);
            self.frame(&chunk)?;
        }
        let hash = BlobHash(*self.hasher.finalize().as_bytes());
        let frames = match self.spool.take() {
            Some(spool) => Frames::Object(upload(&self.db, hash, spool)?),
            None => Frames::Inline(std::mem::take(&mut self.frames)),
        };
        Ok(PreparedBlob { hash, size: self.size, stored: self.stored, frames })
    }
}

/// Makes an object of the spooled frames; its key.
fn upload(db: &Arc<Database>, hash: BlobHash, mut spool: Spool) -> Result<String> {
    spool.finish()?;
    let mut unique = [0; 8];
    aws_lc_rs::rand::fill(&mut unique).map_err(|_| Error::Internal("no random numbers".into()))?;
    let key = format!("{hash}-{:016x}", u64::from_be_bytes(unique));
    let name = key.clone();
    wait(db.write(move |tx| tx.begin_upload(&name)))?;
    db.objects.put(&key, &spool)?;
    // The collector may have taken the key while the bytes were under way, and deleted what was not there yet: nobody
    // would look for the object again.
    let name = key.clone();
    if !wait(db.read(move |tx| tx.is_upload(&name)))? {
        db.objects.delete(vec![key]).1?;
        return Err(Error::Unavailable("storing a large body took too long".into()));
    }
    Ok(key)
}
