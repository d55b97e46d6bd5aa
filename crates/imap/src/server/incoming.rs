//! The bytes of a message on their way from the connection into the store's hands.
//!
//! While one chunk is scanned and compressed on the blocking pool, the next is read; no thread waits for the client.

use std::io;

use bytes::BytesMut;
use sterna_core::DateTime;
use sterna_message::Ingest;
use sterna_store::{Account, Error, NewEmail, Result};
use tokio::task::JoinHandle;

use super::problem::Problem;
use super::session::Session;

/// Bytes that are read before they are handed on.
const CHUNK: usize = 256 << 10;

/// A message that cannot be stored, and how many of its bytes were not read.
pub(super) struct Refused {
    pub problem: Problem,
    pub left: u64,
}

/// Reads a message of `size` bytes. What is given back ends when it is ready to be stored.
pub(super) async fn message(
    session: &mut Session,
    account: &Account,
    size: u64,
    date: DateTime,
) -> std::result::Result<JoinHandle<Result<NewEmail>>, Refused> {
    let mut left = size;
    let mut work: Option<JoinHandle<Result<Ingest>>> = None;
    loop {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
        while session.input.len() < wanted {
            read_more(session).await.map_err(|problem| Refused { problem, left })?;
        }
        let chunk = session.input.split_to(wanted);
        left -= wanted as u64;
        let before = match work.take() {
            Some(work) => Some(finished(work).await.map_err(|e| Refused { problem: e.into(), left })?),
            None => None,
        };
        let blobs = account.blobs();
        let feed = move |chunk: BytesMut| {
            let mut ingest = before.unwrap_or_else(|| Ingest::new(&blobs));
            ingest.feed(&chunk)?;
            Ok(ingest)
        };
        if left == 0 {
            return Ok(tokio::task::spawn_blocking(move || feed(chunk)?.finish(date)));
        }
        work = Some(tokio::task::spawn_blocking(move || feed(chunk)));
    }
}

async fn finished(work: JoinHandle<Result<Ingest>>) -> Result<Ingest> {
    work.await.map_err(|e| Error::Internal(format!("a message was lost: {e}")))?
}

/// Waits for bytes in the middle of a command.
pub(super) async fn read_more(session: &mut Session) -> std::result::Result<(), Problem> {
    // The client may wait for answers before it goes on.
    session.out.flush().await?;
    let limit = session.service.config.idle_timeout;
    let read = tokio::time::timeout(limit, session.out.stream.read(&mut session.input)).await;
    match read.map_err(|_| Problem::bye("autologout in the middle of a command"))?? {
        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}
