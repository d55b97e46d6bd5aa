//! The message as authentication sees it: its header always, its whole bytes while the budget of memory allows.

use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use sterna_delivery::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one permit of the budget.
pub(super) const UNIT: usize = 1024;
/// A longer header is not a mail's: authentication would cost more than the message.
pub(super) const MAX_HEADER: usize = 1 << 20;
/// Fields of a header that are looked at; real mail has a few dozen.
pub(super) const MAX_FIELDS: usize = 2_000;

/// The bytes to verify.
#[derive(Debug)]
pub(super) enum Loaded {
    /// The whole message, and its share of the budget.
    Whole(Bytes, Option<OwnedSemaphorePermit>),
    /// There was no room: only the header.
    Header(Bytes),
    /// The header alone is longer than [`MAX_HEADER`] or has more than [`MAX_FIELDS`] fields.
    Excessive,
}

/// Reads a message into memory, waiting at most `patience` for room.
pub(super) async fn load(
    body: &Body,
    budget: &std::sync::Arc<Semaphore>,
    total: usize,
    patience: Duration,
) -> io::Result<Loaded> {
    if let Body::Memory(bytes) = body {
        // Bounded by the connection that holds it.
        return Ok(if excessive(bytes) { Loaded::Excessive } else { Loaded::Whole(bytes.clone(), None) });
    }
    let len = usize::try_from(body.len()).unwrap_or(usize::MAX);
    let permit = match u32::try_from(len.div_ceil(UNIT)) {
        Ok(units) if len <= total => {
            let room = budget.clone().acquire_many_owned(units);
            tokio::time::timeout(patience, room).await.ok().and_then(Result::ok)
        }
        _ => None,
    };
    let body = body.clone();
    let read = tokio::task::spawn_blocking(move || read(&body, permit)).await;
    read.map_err(io::Error::other)?
}

fn read(body: &Body, permit: Option<OwnedSemaphorePermit>) -> io::Result<Loaded> {
    let mut reader = body.reader()?;
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_HEADER as u64 + 4).read_to_end(&mut bytes)?;
    if excessive(&bytes) {
        return Ok(Loaded::Excessive);
    }
    if permit.is_none() {
        bytes.truncate(header_len(&bytes));
        return Ok(Loaded::Header(bytes.into()));
    }
    bytes.reserve_exact(usize::try_from(body.len()).unwrap_or(0).saturating_sub(bytes.len()));
    reader.read_to_end(&mut bytes)?;
    Ok(Loaded::Whole(bytes.into(), permit))
}

/// Bytes of the header with the empty line that ends it; all of them if none does.
pub(super) fn header_len(message: &[u8]) -> usize {
    let mut at = 0;
    for end in memchr::memchr_iter(b'\n', message) {
        let line = message.get(at..end).unwrap_or_default();
        at = end + 1;
        if line.is_empty() || line == b"\r" {
            return at;
        }
    }
    message.len()
}

fn excessive(message: &[u8]) -> bool {
    let header = message.get(..header_len(message)).unwrap_or_default();
    header.len() > MAX_HEADER
        || memchr::memchr_iter(b'\n', header).filter(|at| starts_field(header, *at)).count() > MAX_FIELDS
}

/// Whether a field starts after the line break at `at`, rather than going on.
fn starts_field(header: &[u8], at: usize) -> bool {
    !matches!(header.get(at + 1), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_at_its_empty_line() {
        assert_eq!(header_len(b"A: b\r\n\r\nbody\r\n\r\n"), 8);
        assert_eq!(header_len(b"A: b\n\nbody\n\n"), 6);
        assert_eq!(header_len(b"\r\nbody"), 2);
        assert_eq!(header_len(b"A: b\r\n c"), 8);
        assert_eq!(header_len(b""), 0);
    }

    #[test]
    fn a_header_has_an_end() {
        let fields = |n: usize| [b"A: b\r\n c\r\n".repeat(n), b"\r\nbody\r\n".to_vec()].concat();
        assert!(!excessive(&fields(MAX_FIELDS)));
        assert!(excessive(&fields(MAX_FIELDS + 2)));
        assert!(excessive(&[b"A: ".to_vec(), vec![b'x'; MAX_HEADER], b"\r\n\r\n".to_vec()].concat()));
        assert!(!excessive(&[b"A: b\r\n\r\n".to_vec(), b"x\r\n".repeat(MAX_HEADER)].concat()));
    }
}
