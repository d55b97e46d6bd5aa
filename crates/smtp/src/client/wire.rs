//! The byte stream of a connection: replies in, lines and blocks out, every wait timed and every reply bounded.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::error::Error;
use super::reply::{Line, Reply};

/// Bytes of a reply altogether; beyond that a server is not one.
const MAX_REPLY: usize = 64 * 1024;

/// What a connection can run over: TCP, TLS, or a test's pipe.
pub trait Transport: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Transport for T {}

pub(super) struct Wire {
    stream: Box<dyn Transport>,
    input: BytesMut,
}

impl Wire {
    pub fn new(stream: Box<dyn Transport>) -> Wire {
        Wire { stream, input: BytesMut::new() }
    }

    /// The stream for a TLS handshake. What the server sent in clear behind its answer must not be taken for words from
    /// within TLS (RFC 3207 §4.2 and the injections that it did not foresee).
    pub fn into_stream(self) -> Result<Box<dyn Transport>, Error> {
        match self.input.is_empty() {
            true => Ok(self.stream),
            false => Err(Error::Protocol("STARTTLS", "data in clear behind the answer".to_owned())),
        }
    }

    /// Sends everything within `limit`.
    pub async fn write(&mut self, bytes: &[u8], limit: Duration, doing: &'static str) -> Result<(), Error> {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let sent = tokio::time::timeout(limit, sending).await.map_err(|_| Error::Timeout(doing))?;
        sent.map_err(|e| broken(doing, e))
    }

    /// The next reply, whole, within `limit`. 421 (RFC 5321 §3.8) is an error: the server is about to close.
    pub async fn reply(&mut self, limit: Duration, doing: &'static str) -> Result<Reply, Error> {
        let deadline = Instant::now() + limit;
        let (mut reply, mut left) = (None, MAX_REPLY);
        loop {
            let line = self.line(deadline, &mut left, doing).await?;
            let protocol = || Error::Protocol(doing, String::from_utf8_lossy(&line).chars().take(80).collect());
            if Reply::push(&mut reply, Line::parse(&line).ok_or_else(protocol)?) {
                break;
            }
        }
        match reply {
            Some(reply) if reply.code == 421 => Err(Error::Refused(doing, reply)),
            Some(reply) => Ok(reply),
            None => Err(Error::Closed(doing)),
        }
    }

    /// One line without its end, which is LF: some servers forget the CR.
    async fn line(&mut self, deadline: Instant, left: &mut usize, doing: &'static str) -> Result<Vec<u8>, Error> {
        let mut seen = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', self.input.get(seen..).unwrap_or_default()) {
                let mut line = self.input.split_to(seen + at).to_vec();
                self.input.advance(1);
                *left = left.saturating_sub(line.len() + 1);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            seen = self.input.len();
            if seen >= *left {
                return Err(Error::Protocol(doing, "a reply without end".to_owned()));
            }
            let read = timeout_at(deadline, self.stream.read_buf(&mut self.input)).await;
            match read.map_err(|_| Error::Timeout(doing))?.map_err(|e| broken(doing, e))? {
                0 => return Err(Error::Closed(doing)),
                _ => continue,
            }
        }
    }

    /// Ends the connection in order, as far as the server still listens.
    pub async fn close(mut self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.stream.shutdown()).await;
    }
}

fn broken(doing: &'static str, error: io::Error) -> Error {
    match error.kind() {
        // TLS ends without its closing words at most servers of mail.
        io::ErrorKind::UnexpectedEof => Error::Closed(doing),
        _ => Error::Io(doing, error),
    }
}
