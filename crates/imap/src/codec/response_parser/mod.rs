//! Reads what IMAP servers send (RFC 9051 §7): bytes to [`Response`], for the client.
//!
//! [`Framer`] finds the end of a response as bytes arrive, [`parse`] makes a value of it. Bodies are slices of the
//! buffer, never copied and never scanned. Servers err in many ways; a response that cannot be read is
//! [`Response::Unknown`], never an error, and no input makes this code panic, recurse without bound or go quadratic.

mod capability;
mod cursor;
mod fetch;
mod flags;
mod framer;
mod list;
mod search;
mod status;
mod value;

use bytes::Bytes;
use sterna_core::ModSeq;

pub use capability::Capabilities;
pub use cursor::Str;
pub use fetch::{Body, Fetch, RawDate};
pub use flags::FlagList;
pub use framer::{ElidedLiteral, FrameError, Framer, Limits, Step};
pub use list::{ListEntry, MailboxStatus, Namespace, Namespaces};
pub use search::Esearch;
pub use status::{Code, Status, StatusText};
pub use value::{MAX_DEPTH, Value};

use crate::codec::mailbox::NameEncoding;
use crate::codec::sequence::NumberSet;
use cursor::{Cursor, lossy};

/// One response of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// `+`: the server waits for more of a command (RFC 9051 §7.6). The text behind it, base64 in AUTHENTICATE.
    Continuation(Bytes),
    /// The end of a command.
    Tagged {
        /// Of which command.
        tag: String,
        /// How it ended.
        status: StatusText,
    },
    /// An untagged OK, NO, BAD, BYE or PREAUTH.
    Status(StatusText),
    /// CAPABILITY.
    Capability(Capabilities),
    /// ENABLED, in upper case.
    Enabled(Vec<String>),
    /// ID (RFC 2971): fields in their order, NIL as `None`.
    Id(Vec<(String, Option<String>)>),
    /// NAMESPACE.
    Namespace(Namespaces),
    /// LIST.
    List(ListEntry),
    /// LSUB (RFC 3501).
    Lsub(ListEntry),
    /// STATUS.
    MailboxStatus(MailboxStatus),
    /// FLAGS.
    Flags(FlagList),
    /// EXISTS.
    Exists(u32),
    /// RECENT (RFC 3501).
    Recent(u32),
    /// EXPUNGE.
    Expunge(u32),
    /// VANISHED (RFC 7162 §3.2.10).
    Vanished {
        /// With the EARLIER tag: history, not news.
        earlier: bool,
        /// UIDs.
        uids: NumberSet,
    },
    /// SEARCH (RFC 3501 §7.2.5).
    Search {
        /// Sequence numbers or UIDs, as the command asked.
        numbers: NumberSet,
        /// The highest MODSEQ among them (RFC 7162 §3.1.5).
        modseq: Option<ModSeq>,
    },
    /// ESEARCH.
    Esearch(Esearch),
    /// FETCH.
    Fetch(Box<Fetch>),
    /// Not understood: the whole response, line end included.
    Unknown(Bytes),
}

/// Reads one complete response, line end included, with the literals that the framer elided from it.
pub fn parse(frame: &Bytes, elided: &[ElidedLiteral], encoding: NameEncoding) -> Response {
    let mut cursor = Cursor::new(frame, elided);
    cursor.spaces();
    read(&mut cursor, encoding).unwrap_or_else(|| Response::Unknown(frame.clone()))
}

fn read(cursor: &mut Cursor<'_>, encoding: NameEncoding) -> Option<Response> {
    match cursor.word() {
        b"+" => {
            let start = cursor.position();
            cursor.skip(cursor.rest().len());
            Some(Response::Continuation(cursor.since(start)))
        }
        b"*" => untagged(cursor, encoding),
        b"" => None,
        tag => {
            let status = Status::from_word(cursor.word())?;
            Some(Response::Tagged { tag: lossy(tag), status: StatusText::read(status, cursor) })
        }
    }
}

