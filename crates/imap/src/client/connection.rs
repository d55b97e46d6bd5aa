//! One connection: commands go out as they are queued, responses come back in order, bodies as slices of the read buffer.
//!
//! No task runs behind it: [`Connection::next`] writes, reads and frames, so a slow caller slows the server down and
//! memory stays bounded. Everything else in this room is written on top of it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::command::Command;
use super::endpoint::Timeouts;
use super::error::{Error, ErrorKind};
use super::event::{Event, Tag};
use super::output::Output;
use super::stream::Stream;
use crate::codec::mailbox::NameEncoding;
use crate::codec::response_parser::{
    Body, Capabilities, Code, FrameError, Framer, Limits, Response, Status, StatusText, Step, parse,
};

/// The read buffer, in bytes: large enough that a system call costs nothing beside what it brings.
const READ_BUFFER: usize = 512 << 10;

/// With less room than this a new buffer is taken.
const LEAST_ROOM: usize = 32 << 10;

/// The longest piece of a streamed body.
const CHUNK: usize = 256 << 10;

/// LITERAL- allows non-synchronising literals up to this size (RFC 7888 §5).
const LITERAL_MINUS: usize = 4096;

struct InFlight {
    tag: Tag,
    name: &'static str,
}

struct Streaming {
    remaining: u64,
    /// Whether the caller gets it; a giant subject in an ENVELOPE is read over.
    deliver: bool,
}

/// A connection to an IMAP server.
pub struct Connection {
    pub(super) at: Arc<str>,
    pub(super) timeouts: Timeouts,
    pub(super) capabilities: Capabilities,
    pub(super) encoding: NameEncoding,
    pub(super) greeted: bool,
    pub(super) preauth: bool,
    stream: Stream,
    input: BytesMut,
    /// The beginning of a response whose large literal is being streamed.
    head: BytesMut,
    /// How many bytes `input` must have before the framer can say more.
    wanted: usize,
    framer: Framer,
    streaming: Option<Streaming>,
    streamed_body: bool,
    output: Output,
    unflushed: bool,
    in_flight: VecDeque<InFlight>,
    last_tag: u32,
    bye: Option<StatusText>,
    ended: bool,
    changes: u64,
    enabled: Vec<String>,
}

impl Connection {
    /// On a stream that is already open; nothing is read or written. [`super::connect`] makes one from an endpoint.
    pub fn new(stream: Stream, at: &str, timeouts: Timeouts, limits: Limits) -> Connection {
        Connection {
            at: Arc::from(at),
            timeouts,
            capabilities: Capabilities::default(),
            encoding: NameEncoding::default(),
            greeted: false,
            preauth: false,
            stream,
            input: BytesMut::new(),
            head: BytesMut::new(),
            wanted: 0,
            framer: Framer::new(limits),
            streaming: None,
            streamed_body: false,
            output: Output::default(),
            unflushed: false,
            in_flight: VecDeque::new(),
            last_tag: 0,
            bye: None,
            ended: false,
            changes: 0,
            enabled: Vec::new(),
        }
    }

    /// What the server can do, as last told.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether an extension was enabled here (RFC 9051 §6.3.1); the name in upper case.
    pub fn is_enabled(&self, extension: &str) -> bool {
        self.enabled.iter().any(|e| e == extension)
    }

    /// How mailbox names are written here.
    pub fn encoding(&self) -> NameEncoding {
        self.encoding
    }

    /// `imap://host:port`, for messages.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Counts EXISTS, EXPUNGE and VANISHED: a caller that sees another number than before looks what changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Commands that have not ended.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// A command for this connection.
    pub fn command(&self, name: &'static str) -> Command {
        Command::new(name, self.encoding)
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(&self.at, kind)
    }

    /// Queues a command; it goes out with the next [`Connection::next`].
    pub fn send(&mut self, command: Command) -> Tag {
        let tag = self.send_open(command);
        self.output.push(tag, b"\r\n");
        tag
    }

    /// As [`Connection::send`], without the final line end: the caller pushes more of the command.
    pub(super) fn send_open(&mut self, command: Command) -> Tag {
        let tag = self.begin(command.name);
        self.output.push(tag, format!("{tag} ").as_bytes());
        for (text, literal) in &command.literals {
            self.output.push(tag, text);
            self.push_literal_head(tag, literal.len() as u64);
            self.output.push(tag, literal);
        }
        self.output.push(tag, &command.text);
        tag
    }

    fn begin(&mut self, name: &'static str) -> Tag {
        self.last_tag = self.last_tag.wrapping_add(1);
        let tag = Tag(self.last_tag);
        tracing::debug!(at = %self.at, %tag, command = name, "command");
        self.in_flight.push_back(InFlight { tag, name });
        tag
    }

