//! The connection of a session: lines in, replies out, each wait timed.
//!
//! Replies are collected while the client has more commands on the way (RFC 2920 §3.2) and sent before the server waits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use memchr::memchr;
use sterna_net::ClientStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::reply::{Fail, Reply};

/// Bytes of a line: RFC 4954 §4 asks for 12,288 in an exchange of AUTH, everything else is shorter.
const MAX_LINE: usize = 12_288 + 2;

/// Bytes of replies that are held back.
const MAX_HELD: usize = 16 * 1024;

/// How long, and for how many bytes, the server listens after its last word.
const LINGER: Duration = Duration::from_secs(2);
const MAX_LINGER: usize = 1 << 20;

/// One connection.
pub(super) struct Wire {
    /// `None` only after a handshake that failed.
    stream: Option<ClientStream>,
    /// What was read and not yet taken.
    pub input: BytesMut,
    output: Vec<u8>,
    write_timeout: Duration,
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

fn too_slow() -> Fail {
    Fail::Close(Reply::new(421, "4.4.2", "you are too slow, goodbye"))
}

impl Wire {
    pub fn new(stream: ClientStream, write_timeout: Duration) -> Wire {
        Wire { stream: Some(stream), input: BytesMut::new(), output: Vec::new(), write_timeout }
    }

    /// Version and cipher of TLS, if it is in use.
    pub fn tls(&self) -> Option<(&'static str, String)> {
        self.stream.as_ref().and_then(ClientStream::tls_names)
    }

    /// Whether TLS is in use.
    pub fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(ClientStream::is_tls)
    }

    /// Takes a reply; it goes out before the next wait.
    pub fn reply(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
    }

    /// Sends the replies if there are many.
    pub async fn relieve(&mut self) -> io::Result<()> {
        if self.output.len() >= MAX_HELD { self.flush().await } else { Ok(()) }
    }

    /// Sends all replies.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        let sent = timeout(self.write_timeout, stream.write_all(&self.output)).await;
        self.output.clear();
        sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Waits for bytes up to `until`.
    pub async fn read(&mut self, until: Instant) -> Result<(), Fail> {
        self.flush().await?;
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        match timeout_at(until, stream.read(&mut self.input)).await.map_err(|_| too_slow())?? {
            0 => Err(Fail::Lost(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// Whether the client says something within `delay`. Reads what is there already if that is zero.
    pub async fn talks_within(&mut self, delay: Duration) -> io::Result<bool> {
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        if delay.is_zero() {
            return Ok(stream.try_read(&mut self.input)?.is_some());
        }
        match timeout(delay, stream.read(&mut self.input)).await {
            Ok(read) => read.map(|_| true),
            Err(_) => Ok(false),
        }
    }

    /// The next line without its CRLF. `shutdown` ends the wait for a line that has not begun.
    ///
    /// A line that ends otherwise, or is too long, ends the session: what follows it cannot be told from it.
    pub async fn line(&mut self, until: Instant, shutdown: &mut watch::Receiver<bool>) -> Result<BytesMut, Fail> {
        let mut looked_at = 0;
        loop {
            let new = self.input.get(looked_at..).unwrap_or_default();
            if let Some(at) = memchr(b'\n', new) {
                let mut line = self.input.split_to(looked_at + at + 1);
                if line.len() > MAX_LINE {
                    return Err(Fail::Close(Reply::new(500, "5.5.6", "the line is too long, goodbye")));
                }
                let len = line.strip_suffix(b"\r\n").filter(|text| memchr(b'\r', text).is_none()).map(<[u8]>::len);
                line.truncate(
                    len.ok_or_else(|| Fail::Close(Reply::new(500, "5.5.2", "only CRLF ends a line, goodbye")))?,
                );
                return Ok(line);
            }
            looked_at = self.input.len();
            if looked_at > MAX_LINE {
                return Err(Fail::Close(Reply::new(500, "5.5.6", "the line is too long, goodbye")));
            }
            if looked_at > 0 {
                self.read(until).await?;
                continue;
            }
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => {
                    return Err(Fail::Close(Reply::new(421, "4.3.2", "this server is shutting down, please try again")));
                }
                read = self.read(until) => read?,
            }
        }
    }

    /// Does the handshake of TLS as the server.
    pub async fn start_tls(&mut self, config: Arc<rustls::ServerConfig>, limit: Duration) -> io::Result<()> {
        self.flush().await?;
        let stream = self.stream.take().ok_or_else(gone)?;
        let shaken = timeout(limit, stream.start_tls(config)).await;
        self.stream = Some(shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??);
        Ok(())
    }

    /// Says what is left to say and ends the connection in order, as far as the client still listens.
    pub async fn close(&mut self) {
        let _ = self.flush().await;
        let Some(stream) = &mut self.stream else { return };
        let ended = async {
            stream.shutdown().await;
            // Closing a socket with unread bytes would take the last reply away from the client.
            let mut left = MAX_LINGER;
            self.input.clear();
            while let Ok(read @ 1..) = stream.read(&mut self.input).await {
                left = left.saturating_sub(read);
                self.input.clear();
                if left == 0 {
                    return;
                }
            }
        };
        let _ = timeout(LINGER, ended).await;
    }
}