fn untagged(cursor: &mut Cursor<'_>, encoding: NameEncoding) -> Option<Response> {
    if cursor.peek()?.is_ascii_digit() {
        let number = cursor.number32()?;
        cursor.spaces();
        let name = cursor.word();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        return if is("FETCH") || is("UIDFETCH") {
            let mut fetch = Fetch::read(number, cursor);
            if is("UIDFETCH") {
                fetch.uid = sterna_core::Uid::new(number);
            }
            Some(Response::Fetch(Box::new(fetch)))
        } else if is("EXISTS") {
            Some(Response::Exists(number))
        } else if is("EXPUNGE") {
            Some(Response::Expunge(number))
        } else if is("RECENT") {
            Some(Response::Recent(number))
        } else {
            None
        };
    }
    let name = cursor.word().to_ascii_uppercase();
    if let Some(status) = Status::from_word(&name) {
        return Some(Response::Status(StatusText::read(status, cursor)));
    }
    match name.as_slice() {
        b"CAPABILITY" => Some(Response::Capability(Capabilities::parse(cursor.rest()))),
        b"ENABLED" => {
            let words = cursor.rest().split(|b| *b == b' ').filter(|w| !w.is_empty());
            Some(Response::Enabled(words.map(|w| lossy(w).to_ascii_uppercase()).collect()))
        }
        b"ID" => id(cursor).map(Response::Id),
        b"NAMESPACE" => Namespaces::read(cursor, encoding).map(Response::Namespace),
        b"LIST" | b"XLIST" => ListEntry::read(cursor, encoding).map(Response::List),
        b"LSUB" => ListEntry::read(cursor, encoding).map(Response::Lsub),
        b"STATUS" => MailboxStatus::read(cursor, encoding).map(Response::MailboxStatus),
        b"FLAGS" => FlagList::read(cursor).map(Response::Flags),
        b"VANISHED" => search::vanished(cursor).map(|(earlier, uids)| Response::Vanished { earlier, uids }),
        b"SEARCH" => {
            let (numbers, modseq) = search::search(cursor);
            Some(Response::Search { numbers, modseq })
        }
        b"ESEARCH" => search::esearch(cursor).map(Response::Esearch),
        _ => None,
    }
}

fn id(cursor: &mut Cursor<'_>) -> Option<Vec<(String, Option<String>)>> {
    let value = Value::read(cursor, MAX_DEPTH)?;
    let text = |v: &Value| v.bytes().map(|b| lossy(b));
    Some(value.list().chunks(2).filter_map(|pair| Some((text(pair.first()?)?, pair.get(1).and_then(text)))).collect())
}

/// Reads everything in `wire` as a connection would, in chunks of the given sizes, repeated; the entry point of the fuzzer.
///
/// Elided literals are skipped. Stops at the first [`FrameError`]. The result does not depend on `chunks`.
pub fn parse_all(wire: &[u8], chunks: &[usize], limits: Limits) -> (Vec<Response>, Option<FrameError>) {
    let mut framer = Framer::new(limits);
    let (mut buffer, mut head) = (bytes::BytesMut::new(), bytes::BytesMut::new());
    let (mut responses, mut drop_bytes, mut rest) = (Vec::new(), 0u64, wire);
    let mut sizes = chunks.iter().copied().filter(|n| *n > 0).cycle();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
        rest = after;
        buffer.extend_from_slice(chunk);
        loop {
            let dropped = drop_bytes.min(buffer.len() as u64);
            drop(buffer.split_to(dropped as usize));
            drop_bytes -= dropped;
            if drop_bytes > 0 {
                break;
            }
            match framer.step(&buffer) {
                Ok(Step::NeedMore(_)) => break,
                Ok(Step::Elided { offset, size }) => {
                    head.unsplit(buffer.split_to(offset));
                    drop_bytes = size;
                }
                Ok(Step::Complete(length)) => {
                    head.unsplit(buffer.split_to(length));
                    let frame = head.split().freeze();
                    responses.push(parse(&frame, &framer.take_elided(), NameEncoding::ModifiedUtf7));
                }
                Err(error) => return (responses, Some(error)),
            }
        }
    }
    (responses, None)
}

#[cfg(test)]
mod tests;
