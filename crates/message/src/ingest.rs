//! From bytes to a message that the store can take: scanned, hashed and compressed in one go, whatever its size.
//!
//! Everything that brings a message in (APPEND, the mover, an import, later delivery) goes through here.

use sterna_core::DateTime;
use sterna_store::{BlobWriter, Blobs, NewEmail, Result};

use crate::{Scanner, StructureRef};

/// A message on its way in. Blocking: compresses, and writes a file for a large body.
pub struct Ingest {
    scanner: Scanner,
    blob: BlobWriter,
}

impl Ingest {
    /// `blobs` is where the account's bodies go ([`sterna_store::Account::blobs`]).
    pub fn new(blobs: &Blobs) -> Ingest {
        Ingest { scanner: Scanner::new(), blob: BlobWriter::new(blobs) }
    }

    /// The next bytes of the message.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.scanner.feed(bytes);
        self.blob.write(bytes)
    }

    /// The whole message is in. A large body is made durable here.
    pub fn finish(self, internaldate: DateTime) -> Result<NewEmail> {
        let structure = self.scanner.finish();
        let view = structure.view();
        let (sent, thread_keys) = (view.sent_at(), view.thread_keys());
        Ok(NewEmail {
            blob: self.blob.finish()?,
            structure: structure.as_bytes().to_vec(),
            internaldate,
            sent,
            thread_keys,
        })
    }

    /// A message that is at hand whole.
    pub fn whole(blobs: &Blobs, message: &[u8], internaldate: DateTime) -> Result<NewEmail> {
        let mut ingest = Ingest::new(blobs);
        ingest.feed(message)?;
        ingest.finish(internaldate)
    }
}

/// Whether stored structure bytes read back and fit a message of that size: what the store's checker asks.
pub fn check_structure(structure: &[u8], size: u64) -> std::result::Result<(), String> {
    let view = StructureRef::from_bytes(structure).map_err(|e| e.to_string())?;
    if view.size() != size {
        return Err(format!("it speaks of {} bytes, the message has {size}", view.size()));
    }
    Ok(())
}
