//! Cuts the byte stream of a client into commands, without I/O and without copying (RFC 9051 §2.2.1, RFC 7888).
//!
//! The session reads into a buffer whose first byte starts a command, and asks [`Framer::next`] what to do. Commands come
//! out whole, their literals in place; only the messages of APPEND and REPLACE never enter the buffer: the framer hands
//! over at their literal, and the session streams the bytes itself. A command that is too long is refused with its tag
//! and skipped; the session lives on.

use super::command::append;
use super::lexer::{Cursor, LiteralHead};

/// What a client may make the server hold in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line, its CRLF included. RFC 7162 §4 asks for 8,192 at least.
    pub line: usize,
    /// Bytes of one literal that is not a message.
    pub literal: u64,
    /// Bytes of a whole command, literals included, messages not.
    pub command: u64,
}

impl Default for Limits {
    /// 64 KB a line, 64 KB a literal, 512 KB a command.
    fn default() -> Self {
        Limits { line: 65_536, literal: 65_536, command: 524_288 }
    }
}

/// What the session does next. `len` always counts from the start of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read more bytes behind the ones in the buffer, then ask again.
    NeedMore,
    /// Send a continuation request (`+ OK`), then ask again. Nothing is dropped from the buffer.
    SendContinuation,
    /// The first `len` bytes are a command for [`super::command::Command::parse`]; drop them after that.
    Command {
        /// Bytes of the command.
        len: usize,
    },
    /// The first `len` bytes are an APPEND or REPLACE up to its first message, for [`append::AppendHead::parse`]. Drop
    /// them, then call [`Framer::message_read`], [`Framer::refuse_message`] or [`Framer::skip_message`].
    AppendHead {
        /// Bytes up to the message.
        len: usize,
    },
    /// The first `len` bytes are what stands behind a message, for [`append::AppendTail::parse`]. Drop them; if they
    /// announce another message, go on as after [`Step::AppendHead`], else the command is complete.
    AppendTail {
        /// Bytes of the line.
        len: usize,
    },
    /// Answer this error. What is left of the command comes as [`Step::Discard`].
    Reject(FrameError),
    /// Drop the first `len` bytes, then ask again.
    Discard {
        /// Bytes to drop.
        len: usize,
    },
}

/// Why a command was refused before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameErrorKind {
    /// A line above [`Limits::line`].
    #[error("command line too long")]
    LineTooLong,
    /// A literal above [`Limits::literal`]: `BAD [TOOBIG]`.
    #[error("literal too long")]
    LiteralTooBig,
    /// A command above [`Limits::command`].
    #[error("command too long")]
    CommandTooBig,
}

/// A command that is refused before it was complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FrameError {
    /// The tag to answer with, if one could be read. None behind a message: the session has that command's tag.
    pub tag: Option<String>,
    /// Why.
    pub kind: FrameErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a line of a command that starts at `line_start`.
    Line,
    /// The command goes on with a literal that ends at this offset of the buffer.
    Literal { end: usize },
    /// The session streams a message.
    Message(LiteralHead),
    /// In the line behind a message.
    Tail,
    /// Dropping bytes; then the rest of the line, or a new command.
    Skip { bytes: u64, line_follows: bool },
    /// Dropping a line, and what it announces.
    SkipLine,
}

/// The position in a client's stream.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
    line_start: usize,
    /// No line end before this offset of the buffer: each byte is looked at once, however small the reads are.
    scanned: usize,
}

impl Framer {
    /// At the start of a command.
    pub fn new(limits: Limits) -> Framer {
        Framer { limits, state: State::Line, line_start: 0, scanned: 0 }
    }

    /// Other limits from the next line on: a client that has not logged in needs less.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What to do with the buffer, which holds all that was read and not yet dropped.
    pub fn next(&mut self, buffer: &[u8]) -> Step {
        loop {
            match self.state {
                State::Line | State::Tail => match self.line_end(buffer) {
                    Ok(Some(end)) => {
                        if let Some(step) = self.line(buffer, end) {
                            return step;
                        }
                    }
                    Ok(None) => return Step::NeedMore,
                    Err(kind) => return self.reject(buffer, kind, self.line_start as u64, true),
                },
                State::Literal { end } if buffer.len() < end => return Step::NeedMore,
                State::Literal { .. } => self.state = State::Line,
                // The session must first say what becomes of the message; asking again is harmless.
                State::Message(_) => return Step::NeedMore,
                State::Skip { bytes: 0, line_follows: true } => self.state = State::SkipLine,
                State::Skip { bytes: 0, line_follows: false } => self.restart(State::Line),
                State::Skip { bytes, line_follows } => {
                    let len = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
                    if len == 0 {
                        return Step::NeedMore;
                    }
                    self.state = State::Skip { bytes: bytes - len as u64, line_follows };
                    return Step::Discard { len };
                }
                State::SkipLine => match memchr::memchr(b'\n', buffer) {
                    // The end of the line tells whether a literal follows, so a few bytes are kept.
                    None if buffer.len() > 64 => return Step::Discard { len: buffer.len() - 64 },
                    None => return Step::NeedMore,
                    Some(i) => {
                        let literal = trailing_literal(buffer.get(..=i).unwrap_or_default());
                        let coming = literal.filter(|l| !l.synchronizing).map(|l| l.size);
                        let bytes = (i as u64 + 1).saturating_add(coming.unwrap_or(0));
                        self.state = State::Skip { bytes, line_follows: coming.is_some() };
                    }
                },
            }
        }
    }

