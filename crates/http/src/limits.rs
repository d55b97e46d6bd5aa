//! What one connection may take: bytes and time. Every answer here is small, so that no honest client comes near these.

use std::time::Duration;

/// Bytes of a request's line and fields together.
pub(crate) const HEAD: usize = 16 * 1024;

/// Fields of a request.
pub(crate) const FIELDS: usize = 64;

/// Bytes of a request's body.
pub(crate) const BODY: usize = 64 * 1024;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The handshake of TLS.
    pub handshake: Duration,
    /// From the end of one request to the end of the next one's fields.
    pub head: Duration,
    /// A request from its fields to its answer, the body included.
    pub request: Duration,
    /// A connection as a whole: also one whose client reads too slowly comes to an end.
    pub connection: Duration,
    /// The request at work, once the server stops or the connection's time is over.
    pub goodbye: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            request: Duration::from_secs(15),
            connection: Duration::from_secs(300),
            goodbye: Duration::from_secs(5),
        }
    }
}
