//! What goes to the client: handlers append to [`Output::buffer`] and flush it when it is full.

use std::io;
use std::time::Duration;

use sterna_net::ClientStream;

/// Handlers flush at this size, bytes.
const FULL: usize = 64 * 1024;

/// The sending side of a connection: a bounded buffer before the stream.
pub(super) struct Output {
    /// `None` only after a handshake that failed: the connection is over.
    pub stream: Option<ClientStream>,
    buffer: Vec<u8>,
    timeout: Duration,
}

pub(super) fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl Output {
    pub fn new(stream: ClientStream, timeout: Duration) -> Output {
        Output { stream: Some(stream), buffer: Vec::new(), timeout }
    }

    /// Where replies are appended: whole lines whenever a handler returns.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends a line.
    pub fn line(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// Whether TLS is in use.
    pub fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(ClientStream::is_tls)
    }

    /// Sends what is there, if it is much.
    pub async fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= FULL { self.flush().await } else { Ok(()) }
    }

    /// Sends all that is there. Fails if the client takes nothing for too long.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        let sent = tokio::time::timeout(self.timeout, stream.write_all(&self.buffer)).await;
        self.buffer.clear();
        sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Gives the buffer's memory back: a session that waits keeps none.
    pub fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }
}
