//! One side of a relayed session: a connection with what was read of it and what is to be written to it.
//!
//! Both sides are polled by one task. An idle side holds no buffer.

use std::io;
use std::task::{Context, Poll, ready};

use crate::ClientStream;
use bytes::BytesMut;

/// Bytes that wait to be written, above which nothing more is taken from the other side.
pub const FULL: usize = 256 * 1024;

/// Room for what a busy side sends.
const ROOM: usize = 64 * 1024;

/// A connection with its buffers.
pub struct Wire {
    /// The connection.
    pub stream: ClientStream,
    /// Read and not yet looked at.
    pub input: BytesMut,
    /// To be written.
    pub output: Vec<u8>,
    /// How much of `output` was written.
    sent: usize,
    unflushed: bool,
    /// Nothing can be read before the socket says so.
    dry: bool,
    /// The last read filled what it was given: more room is worth having.
    busy: bool,
    /// The other end has closed its side.
    pub ended: bool,
}

impl Wire {
    /// With what was read of it already.
    pub fn new(stream: ClientStream, input: BytesMut) -> Wire {
        Wire { stream, input, output: Vec::new(), sent: 0, unflushed: false, dry: false, busy: false, ended: false }
    }

    /// No more should be put into `output` now.
    pub fn is_full(&self) -> bool {
        self.output.len() - self.sent >= FULL
    }

    /// Everything was written.
    pub fn is_written(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Writes what can be written; `true`: something was.
    pub fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut moved = false;
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.sent += count;
                    (moved, self.unflushed) = (true, true);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return if moved { Poll::Ready(Ok(true)) } else { Poll::Pending },
            }
        }
        self.output.clear();
        self.sent = 0;
        if self.unflushed {
            ready!(self.stream.poll_flush(cx))?;
            self.unflushed = false;
            moved = true;
        }
        if moved { Poll::Ready(Ok(true)) } else { Poll::Pending }
    }

    /// Reads what is there; 0 at the end.
    pub fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            if self.dry {
                ready!(self.stream.tcp().poll_read_ready(cx))?;
                self.dry = false;
            }
            if self.busy {
                self.input.reserve(ROOM);
            }
            match self.stream.try_read(&mut self.input)? {
                Some(count) => {
                    self.busy = count >= ROOM / 8;
                    self.ended |= count == 0;
                    return Poll::Ready(Ok(count));
                }
                None => {
                    self.dry = true;
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                    }
                    if self.output.is_empty() {
                        self.output = Vec::new();
                    }
                }
            }
        }
    }
}

impl Wire {
    /// The same without what was written already.
    pub fn rest(mut self) -> Wire {
        self.output.drain(..self.sent);
        self.sent = 0;
        self
    }
}