    /// The session has read the whole message; the line behind it comes next.
    pub fn message_read(&mut self) {
        self.restart(State::Tail);
    }

    /// The session answered NO or BAD instead of taking the message: skips it if it comes all the same
    /// (RFC 7888 §4), and the rest of the command.
    pub fn refuse_message(&mut self) {
        match self.state {
            State::Message(literal) if !literal.synchronizing => self.skip_message(literal.size),
            _ => self.restart(State::Line),
        }
    }

    /// The session gave up in the middle of a message: skips the `remaining` bytes and the rest of the command.
    pub fn skip_message(&mut self, remaining: u64) {
        self.restart(State::Skip { bytes: remaining, line_follows: true });
    }

    /// At the start of a command again, whose bytes are still in the buffer.
    pub fn again(&mut self) {
        self.restart(State::Line);
    }

    fn restart(&mut self, state: State) {
        (self.state, self.line_start, self.scanned) = (state, 0, 0);
    }

    /// The offset behind the next LF.
    fn line_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, FrameErrorKind> {
        let fresh = buffer.get(self.scanned..).unwrap_or_default();
        let end = memchr::memchr(b'\n', fresh).map(|i| self.scanned + i + 1);
        self.scanned = end.unwrap_or(buffer.len());
        if self.scanned.saturating_sub(self.line_start) > self.limits.line {
            return Err(FrameErrorKind::LineTooLong);
        }
        Ok(end)
    }

    /// A line is complete: the command is, or a literal follows.
    fn line(&mut self, buffer: &[u8], end: usize) -> Option<Step> {
        let literal = trailing_literal(buffer.get(self.line_start..end).unwrap_or_default());
        if self.state == State::Tail {
            self.restart(literal.map_or(State::Line, State::Message));
            return Some(Step::AppendTail { len: end });
        }
        let Some(literal) = literal else {
            self.restart(State::Line);
            return Some(Step::Command { len: end });
        };
        if append::announces_message(buffer.get(..end).unwrap_or_default()) {
            self.restart(State::Message(literal));
            return Some(Step::AppendHead { len: end });
        }
        let total = (end as u64).saturating_add(literal.size);
        let over_literal = literal.size > self.limits.literal;
        if over_literal || total > self.limits.command {
            let kind = if over_literal { FrameErrorKind::LiteralTooBig } else { FrameErrorKind::CommandTooBig };
            // A synchronizing literal never comes if it is refused.
            let (bytes, line_follows) = if literal.synchronizing { (end as u64, false) } else { (total, true) };
            return Some(self.reject(buffer, kind, bytes, line_follows));
        }
        let literal_end = usize::try_from(total).unwrap_or(usize::MAX);
        self.restart(State::Literal { end: literal_end });
        (self.line_start, self.scanned) = (literal_end, literal_end);
        literal.synchronizing.then_some(Step::SendContinuation)
    }

    fn reject(&mut self, buffer: &[u8], kind: FrameErrorKind, bytes: u64, line_follows: bool) -> Step {
        // The same bytes however much more was read.
        let start = buffer.get(..self.limits.line).unwrap_or(buffer);
        let tag = if self.state == State::Tail { None } else { read_tag(start) };
        self.restart(State::Skip { bytes, line_follows });
        Step::Reject(FrameError { tag, kind })
    }
}

/// The tag of a command, if it has one: at most 255 bytes are given back to the client.
pub(crate) fn read_tag(command: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(command);
    let tag = cursor.tag().ok().filter(|tag| tag.len() <= 255)?;
    matches!(cursor.peek(), Some(b' ' | b'\r' | b'\n')).then(|| tag.to_owned())
}

/// The literal that a line announces at its end.
pub(crate) fn trailing_literal(line: &[u8]) -> Option<LiteralHead> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.last() != Some(&b'}') {
        return None;
    }
    let open = memchr::memrchr(b'{', text)?;
    let start = if open > 0 && text.get(open - 1) == Some(&b'~') { open - 1 } else { open };
    Cursor::new(line.get(start..)?).literal_head().ok()
}

/// One line that is not a command: DONE of IDLE, a response of AUTHENTICATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStep {
    /// Read more bytes, then ask again.
    NeedMore,
    /// The first `len` bytes are the line, with its CRLF.
    Line {
        /// Bytes of the line.
        len: usize,
    },
    /// Above the limit: the session should end, for there is no telling where the next command starts.
    TooLong,
}

/// Finds the end of such a line of at most `max` bytes.
pub fn plain_line(buffer: &[u8], max: usize) -> LineStep {
    match memchr::memchr(b'\n', buffer.get(..max).unwrap_or(buffer)) {
        Some(i) => LineStep::Line { len: i + 1 },
        None if buffer.len() >= max => LineStep::TooLong,
        None => LineStep::NeedMore,
    }
}

#[cfg(test)]
mod tests;