    /// ` {5}` or ` {5+}`; the former holds back what follows until the server asks for it (RFC 7888).
    pub(super) fn push_literal_head(&mut self, tag: Tag, size: u64) {
        let plus =
            self.capabilities.has("LITERAL+") || (size <= LITERAL_MINUS as u64 && self.capabilities.has("LITERAL-"));
        self.output.push(tag, format!("{{{size}{}}}\r\n", if plus { "+" } else { "" }).as_bytes());
        if !plus {
            self.output.await_continuation(tag);
        }
    }

    /// Queues more bytes of a command that was sent.
    pub(super) fn push(&mut self, tag: Tag, bytes: &[u8]) {
        self.output.push(tag, bytes);
    }

    /// Queues a block without copying it.
    pub(super) fn push_block(&mut self, tag: Tag, bytes: BytesMut) {
        self.output.push_block(tag, bytes);
    }

    /// Whether everything queued was written.
    pub(super) fn all_written(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Makes the connection unusable, because a command on it can never be completed.
    pub(super) fn abandon(&mut self) {
        self.ended = true;
        self.input.clear();
    }

    pub(super) fn is_in_flight(&self, tag: Tag) -> bool {
        self.in_flight.iter().any(|c| c.tag == tag)
    }

    /// An event if one is buffered, else some progress in writing or reading.
    pub(super) async fn step(&mut self) -> Result<Option<Event>, Error> {
        let event = self.buffered()?;
        if event.is_none() {
            self.exchange().await?;
        }
        Ok(event)
    }

    /// What was read and is not yet part of a complete response.
    pub(super) fn unread(&self) -> &[u8] {
        &self.input
    }

    /// Gives the stream back, for a TLS handshake on it.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    /// The stream, what was read of it and not yet used, and what the server can do: for a relay, which speaks for itself.
    pub(crate) fn into_parts(self) -> (Stream, BytesMut, Capabilities) {
        (self.stream, self.input, self.capabilities)
    }

    /// The next event. Cancel-safe: a call that is dropped loses nothing.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.buffered()? {
                return Ok(event);
            }
            self.exchange().await?;
        }
    }

    /// As [`Connection::next`], but gives up after a while with `None`, which is no error.
    pub async fn next_within(&mut self, wait: Duration) -> Result<Option<Event>, Error> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            if let Some(event) = self.buffered()? {
                return Ok(Some(event));
            }
            match tokio::time::timeout_at(deadline, self.transfer()).await {
                Ok(result) => result?,
                Err(_) => return Ok(None),
            }
        }
    }

    /// The next event from what was read already.
    fn buffered(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(streaming) = &mut self.streaming {
                if streaming.remaining > 0 {
                    let most = streaming.remaining.min(CHUNK as u64) as usize;
                    let chunk = self.input.split_to(most.min(self.input.len()));
                    if chunk.is_empty() {
                        return Ok(None);
                    }
                    streaming.remaining -= chunk.len() as u64;
                    match streaming.deliver {
                        true => return Ok(Some(Event::BodyChunk(chunk.freeze()))),
                        false => continue,
                    }
                }
                self.streaming = None;
            }
            if self.input.len() < self.wanted {
                return Ok(None);
            }
            match self.framer.step(&self.input).map_err(|e| self.unframed(e))? {
                Step::NeedMore(total) => {
                    self.wanted = total;
                    return Ok(None);
                }
                Step::Elided { offset, size } => {
                    self.wanted = 0;
                    self.head.unsplit(self.input.split_to(offset));
                    if let Some(event) = self.begin_streaming(size) {
                        return Ok(Some(event));
                    }
                }
                Step::Complete(length) => {
                    self.wanted = 0;
                    self.streamed_body = false;
                    let line = self.input.split_to(length);
                    let frame = match self.head.is_empty() {
                        true => line.freeze(),
                        false => {
                            self.head.extend_from_slice(&line);
                            self.head.split().freeze()
                        }
                    };
                    let response = parse(&frame, &self.framer.take_elided(), self.encoding);
                    if let Some(event) = self.observe(response)? {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    fn begin_streaming(&mut self, size: u64) -> Option<Event> {
        let head = Bytes::copy_from_slice(&self.head);
        let fetch = match parse(&head, self.framer.elided(), self.encoding) {
            Response::Fetch(fetch) if fetch.body == Body::Streamed(size) && !self.streamed_body => Some(fetch),
            _ => None,
        };
        self.streaming = Some(Streaming { remaining: size, deliver: fetch.is_some() });
        fetch.map(|fetch| {
            self.streamed_body = true;
            Event::BodyStart { fetch, size }
        })
    }

    /// Learns from a response what concerns the connection, and passes it on.
    fn observe(&mut self, response: Response) -> Result<Option<Event>, Error> {
        match &response {
            Response::Tagged { tag, status } => {
                self.learn(status);
                let number = tag.strip_prefix('S').and_then(|n| n.parse().ok());
                let position = self.in_flight.iter().position(|c| Some(c.tag.0) == number);
                let Some(ended) = position.and_then(|p| self.in_flight.remove(p)) else {
                    // Some servers answer what they cannot parse with a tag of their own making.
                    let said = format!("it answered a command that was never sent: {tag} {}", status.text);
                    return Err(self.error(ErrorKind::Protocol(said)));
                };
                self.output.withdraw(ended.tag);
                let status = status.clone();
                tracing::debug!(at = %self.at, tag = %ended.tag, status = ?status.status, "command ended");
                return Ok(Some(Event::Done { tag: ended.tag, command: ended.name, status }));
            }
            Response::Continuation(_) if self.output.continued() => return Ok(None),
            Response::Status(status) => {
                self.learn(status);
                if status.status == Status::Bye {
                    self.bye = Some(status.clone());
                }
            }
            Response::Capability(capabilities) => self.capabilities = capabilities.clone(),
            Response::Enabled(extensions) => {
                self.enabled.extend(extensions.iter().cloned());
                if self.is_enabled("UTF8=ACCEPT") || self.is_enabled("IMAP4REV2") {
                    self.encoding = NameEncoding::Utf8;
                }
            }
            Response::Exists(_) | Response::Expunge(_) | Response::Vanished { earlier: false, .. } => self.changes += 1,
            _ => {}
        }
        Ok(Some(Event::Response(response)))
    }

    fn learn(&mut self, status: &StatusText) {
        if let Some(Code::Capability(capabilities)) = &status.code {
            self.capabilities = capabilities.clone();
        }
    }

    fn unframed(&self, error: FrameError) -> Error {
        self.error(ErrorKind::Protocol(error.to_string()))
    }

    /// What the end of the stream means here.
    fn ended(&self) -> Error {
        let doing = self.doing();
        self.error(match &self.bye {
            Some(bye) => ErrorKind::Bye { wait: super::backoff::suggested_wait(&bye.text), text: bye.text.clone() },
            None => ErrorKind::Closed(doing),
        })
    }

    fn doing(&self) -> &'static str {
        let idle = if self.greeted { "no command was running" } else { "its greeting was due" };
        self.in_flight.front().map_or(idle, |c| c.name)
    }

    /// Writes and reads what is possible, at least something of either; bounded in time.
    pub(super) async fn exchange(&mut self) -> Result<(), Error> {
        let after = self.timeouts.response;
        match tokio::time::timeout(after, self.transfer()).await {
            Ok(result) => result,
            Err(_) => Err(self.error(ErrorKind::Timeout { doing: self.doing(), after })),
        }
    }

    async fn transfer(&mut self) -> Result<(), Error> {
        if self.ended {
            return Err(self.ended());
        }
        let room = self.input.capacity() - self.input.len();
        if room < LEAST_ROOM || self.wanted > self.input.capacity() {
            self.input.reserve(READ_BUFFER.max(self.wanted.saturating_sub(self.input.len())));
        }
        // While a body goes out, a chattering server must not fill the memory.
        let reading = self.output.is_empty() || self.input.len() < READ_BUFFER;
        let (stream, output, input) = (&mut self.stream, &mut self.output, &mut self.input);
        let unflushed = &mut self.unflushed;
        let result = std::future::poll_fn(|cx| {
            let mut progress = false;
            while !output.writable().is_empty() {
                match Pin::new(&mut *stream).poll_write(cx, output.writable()) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => {
                        output.written(count);
                        (*unflushed, progress) = (true, true);
                    }
                    // The server may have said why it closed: what it sent is read first.
                    Poll::Ready(Err(_)) if reading => break,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            if *unflushed && Pin::new(&mut *stream).poll_flush(cx)?.is_ready() {
                (*unflushed, progress) = (false, true);
            }
            if reading {
                match pin!(stream.read_buf(&mut *input)).poll(cx) {
                    Poll::Ready(Ok(count)) => return Poll::Ready(Ok(count)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            if progress { Poll::Ready(Ok(usize::MAX)) } else { Poll::Pending }
        })
        .await;
        self.ended = !matches!(result, Ok(1..));
        match result {
            Ok(1..) => Ok(()),
            // A reset, or a TLS stream cut without its end, tells less than the BYE before it.
            Err(error) if self.bye.is_none() && error.kind() != std::io::ErrorKind::UnexpectedEof => {
                Err(self.error(ErrorKind::Io(error)))
            }
            Ok(0) | Err(_) => Err(self.ended()),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("at", &self.at).field("in_flight", &self.in_flight.len()).finish()
    }
}
