//! Sending a page: its bytes, and in its holes the bodies that are too large to stand in it, a piece at a time.

use std::borrow::Cow;
use std::ops::Range;

use sterna_core::BlobId;
use sterna_message::{BodyDecoder, Encoding};
use sterna_store::{Account, CHUNK, Email, Result, Tx};

use super::page::Page;
use crate::server::problem::Problem;
use crate::server::session::Session;

/// What becomes of sending.
type Answer<T> = std::result::Result<T, Problem>;

/// Bytes of a body read at once; a multiple of the store's chunk, so that none is decompressed twice.
const PIECE: u64 = 8 * CHUNK as u64;

/// A message up to this size is read whole where several of its parts are asked for.
const WHOLE_MAX: u64 = 1 << 20;

/// A place in a page where bytes of a body go.
pub(super) struct Hole {
    /// Where its response begins.
    response: usize,
    at: usize,
    fill: Fill,
}

/// What goes into a hole.
pub(super) struct Fill {
    pub blob: BlobId,
    /// Of the message.
    pub range: Range<u64>,
    /// `None`: as it is.
    pub decode: Option<Decode>,
}

/// A part whose transfer encoding is undone on the way.
pub(super) struct Decode {
    pub encoding: Encoding,
    /// Which of the decoded bytes are sent.
    pub asked: Range<u64>,
}

impl Page {
    /// Leaves a hole at the end of what is there.
    pub fn leave(&mut self, fill: Fill) {
        self.holes.push(Hole { response: self.response, at: self.bytes.len(), fill });
    }
}

/// The bytes of one message inside a transaction.
pub(super) struct Source<'t> {
    tx: &'t Tx<'t>,
    blob: BlobId,
    whole: Option<Vec<u8>>,
}

impl<'t> Source<'t> {
    /// `often`: it will be read more than once.
    pub fn new(tx: &'t Tx<'t>, email: &Email<'_>, often: bool) -> Result<Source<'t>> {
        let whole = if often && email.size <= WHOLE_MAX { Some(tx.blob(email.blob)?) } else { None };
        Ok(Source { tx, blob: email.blob, whole })
    }

    pub fn blob(&self) -> BlobId {
        self.blob
    }

    /// A run of the message that the caller has bounded.
    pub fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>> {
        match &self.whole {
            Some(whole) => Ok(Cow::Borrowed(part(whole, range))),
            None => Ok(Cow::Owned(self.tx.blob_range(self.blob, range.start, range.end - range.start)?)),
        }
    }

    /// The same, appended.
    pub fn append(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        match &self.whole {
            Some(whole) => {
                out.extend_from_slice(part(whole, range));
                Ok(())
            }
            None => self.tx.blob_append(self.blob, range.start, range.end - range.start, out),
        }
    }
}

fn part(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(at(range.start)..at(range.end)).unwrap_or_default()
}

/// Sends a page. A small one stays in the session's buffer, where the next response joins it.
pub(super) async fn send(session: &mut Session, account: &Account, page: &mut Page) -> Answer<()> {
    let mut at = 0;
    for Hole { response, at: hole, fill: Fill { blob, range, decode } } in std::mem::take(&mut page.holes) {
        let first = match read(account, blob, &range, range.start).await {
            Ok(first) => first,
            // Nothing of this response has gone out: the command is refused, and the session goes on.
            Err(problem) if response >= at => {
                session.out.buffer().extend_from_slice(page.bytes.get(at..response).unwrap_or_default());
                return Err(problem);
            }
            Err(_) => return Err(broken_off()),
        };
        session.out.buffer().extend_from_slice(page.bytes.get(at..hole).unwrap_or_default());
        at = hole;
        let filled = match decode {
            None => raw(session, account, blob, range, first).await,
            Some(decode) => decoded(session, account, blob, range, first, decode).await,
        };
        // The literal was announced: what cannot be finished can only be broken off.
        filled.map_err(|problem| match problem {
            Problem::Io(e) => Problem::Io(e),
            _ => broken_off(),
        })?;
    }
    let out = session.out.buffer();
    if at == 0 && out.is_empty() {
        std::mem::swap(out, &mut page.bytes);
    } else {
        out.extend_from_slice(page.bytes.get(at..).unwrap_or_default());
    }
    session.out.flush_if_full().await?;
    Ok(())
}

/// The end of a connection on which half a literal was sent.
fn broken_off() -> Problem {
    Problem::Io(std::io::Error::other("the rest of a message could not be read while it was sent"))
}

/// Sends a run of a body as it is: the next piece is read while one is sent.
async fn raw(
    session: &mut Session,
    account: &Account,
    blob: BlobId,
    range: Range<u64>,
    mut piece: Vec<u8>,
) -> Answer<()> {
    let mut at = range.start;
    loop {
        at += piece.len() as u64;
        if piece.is_empty() && at < range.end {
            return Err(broken_off());
        }
        let out = session.out.buffer();
        if out.is_empty() {
            std::mem::swap(out, &mut piece);
        } else {
            out.append(&mut piece);
        }
        if at >= range.end {
            session.out.flush_if_full().await?;
            return Ok(());
        }
        let (next, sent) = tokio::join!(read(account, blob, &range, at), session.out.flush());
        sent?;
        piece = next?;
    }
}

/// Sends a part with its transfer encoding undone.
async fn decoded(
    session: &mut Session,
    account: &Account,
    blob: BlobId,
    range: Range<u64>,
    first: Vec<u8>,
    Decode { encoding, asked }: Decode,
) -> Answer<()> {
    let (mut decoder, mut first) = (Some(BodyDecoder::new(encoding)), Some(first));
    let (mut at, mut done, mut bytes) = (range.start, 0u64, Vec::new());
    while done < asked.end {
        if at < range.end {
            let piece = match first.take() {
                Some(first) => first,
                None => read(account, blob, &range, at).await?,
            };
            if piece.is_empty() {
                return Err(broken_off());
            }
            at += piece.len() as u64;
            if let Some(decoder) = &mut decoder {
                decoder.push(&piece, &mut bytes);
            }
        } else {
            match decoder.take() {
                Some(decoder) => decoder.finish(&mut bytes),
                None => return Err(broken_off()),
            }
        }
        let have = done..done + bytes.len() as u64;
        let wanted = have.start.max(asked.start)..have.end.min(asked.end);
        if wanted.start < wanted.end {
            let wanted = wanted.start - have.start..wanted.end - have.start;
            session.out.buffer().extend_from_slice(part(&bytes, wanted));
        }
        done = have.end;
        bytes.clear();
        session.out.flush_if_full().await?;
    }
    Ok(())
}

/// The piece of a body that begins at `at` and ends where a chunk of the store ends.
async fn read(account: &Account, blob: BlobId, range: &Range<u64>, at: u64) -> Answer<Vec<u8>> {
    let end = (at / PIECE + 1).saturating_mul(PIECE).min(range.end);
    let length = end.saturating_sub(at);
    Ok(account.blob_range(blob, at, length).await?)
}
