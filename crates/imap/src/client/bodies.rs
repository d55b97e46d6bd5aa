//! Messages with their bodies, one after another, while the next batches are already on their way.
//!
//! The mover plans batches by size and keeps a few of them requested; this hands over each message as it arrives. A body
//! of ordinary size is one slice of the read buffer, a large one comes in chunks, so memory stays bounded.

use std::collections::VecDeque;

use bytes::Bytes;

use super::command::pieces;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use crate::codec::response_parser::{Body, Fetch, Response, Status, StatusText};
use crate::codec::sequence::NumberSet;

/// What [`Bodies::next`] gives.
#[derive(Debug)]
pub enum BodyEvent {
    /// A message; its body is [`Body::Bytes`] (of length 0 if the server says so) or [`Body::Nil`].
    ///
    /// The bytes share a read buffer of half a megabyte: keep them for long only as a copy.
    Message(Box<Fetch>),
    /// A large message begins; its chunks and [`BodyEvent::End`] follow before anything else.
    Begin {
        /// The items that came before the body; [`BodyEvent::End`] has them all.
        fetch: Box<Fetch>,
        /// Bytes of the body.
        size: u64,
    },
    /// The next piece of the large message.
    Chunk(Bytes),
    /// The large message is complete; its body is [`Body::Streamed`].
    End(Box<Fetch>),
    /// A batch is through, in the order of requests.
    BatchDone {
        /// Asked for and not answered: vanished since they were listed, or refused.
        missing: NumberSet,
        /// The server's NO, if it refused some (RFC 5530 EXPUNGEISSUED, or a message it cannot read).
        refused: Option<StatusText>,
    },
    /// News that nobody asked for: EXISTS, EXPUNGE, VANISHED, changed flags.
    Update(Response),
}

struct Batch {
    uids: NumberSet,
    /// UIDs answered in ascending order, as servers answer.
    seen: NumberSet,
    /// Commands of this batch that have not ended.
    tags: Vec<Tag>,
    refused: Option<StatusText>,
}

/// A pipeline of UID FETCH commands for bodies, on a connection with a mailbox selected.
pub struct Bodies<'c> {
    connection: &'c mut Connection,
    items: String,
    batches: VecDeque<Batch>,
}

impl Connection {
    /// Begins to fetch bodies. The pipeline needs the connection for itself until its last batch is done; dropping it
    /// earlier leaves commands in flight, and [`ErrorKind::Busy`] for the next call.
    pub fn bodies(&mut self) -> Result<Bodies<'_>, Error> {
        self.must_be_free()?;
        let items = format!(" ({} BODY.PEEK[])", self.listing_items());
        Ok(Bodies { connection: self, items, batches: VecDeque::new() })
    }
}

impl Bodies<'_> {
    /// Requests a batch; an empty one is nothing. Two or three in flight keep the link busy.
    pub fn request(&mut self, uids: NumberSet) {
        let connection = &mut *self.connection;
        let command = |c: &Connection, piece| c.command("UID FETCH").ranges(piece).text(&self.items);
        let tags: Vec<Tag> = pieces(&uids).map(|piece| connection.send(command(connection, piece))).collect();
        if !tags.is_empty() {
            self.batches.push_back(Batch { uids, seen: NumberSet::new(), tags, refused: None });
        }
    }

    /// Batches requested and not done.
    pub fn in_flight(&self) -> usize {
        self.batches.len()
    }

    /// The next event; `None` when nothing is in flight. Cancel-safe.
    ///
    /// A server that throttles or is unavailable ends the pipeline with an error, what was given before is good.
    pub async fn next(&mut self) -> Result<Option<BodyEvent>, Error> {
        while !self.batches.is_empty() {
            match self.connection.next().await? {
                Event::Response(Response::Fetch(fetch)) => return Ok(Some(self.fetched(fetch))),
                Event::Response(update) => return Ok(Some(BodyEvent::Update(update))),
                Event::BodyStart { fetch, size } => return Ok(Some(BodyEvent::Begin { fetch, size })),
                Event::BodyChunk(chunk) => return Ok(Some(BodyEvent::Chunk(chunk))),
                Event::Done { tag, command, status } => {
                    if let Some(done) = self.ended(tag, command, status)? {
                        return Ok(Some(done));
                    }
                }
            }
        }
        Ok(None)
    }

    fn fetched(&mut self, fetch: Box<Fetch>) -> BodyEvent {
        if fetch.body == Body::Absent {
            return BodyEvent::Update(Response::Fetch(fetch));
        }
        if let Some(uid) = fetch.uid.map(|uid| uid.get()) {
            let asked = |b: &&mut Batch| b.uids.contains(uid) && !b.seen.contains(uid);
            if let Some(batch) = self.batches.iter_mut().find(asked) {
                batch.seen.insert(uid);
            }
        }
        match fetch.body {
            Body::Streamed(_) => BodyEvent::End(fetch),
            _ => BodyEvent::Message(fetch),
        }
    }

    fn ended(&mut self, tag: Tag, command: &'static str, status: StatusText) -> Result<Option<BodyEvent>, Error> {
        let Some(index) = self.batches.iter().position(|b| b.tags.contains(&tag)) else { return Ok(None) };
        let Some(batch) = self.batches.get_mut(index) else { return Ok(None) };
        batch.tags.retain(|t| *t != tag);
        if matches!(status.status, Status::No | Status::Bad) {
            let kind = ErrorKind::refused(command, &status);
            if !matches!(kind, ErrorKind::No { .. }) {
                return Err(self.connection.error(kind));
            }
            batch.refused = Some(status);
        }
        if !batch.tags.is_empty() {
            return Ok(None);
        }
        let done = self.batches.remove(index);
        Ok(done.map(|b| BodyEvent::BatchDone { missing: b.uids.difference(&b.seen), refused: b.refused }))
    }
}
