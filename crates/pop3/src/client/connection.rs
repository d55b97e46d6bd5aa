//! One connection: commands out, lines and messages in, each wait timed, nothing unbounded held.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use sterna_net::ClientStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::capability::Capabilities;
use super::endpoint::Timeouts;
use super::error::{Error, ErrorKind};

/// The longest line of a reply, bytes.
const MAX_LINE: usize = 8_192;

/// Lines of one reply at most: more messages than any mailbox has.
const MAX_LINES: usize = 5_000_000;

/// Bytes that one read asks for.
const READ: usize = 128 << 10;

/// The stream below.
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection to a POP3 server.
pub struct Connection {
    pub(super) at: Arc<str>,
    pub(super) timeouts: Timeouts,
    pub(super) capabilities: Capabilities,
    /// The greeting said that it believes what it is told about the client (Dovecot's XCLIENT).
    pub(super) takes_xclient: bool,
    stream: Stream,
    input: BytesMut,
    /// Commands whose replies have not been read: only they may be read next.
    pub(super) in_flight: usize,
}

impl Connection {
    pub(super) fn new(stream: Stream, at: Arc<str>, timeouts: Timeouts) -> Connection {
        let capabilities = Capabilities::default();
        Connection { at, timeouts, capabilities, takes_xclient: false, stream, input: BytesMut::new(), in_flight: 0 }
    }

    /// What the server can do, as last told.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// `pop3://host:port`, for messages.
    pub fn at(&self) -> &str {
        &self.at
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(&self.at, kind)
    }

    pub(super) fn protocol(&self, what: impl Into<String>) -> Error {
        self.error(ErrorKind::Protocol(what.into()))
    }

    /// Gives the stream back for a handshake, and whether anything was read beyond the last reply.
    pub(super) fn into_stream(self) -> (Stream, bool) {
        (self.stream, !self.input.is_empty())
    }

    /// Gives the connection up for a relay, with what was read beyond the last reply.
    pub(crate) fn into_relayed(self) -> (ClientStream, BytesMut) {
        let stream = match self.stream {
            Stream::Tcp(tcp) => ClientStream::Plain(tcp),
            Stream::Tls(tls) => ClientStream::Tls(Box::new((*tls).into())),
        };
        (stream, self.input)
    }

    /// Sends bytes: whole lines, few enough to fit the buffers between both sides.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let after = self.timeouts.response;
        let stream = &mut self.stream;
        let write = async move {
            match stream {
                Stream::Tcp(tcp) => tcp.write_all(bytes).await,
                Stream::Tls(tls) => {
                    tls.write_all(bytes).await?;
                    tls.flush().await
                }
            }
        };
        match tokio::time::timeout(after, write).await {
            Ok(Ok(())) => Ok(()),
            // The server may have said why it closed: what it sent is read next.
            Ok(Err(_)) if !self.input.is_empty() => Ok(()),
            Ok(Err(e)) => Err(self.error(ErrorKind::Io(e))),
            Err(_) => Err(self.error(ErrorKind::Timeout { doing: "sending", after })),
        }
    }

    /// What was read and not yet taken.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Waits for more bytes.
    pub(super) async fn read_more(&mut self, doing: &'static str, after: Duration) -> Result<(), Error> {
        self.input.reserve(READ);
        let read = async {
            match &mut self.stream {
                Stream::Tcp(tcp) => tcp.read_buf(&mut self.input).await,
                Stream::Tls(tls) => tls.read_buf(&mut self.input).await,
            }
        };
        match tokio::time::timeout(after, read).await {
            Ok(Ok(0)) => Err(self.error(ErrorKind::Closed(doing))),
            Ok(Ok(_)) => Ok(()),
            // A TLS stream that is cut without its end.
            Ok(Err(e)) if e.kind() == io::ErrorKind::UnexpectedEof => Err(self.error(ErrorKind::Closed(doing))),
            Ok(Err(e)) => Err(self.error(ErrorKind::Io(e))),
            Err(_) => Err(self.error(ErrorKind::Timeout { doing, after })),
        }
    }

    /// The next line without its end, which may be a bare LF.
    pub(super) async fn line(&mut self, doing: &'static str) -> Result<BytesMut, Error> {
        self.line_within(doing, self.timeouts.response).await
    }

    pub(super) async fn line_within(&mut self, doing: &'static str, after: Duration) -> Result<BytesMut, Error> {
        let mut looked = 0;
        loop {
            if let Some(newline) = memchr::memchr(b'\n', self.input.get(looked..).unwrap_or_default()) {
                let mut line = self.input.split_to(looked + newline + 1);
                let end = line.strip_suffix(b"\r\n").map_or(line.len() - 1, <[u8]>::len);
                line.truncate(end);
                return Ok(line);
            }
            looked = self.input.len();
            if looked > MAX_LINE {
                return Err(self.protocol("a line of its reply does not end"));
            }
            self.read_more(doing, after).await?;
        }
    }

    /// Reads a status line: `Ok` is what follows `+OK`, `Err` what follows `-ERR`.
    pub(super) async fn status(&mut self, doing: &'static str) -> Result<Result<String, String>, Error> {
        let line = self.line(doing).await?;
        let text = |rest: &[u8]| String::from_utf8_lossy(rest).trim().to_owned();
        if let Some(rest) = line.strip_prefix(b"+OK") {
            return Ok(Ok(text(rest)));
        }
        if let Some(rest) = line.strip_prefix(b"-ERR") {
            return Ok(Err(text(rest)));
        }
        let shown = String::from_utf8_lossy(line.get(..line.len().min(80)).unwrap_or_default()).into_owned();
        Err(self.protocol(format!("it answered {shown:?} while {doing}")))
    }

    /// Sends one command and waits for its status line.
    pub(super) async fn run(&mut self, command: &str, doing: &'static str) -> Result<Result<String, String>, Error> {
        if self.in_flight > 0 {
            return Err(self.protocol("replies to earlier commands were not read"));
        }
        self.send(format!("{command}\r\n").as_bytes()).await?;
        self.status(doing).await
    }

    /// The lines of a multi-line reply.
    pub(super) async fn lines(&mut self, doing: &'static str, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        for _ in 0..MAX_LINES {
            let line = self.line(doing).await?;
            match &line[..] {
                b"." => return Ok(()),
                [b'.', rest @ ..] => each(rest),
                line => each(line),
            }
        }
        Err(self.protocol("a reply does not end"))
    }

    /// Asks for the capabilities.
    pub(super) async fn read_capabilities(&mut self) -> Result<(), Error> {
        let lines = match self.run("CAPA", "waiting for CAPA").await? {
            Ok(_) => {
                let mut lines = Vec::new();
                let add = |line: &[u8]| {
                    if lines.len() < 1_000 {
                        lines.push(String::from_utf8_lossy(line).into_owned());
                    }
                };
                self.lines("reading CAPA", add).await?;
                Some(lines)
            }
            Err(_) => None,
        };
        self.capabilities = Capabilities::new(lines);
        Ok(())
    }

    /// Ends the session in order. Nothing was deleted.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.run("QUIT", "waiting for QUIT").await.map(drop)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("at", &self.at).field("in_flight", &self.in_flight).finish()
    }
}
