//! The bytes of a mail on their way to a mailbox or to the queue: what stands in front, then the body, never put together
//! in memory.

use std::io::{self, Read};

use bytes::Bytes;
use sterna_core::DateTime;
use sterna_message::Ingest;
use sterna_store::{BlobWriter, Blobs, NewEmail, PreparedBlob, Result};

use crate::queued::{blocking, read_error};
use crate::{Body, Mail};

/// Bytes of a file that are read at once.
const PIECE: usize = 128 << 10;

/// Some bytes, and a body from some place on.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// Header fields, or a whole header.
    pub head: Vec<u8>,
    /// Comes after them, again without a copy.
    pub trace: Bytes,
    pub body: Body,
    /// Bytes of the body that `head` replaces.
    pub skip: u64,
}

impl Letter {
    /// The mail with these fields in front.
    pub fn new(head: Vec<u8>, mail: &Mail) -> Letter {
        Letter { head, trace: mail.trace.clone(), body: mail.body.clone(), skip: 0 }
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.head.len() as u64 + self.trace.len() as u64 + self.body.len().saturating_sub(self.skip)
    }

    /// Gives all bytes to `sink`, in pieces. Blocking where the body is a file.
    fn each(&self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        sink(&self.head)?;
        sink(&self.trace)?;
        if let Body::Memory(bytes) = &self.body {
            let skip = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            return sink(bytes.get(skip..).unwrap_or_default());
        }
        let (mut reader, mut piece) = (self.reader().map_err(|e| read_error(&e))?, vec![0; PIECE]);
        loop {
            match reader.read(&mut piece).map_err(|e| read_error(&e))? {
                0 => return Ok(()),
                n => sink(piece.get(..n).unwrap_or_default())?,
            }
        }
    }

    /// The body from `skip` on.
    fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut reader = self.body.reader()?;
        io::copy(&mut (&mut reader).take(self.skip), &mut io::sink())?;
        Ok(reader)
    }

    /// The first `most` bytes. Blocking where the body is a file.
    pub fn beginning(&self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len().min(most)).unwrap_or(0));
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&self.trace);
        let left = most.saturating_sub(bytes.len() as u64);
        self.reader().and_then(|reader| reader.take(left).read_to_end(&mut bytes)).map_err(|e| read_error(&e))?;
        Ok(bytes)
    }

    /// Scanned, hashed and compressed for a mailbox.
    pub async fn ingest(self, blobs: Blobs, date: DateTime) -> Result<NewEmail> {
        blocking(move || {
            let mut ingest = Ingest::new(&blobs);
            self.each(|bytes| ingest.feed(bytes))?;
            ingest.finish(date)
        })
        .await
    }

    /// Hashed and compressed for the queue.
    pub async fn prepare(self, blobs: Blobs) -> Result<PreparedBlob> {
        blocking(move || {
            let mut blob = BlobWriter::new(&blobs);
            self.each(|bytes| blob.write(bytes))?;
            blob.finish()
        })
        .await
    }
}
