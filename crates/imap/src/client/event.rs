//! What a connection gives its caller, one after another.

use std::fmt;

use bytes::Bytes;

use crate::codec::response_parser::{Fetch, Response, StatusText};

/// Names a command in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub(super) u32);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}", self.0)
    }
}

/// What [`super::Connection::next`] gives.
#[derive(Debug)]
pub enum Event {
    /// An untagged response, or a continuation nobody waited for.
    Response(Response),
    /// A command ended, well or not.
    Done {
        /// Which.
        tag: Tag,
        /// Its name.
        command: &'static str,
        /// How.
        status: StatusText,
    },
    /// A message too large for one piece begins: [`Event::BodyChunk`]s follow, `size` bytes in all, then the whole
    /// FETCH as an [`Event::Response`] whose body is [`Body::Streamed`](crate::codec::response_parser::Body::Streamed).
    BodyStart {
        /// The items that came before the body.
        fetch: Box<Fetch>,
        /// Bytes of the body.
        size: u64,
    },
    /// The next piece of that message.
    BodyChunk(Bytes),
}
