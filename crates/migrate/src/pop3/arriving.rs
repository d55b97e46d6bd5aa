//! Messages that come over POP3, whose size nobody knows before they end: small ones are scanned and compressed in
//! groups, a large one while it comes.

use sterna_core::DateTime;
use sterna_message::{Ingest, parse_date};
use sterna_store::{Blobs, NewEmail};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::fingerprint::{Fingerprint, Fingerprinter};
use super::only::UNDATED;
use crate::error::{Error, Result};

/// A message that grows beyond this is streamed, bytes.
const SMALL: usize = 1 << 20;

/// Chunks of a large message that may wait to be compressed.
const CHUNKS_AHEAD: usize = 4;

/// A group is written at so many messages, or bytes of small ones.
const GROUP_MESSAGES: usize = 250;
const GROUP_BYTES: usize = 4 << 20;

type Stored = sterna_store::Result<(NewEmail, Fingerprint)>;

/// One message on its way.
pub(super) struct Arriving {
    blobs: Blobs,
    start: Vec<u8>,
    large: Option<(mpsc::Sender<Vec<u8>>, JoinHandle<Stored>)>,
}

/// One that is ready to be written.
pub(super) struct Arrived {
    pub uidl: Option<String>,
    pub email: NewEmail,
    pub print: Fingerprint,
}

impl Arriving {
    pub fn new(blobs: &Blobs) -> Arriving {
        Arriving { blobs: blobs.clone(), start: Vec::new(), large: None }
    }

    /// The next bytes.
    pub async fn chunk(&mut self, chunk: Vec<u8>) -> Result<()> {
        if self.large.is_none() {
            self.start.extend_from_slice(&chunk);
            if self.start.len() > SMALL {
                self.large = Some(stream(self.blobs.clone(), std::mem::take(&mut self.start)));
            }
            return Ok(());
        }
        let Some((chunks, task)) = &mut self.large else { return Ok(()) };
        if chunks.send(chunk).await.is_ok() {
            return Ok(());
        }
        // The task has ended before its time: its error says why.
        match task.await.map_err(Error::join)? {
            Err(error) => Err(error.into()),
            Ok(_) => Err(Error::Cancelled),
        }
    }
}

fn stream(blobs: Blobs, start: Vec<u8>) -> (mpsc::Sender<Vec<u8>>, JoinHandle<Stored>) {
    let (chunks, mut arriving) = mpsc::channel::<Vec<u8>>(CHUNKS_AHEAD);
    let task = tokio::task::spawn_blocking(move || {
        let (mut ingest, mut fingerprinter) = (Ingest::new(&blobs), Fingerprinter::new());
        let date = received(&start);
        let mut next = Some(start);
        while let Some(chunk) = next {
            ingest.feed(&chunk)?;
            fingerprinter.feed(&chunk);
            next = arriving.blocking_recv();
        }
        Ok((ingest.finish(date)?, fingerprinter.finish()))
    });
    (chunks, task)
}

/// Messages that are written together.
#[derive(Default)]
pub(super) struct Group {
    messages: Vec<(Option<String>, Arriving)>,
    bytes: usize,
}

impl Group {
    /// Adds one that has come completely.
    pub fn push(&mut self, uidl: Option<String>, message: Arriving) {
        self.bytes += message.start.len();
        self.messages.push((uidl, message));
    }

    pub fn is_full(&self) -> bool {
        self.messages.len() >= GROUP_MESSAGES || self.bytes >= GROUP_BYTES
    }

    /// Scans, hashes and compresses what has not been so yet.
    pub async fn join(self, blobs: &Blobs) -> Result<Vec<Arrived>> {
        let blobs = blobs.clone();
        let (mut small, mut ready) = (Vec::new(), Vec::new());
        for (place, (uidl, Arriving { start, large, .. })) in self.messages.into_iter().enumerate() {
            match large {
                Some((chunks, task)) => {
                    drop(chunks);
                    let (email, print) = task.await.map_err(Error::join)??;
                    ready.push((place, Arrived { uidl, email, print }));
                }
                None => small.push((place, uidl, start)),
            }
        }
        let ingest = move || {
            let ingest = |(place, uidl, bytes): (usize, Option<String>, Vec<u8>)| {
                let email = Ingest::whole(&blobs, &bytes, received(&bytes))?;
                let mut fingerprinter = Fingerprinter::new();
                fingerprinter.feed(&bytes);
                Ok((place, Arrived { uidl, email, print: fingerprinter.finish() }))
            };
            small.into_iter().map(ingest).collect::<sterna_store::Result<Vec<_>>>()
        };
        ready.extend(tokio::task::spawn_blocking(ingest).await.map_err(Error::join)??);
        // In the order of the listing.
        ready.sort_unstable_by_key(|(place, _)| *place);
        Ok(ready.into_iter().map(|(_, arrived)| arrived).collect())
    }
}

/// When a message was received: the date of its newest Received field, which stands first (RFC 5321 §4.4).
fn received(message: &[u8]) -> DateTime {
    let mut lines = message.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut field: Option<Vec<u8>> = None;
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        match (&mut field, line.first()) {
            (Some(field), Some(b' ' | b'\t')) => field.extend_from_slice(line),
            (Some(_), _) => break,
            (None, _) => {
                let (name, value) = line.split_at_checked(9).unwrap_or_default();
                if name.eq_ignore_ascii_case(b"received:") {
                    field = Some(value.to_vec());
                }
            }
        }
    }
    let date = field.as_deref().and_then(|field| field.rsplit(|b| *b == b';').next().and_then(parse_date));
    date.unwrap_or(UNDATED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_arrival_is_that_of_the_first_received_field() {
        let message = b"Return-Path: <>\r\nReceived: from a (b; c)\r\n\tby d; Sun, 1 Feb 2026\r\n 09:30:00 +0100\r\n\
            Received: x; 1 Jan 2000 00:00:00 +0000\r\n\r\nReceived: y";
        assert_eq!(received(message).to_string(), DateTime { unix: 1_769_934_600, offset: 60 }.to_string());
        for none in [&b"Subject: x\r\n\r\nReceived: a; 1 Jan 2000 00:00:00 +0000"[..], b"Received: who knows\r\n", b""]
        {
            assert_eq!(received(none), UNDATED);
        }
    }
}
