//! What goes to the client: handlers append to [`Output::buffer`] and flush it when it is full.

use std::io;
use std::time::Duration;

use super::transport::Stream;

/// Handlers flush at this size, bytes.
const FULL: usize = 64 * 1024;

/// The sending side of a connection: a bounded buffer before the stream.
pub(crate) struct Output {
    pub(super) stream: Stream,
    buffer: Vec<u8>,
    timeout: Duration,
}

impl Output {
    pub(super) fn new(stream: Stream, timeout: Duration) -> Output {
        Output { stream, buffer: Vec::new(), timeout }
    }

    /// Where responses are appended. What stands in it must be whole lines whenever a handler returns.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether it is time to flush.
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= FULL
    }

    /// Sends what is there, if it is much.
    pub async fn flush_if_full(&mut self) -> io::Result<()> {
        if self.is_full() { self.flush().await } else { Ok(()) }
    }

    /// Sends all that is there. Fails if the client takes nothing for too long.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let sent = tokio::time::timeout(self.timeout, self.stream.write_all(&self.buffer)).await;
        self.buffer.clear();
        sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Gives the buffer's memory back: an idle session keeps none.
    pub(super) fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }
}
