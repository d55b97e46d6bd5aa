//! A message with its envelope, accepted and not yet delivered: what reception, submission and the queue hand over.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sterna_core::DateTime;
use tempfile::TempPath;

/// Bytes that a [`Spool`] keeps in memory; a larger message goes to a file.
pub const IN_MEMORY: usize = 1 << 20;

/// The bytes of a message. Clones share them.
#[derive(Clone, Debug)]
pub enum Body {
    /// A small one.
    Memory(Bytes),
    /// A file that goes when the last clone does.
    File(Arc<TempPath>, u64),
}

impl Body {
    /// Bytes.
    pub fn len(&self) -> u64 {
        match self {
            Body::Memory(bytes) => bytes.len() as u64,
            Body::File(_, len) => *len,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from its beginning. Blocking; readers are independent of each other.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Body::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Body::File(path, _) => Box::new(File::open(&**path)?),
        })
    }
}

/// Takes the bytes of a message in pieces of any size and holds at most [`IN_MEMORY`] of them. Blocking.
///
/// What it holds is not durable: a body becomes durable by being delivered or queued.
pub struct Spool {
    directory: PathBuf,
    memory: Vec<u8>,
    file: Option<(File, TempPath)>,
    len: u64,
}

impl Spool {
    /// `directory` is where a file would go: the store's `incoming`.
    pub fn new(directory: &Path) -> Spool {
        Spool { directory: directory.to_owned(), memory: Vec::new(), file: None, len: 0 }
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        if let Some((file, _)) = &mut self.file {
            return file.write_all(bytes);
        }
        if self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        std::fs::create_dir_all(&self.directory)?;
        let (mut file, path) = tempfile::NamedTempFile::new_in(&self.directory)?.into_parts();
        file.write_all(&std::mem::take(&mut self.memory))?;
        file.write_all(bytes)?;
        self.file = Some((file, path));
        Ok(())
    }

    /// The whole message is in.
    pub fn finish(self) -> io::Result<Body> {
        match self.file {
            None => Ok(Body::Memory(self.memory.into())),
            Some((mut file, path)) => {
                file.seek(SeekFrom::Start(0))?;
                Ok(Body::File(Arc::new(path), self.len))
            }
        }
    }
}

/// RFC 3461 §4.1: when the sender wants to be told about a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// When it was delivered.
    pub success: bool,
    /// When it could not be.
    pub failure: bool,
    /// When it is late.
    pub delay: bool,
}

impl Default for Notify {
    /// What RFC 3461 §4.1 leaves to the server: failures and delays.
    fn default() -> Notify {
        Notify { success: false, failure: true, delay: true }
    }
}

impl Notify {
    /// NOTIFY=NEVER.
    pub const NEVER: Notify = Notify { success: false, failure: false, delay: false };

    /// As one number for the store: 1 success, 2 failure, 4 delay.
    pub fn bits(self) -> u8 {
        u8::from(self.success) | u8::from(self.failure) << 1 | u8::from(self.delay) << 2
    }

    /// From [`Notify::bits`].
    pub fn from_bits(bits: u8) -> Notify {
        Notify { success: bits & 1 != 0, failure: bits & 2 != 0, delay: bits & 4 != 0 }
    }
}

/// One recipient of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// `local@domain` as it was given, without brackets; the local part may be quoted.
    pub address: String,
    /// ORCPT (RFC 3461 §4.2), `type;address`, xtext decoded.
    pub original: Option<String>,
    /// When to tell the sender.
    pub notify: Notify,
    /// Aliases and forwards of the address were followed before: only the mailbox itself is meant. Delivery's own, for
    /// what it puts into the queue; everybody else says `false`.
    pub expanded: bool,
}

impl Recipient {
    /// Without parameters.
    pub fn new(address: &str) -> Recipient {
        Recipient { address: address.to_owned(), original: None, notify: Notify::default(), expanded: false }
    }
}

/// What MAIL FROM said (RFC 5321 §3.3 and extensions).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path without brackets; empty: `<>`.
    pub sender: String,
    /// RET=HDRS (RFC 3461 §4.3): a failure notice needs the header only. `None`: not said.
    pub headers_only: Option<bool>,
    /// ENVID (RFC 3461 §4.4), xtext decoded.
    pub envid: Option<String>,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// BODY=BINARYMIME (RFC 3030): only a server with CHUNKING and BINARYMIME may get it as it is.
    pub binary: bool,
    /// REQUIRETLS (RFC 8689): never over a connection without verified TLS.
    pub require_tls: bool,
}

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Mail {
    /// From whom and how.
    pub envelope: Envelope,
    /// Header fields that this server puts in front, each with CRLF: Received, Authentication-Results.
    /// Return-Path and Delivered-To are the delivery's.
    pub trace: Bytes,
    /// What came after DATA, unchanged.
    pub body: Body,
    /// When it was accepted.
    pub received: DateTime,
    /// The domain of the envelope's sender was authenticated (SPF passed for it, or a DKIM signature of its organisation, or
    /// a login): a bounce would not be backscatter. What stands in From is no reason.
    pub authenticated: bool,
    /// The author's domain asks to take it as suspicious (DMARC): what no script files elsewhere goes into the junk mailbox.
    pub quarantine: bool,
    /// What tells a message of the queue from all others. A mailbox that has taken it already has it: a runner that died
    /// behind the delivery leaves no second copy.
    pub queued: Option<Bytes>,
    /// The account that submitted it, if one did.
    pub submitter: Option<sterna_core::AccountId>,
}

impl Mail {
    /// Bytes with the trace fields.
    pub fn len(&self) -> u64 {
        self.trace.len() as u64 + self.body.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_holds_little_and_gives_back_all() {
        let directory = tempfile::tempdir().unwrap();
        for size in [0, 10, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let mut spool = Spool::new(directory.path());
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            bytes.chunks(70_001).for_each(|piece| spool.write(piece).unwrap());
            let body = spool.finish().unwrap();
            assert_eq!(body.len(), size as u64);
            for _ in 0..2 {
                let mut read = Vec::new();
                body.reader().unwrap().read_to_end(&mut read).unwrap();
                assert!(read == bytes);
            }
            assert_eq!(matches!(body, Body::File(..)), size > IN_MEMORY);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn notify_is_one_number() {
        for bits in 0..8 {
            assert_eq!(Notify::from_bits(bits).bits(), bits);
        }
    }
}
