//! RETR and TOP: a message as a stream, one piece in memory while the one before it is sent.

use std::ops::ControlFlow;

use sterna_core::BlobId;
use sterna_store::{Account, CHUNK, UidRange};

use super::listing::no_such_message;
use super::reply::End;
use super::session::Session;
use crate::dot::Stuffer;

/// Bytes of a body read at once; a multiple of the store's chunk, so that none is decompressed twice.
const PIECE: u64 = 8 * CHUNK as u64;

/// RETR
pub(super) async fn retr(session: &mut Session, number: u32) -> Result<(), End> {
    send(session, number, None).await
}

/// TOP: the header, and so many lines of the body.
pub(super) async fn top(session: &mut Session, number: u32, lines: u64) -> Result<(), End> {
    send(session, number, Some(Top::new(lines))).await
}

async fn send(session: &mut Session, number: u32, mut top: Option<Top>) -> Result<(), End> {
    let maildrop = session.maildrop()?;
    let entry = maildrop.get(number).ok_or_else(no_such_message)?;
    let (mailbox, uid, email) = (maildrop.mailbox, entry.uid, entry.email);
    let account = session.account()?.clone();
    let found = account
        .read(move |tx| {
            let mut found = None;
            let _ = tx.emails(mailbox, UidRange::one(uid), |row, e| {
                found = (row.email == email).then_some((e.blob, e.size));
                Ok(ControlFlow::Break(()))
            })?;
            // Most messages are one piece: what is sent is read along.
            found.map(|(blob, size)| Ok((blob, size, tx.blob_range(blob, 0, PIECE)?))).transpose()
        })
        .await?;
    let Some((blob, size, mut piece)) = found else {
        return Err(End::refused("another session has deleted this message"));
    };
    match top {
        None => session.out.line(&format!("+OK {size} octets")),
        Some(_) => session.out.line("+OK top of the message follows"),
    }
    let mut stuffer = Stuffer::new();
    let mut at = 0;
    loop {
        let wanted = top.as_mut().map_or(piece.len(), |top| top.take(&piece));
        stuffer.push(piece.get(..wanted).unwrap_or_default(), session.out.buffer());
        at += piece.len() as u64;
        if at >= size || wanted < piece.len() || top.as_ref().is_some_and(|top| top.done) {
            break;
        }
        let (next, sent) = tokio::join!(read(&account, blob, at), session.out.flush());
        sent?;
        piece = next?;
    }
    stuffer.finish(session.out.buffer());
    session.out.flush_if_full().await?;
    Ok(())
}

/// The piece that begins at `at`. The reply has begun: one that cannot be finished can only be broken off.
async fn read(account: &Account, blob: BlobId, at: u64) -> Result<Vec<u8>, End> {
    match account.blob_range(blob, at, PIECE).await {
        Ok(piece) if !piece.is_empty() => Ok(piece),
        other => {
            tracing::error!(error = ?other.err(), "the rest of a message could not be read while it was sent");
            Err(End::Io(std::io::Error::other("the rest of a message could not be read")))
        }
    }
}

/// Where the part of a message ends that TOP wants.
struct Top {
    in_header: bool,
    /// The present line has had no byte but CR so far.
    empty: bool,
    lines: u64,
    done: bool,
}

impl Top {
    fn new(lines: u64) -> Top {
        Top { in_header: true, empty: true, lines, done: false }
    }

    /// How many bytes of a piece are wanted; fewer than all once it is done.
    fn take(&mut self, piece: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = piece.get(taken..).filter(|rest| !rest.is_empty() && !self.done) {
            let newline = memchr::memchr(b'\n', rest);
            let line = rest.get(..newline.unwrap_or(rest.len())).unwrap_or_default();
            self.empty &= line.iter().all(|b| *b == b'\r');
            taken += newline.map_or(rest.len(), |n| n + 1);
            if newline.is_none() {
                break;
            }
            match self.in_header {
                true if self.empty => self.in_header = false,
                true => {}
                false => self.lines = self.lines.saturating_sub(1),
            }
            self.empty = true;
            self.done = !self.in_header && self.lines == 0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_ends_where_it_should_however_the_message_is_cut() {
        let message = b"A: 1\r\nB:\r\n 2\r\n\r\none\r\n\r\nthree\r\nfour";
        let header = b"A: 1\r\nB:\r\n 2\r\n\r\n".len();
        for (lines, wanted) in [(0, header), (1, header + 5), (2, header + 7), (3, header + 14), (4, 36), (99, 36)] {
            for size in 1..message.len() + 1 {
                let (mut top, mut taken) = (Top::new(lines), 0);
                for piece in message.chunks(size) {
                    taken += top.take(piece);
                }
                assert_eq!(taken, wanted.min(message.len()), "{lines} lines in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_message_without_a_body_is_all_header() {
        let mut top = Top::new(0);
        assert_eq!(top.take(b"A: 1\r\nB: 2"), 10);
        assert!(!top.done);
    }
}
