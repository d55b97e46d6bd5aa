//! A line-level IMAP client for tests: what it sends is what the test wrote, what it gives back is what the server sent.
//!
//! It shares no code with Sterna's own client or codec, so that a bug in those cannot hide itself. Blocking, plain TCP,
//! literals in both directions (RFC 9051 §4.3), every read bounded by a timeout.

mod line;
mod value;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

pub use line::{LineWire, SmtpReply, stuffed};
pub use value::{Value, fetch};

/// The longest that any single read may take, unless a test sets another limit.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// One complete response: a line without its CRLF, the literals in it in place (`{3}` CRLF and three bytes).
#[derive(Clone, PartialEq, Eq)]
pub struct Response(pub Vec<u8>);

/// Everything that a command brought back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The untagged responses, in order.
    pub untagged: Vec<Response>,
    /// The rest of the tagged line after the tag: `OK [READ-WRITE] Select completed.`
    pub tagged: String,
}

/// A piece of a command.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Bytes sent as they are.
    Text(&'a [u8]),
    /// Bytes sent as a synchronising literal: announced, and sent when the server asks for them.
    Literal(&'a [u8]),
}

/// A connection.
#[derive(Debug)]
pub struct ImapWire {
    reader: BufReader<TcpStream>,
    tags: u32,
    greeting: Response,
}

impl Response {
    /// As text, bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The text after a prefix, compared without regard to case.
    pub fn strip(&self, prefix: &str) -> Option<&[u8]> {
        let (head, tail) = self.0.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix.as_bytes()).then_some(tail)
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl Answer {
    /// Whether the command succeeded.
    pub fn is_ok(&self) -> bool {
        self.tagged.get(..2).is_some_and(|s| s.eq_ignore_ascii_case("OK"))
    }

    /// The argument of a response code, in the tagged or an untagged status response: `code("UIDNEXT")` is `Some("7")`,
    /// a code without argument gives an empty text.
    pub fn code(&self, name: &str) -> Option<String> {
        let untagged = self.untagged.iter().filter_map(|r| r.strip("* OK ").map(String::from_utf8_lossy));
        untagged.map(|t| t.into_owned()).chain(self.tagged.split_once(' ').map(|(_, t)| t.to_owned())).find_map(
            |text| {
                let code = text.strip_prefix('[')?.split(']').next()?;
                let (head, argument) = code.split_once(' ').unwrap_or((code, ""));
                head.eq_ignore_ascii_case(name).then(|| argument.to_owned())
            },
        )
    }

    /// The number in `* <number> NAME`, the last one if there are several.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.untagged.iter().rev().find_map(|r| {
            let text = r.text();
            let (number, rest) = text.strip_prefix("* ")?.split_once(' ')?;
            rest.eq_ignore_ascii_case(name).then(|| number.parse().ok())?
        })
    }
}

impl ImapWire {
    /// Connects to a port of 127.0.0.1 and reads the greeting.
    #[track_caller]
    pub fn connect(port: u16) -> ImapWire {
        let stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_or_else(|e| panic!("connect to {port}: {e}"));
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(READ_TIMEOUT)).unwrap();
        let reader = BufReader::with_capacity(64 * 1024, stream);
        let mut wire = ImapWire { reader, tags: 0, greeting: Response(Vec::new()) };
        wire.greeting = wire.read().expect("a greeting");
        wire
    }

    /// Connects and logs in.
    ///
    /// # Panics
    /// If the server refuses.
    #[track_caller]
    pub fn login(port: u16, user: &str, password: &str) -> ImapWire {
        let mut wire = ImapWire::connect(port);
        wire.ok(&format!("LOGIN {} {}", quote(user), quote(password)));
        wire
    }

    /// The first line that the server sent.
    pub fn greeting(&self) -> &Response {
        &self.greeting
    }

    /// Bounds every following read.
    pub fn set_read_timeout(&mut self, timeout: Duration) {
        self.reader.get_ref().set_read_timeout(Some(timeout)).unwrap();
    }

    /// Sends one command (without tag and CRLF) and collects its answer.
    #[track_caller]
    pub fn command(&mut self, command: &str) -> Answer {
        self.parts(&[Part::Text(command.as_bytes())])
    }

    /// The untagged responses of a command that must succeed.
    #[track_caller]
    pub fn ok(&mut self, command: &str) -> Answer {
        let answer = self.command(command);
        assert!(answer.is_ok(), "{command}: {}", answer.tagged);
        answer
    }

    /// Sends a command made of text and literals. If the server refuses a literal, its refusal is the answer.
    #[track_caller]
    pub fn parts(&mut self, parts: &[Part<'_>]) -> Answer {
        let mut untagged = Vec::new();
        let tag = self.tag();
        let tagged = match self.send_parts(&tag, parts, &mut |r| untagged.push(r)) {
            Some(refusal) => refusal,
            None => self.until_tagged(&tag, &mut |r| untagged.push(r)),
        };
        Answer { untagged, tagged }
    }

    /// As [`ImapWire::ok`], with each untagged response handed over as it arrives: nothing is kept.
    #[track_caller]
    pub fn each(&mut self, command: &str, mut each: impl FnMut(Response)) {
        let tag = self.start(command);
        let tagged = self.until_tagged(&tag, &mut each);
        assert!(tagged.starts_with("OK"), "{command}: {tagged}");
    }

    /// Sends a command that must succeed and throws its answer away as fast as it comes, for measurements; gives the
    /// number of bytes read.
    #[track_caller]
    pub fn discard(&mut self, command: &str) -> u64 {
        let tag = format!("{} ", self.start(command));
        let (mut line, mut total, mut at_start) = (Vec::new(), 0, true);
        loop {
            line.clear();
            let read = self.reader.read_until(b'\n', &mut line).expect("an answer");
            assert!(read > 0, "{command}: the connection was closed");
            total += read as u64;
            if at_start && line.starts_with(tag.as_bytes()) {
                assert!(line[tag.len()..].starts_with(b"OK"), "{command}: {}", line.escape_ascii());
                return total;
            }
            let literal = announced_literal(&line);
            at_start = literal.is_none();
            let mut left = literal.unwrap_or(0);
            total += left as u64;
            while left > 0 {
                let available = self.reader.fill_buf().expect("a literal").len().min(left);
                assert!(available > 0, "{command}: the connection was closed in a literal");
                self.reader.consume(available);
                left -= available;
            }
        }
    }

    /// `APPEND` of one message: flags as in `\Seen $Forwarded`, the date as in ` 1-Feb-2026 09:30:00 +0100`.
    #[track_caller]
    pub fn append(&mut self, mailbox: &[u8], flags: &str, date: Option<&str>, message: &[u8]) -> Answer {
        let date = date.map(|d| format!(" \"{d}\"")).unwrap_or_default();
        let options = format!(" ({flags}){date} ");
        let mut parts = vec![Part::Text(b"APPEND ")];
        let quoted = quote_bytes(mailbox);
        parts.push(quoted.as_deref().map_or(Part::Literal(mailbox), Part::Text));
        parts.extend([Part::Text(options.as_bytes()), Part::Literal(message)]);
        self.parts(&parts)
    }

    /// A command with a mailbox name as its one argument, whatever bytes the name has.
    #[track_caller]
    pub fn on_mailbox(&mut self, command: &str, mailbox: &[u8]) -> Answer {
        self.on_mailbox_with(command, mailbox, "")
    }

    /// The same with text after the name.
    #[track_caller]
    pub fn on_mailbox_with(&mut self, command: &str, mailbox: &[u8], rest: &str) -> Answer {
        let command = format!("{command} ");
        let quoted = quote_bytes(mailbox);
        let name = quoted.as_deref().map_or(Part::Literal(mailbox), Part::Text);
        self.parts(&[Part::Text(command.as_bytes()), name, Part::Text(rest.as_bytes())])
    }

    /// Sends a command without waiting for its answer; gives its tag.
    pub fn start(&mut self, command: &str) -> String {
        let tag = self.tag();
        self.raw(format!("{tag} {command}\r\n").as_bytes());
        tag
    }

    /// Waits for the answer to a command that was [started](ImapWire::start).
    #[track_caller]
    pub fn finish(&mut self, tag: &str) -> Answer {
        let mut untagged = Vec::new();
        let tagged = self.until_tagged(tag, &mut |r| untagged.push(r));
        Answer { untagged, tagged }
    }

    /// Enters IDLE (RFC 2177); returns when the server has said that it listens.
    #[track_caller]
    pub fn idle(&mut self) -> String {
        let tag = self.start("IDLE");
        loop {
            let response = self.read().expect("a continuation after IDLE");
            if response.0.starts_with(b"+") {
                return tag;
            }
            assert!(response.0.starts_with(b"*"), "IDLE: {response:?}");
        }
    }

    /// Ends IDLE.
    #[track_caller]
    pub fn done(&mut self, tag: &str) -> Answer {
        self.raw(b"DONE\r\n");
        self.finish(tag)
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).expect("write to the server");
    }

    /// Reads one response. An error of kind `UnexpectedEof` is a closed connection, `WouldBlock` the timeout.
    pub fn read(&mut self) -> std::io::Result<Response> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            self.reader.read_until(b'\n', &mut bytes)?;
            if bytes.last() != Some(&b'\n') {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match announced_literal(&bytes[before..]) {
                Some(length) => {
                    let start = bytes.len();
                    bytes.resize(start + length, 0);
                    self.reader.read_exact(&mut bytes[start..])?;
                }
                None => {
                    bytes.truncate(bytes.len() - if bytes.ends_with(b"\r\n") { 2 } else { 1 });
                    return Ok(Response(bytes));
                }
            }
        }
    }

    /// Waits until there is something to read: a response has begun, or the connection is closed. `false` when neither
    /// happens within `timeout`. Unlike a timeout of [`ImapWire::read`] it loses nothing.
    pub fn ready(&mut self, timeout: Duration) -> bool {
        if !self.reader.buffer().is_empty() {
            return true;
        }
        let stream = self.reader.get_ref();
        let usual = stream.read_timeout().unwrap();
        // A timeout of zero would mean none.
        stream.set_read_timeout(Some(timeout.max(Duration::from_millis(1)))).unwrap();
        let waited = self.reader.fill_buf().map(|_| ());
        self.reader.get_ref().set_read_timeout(usual).unwrap();
        // Any other error is a closed connection, which `read` will tell of.
        !waited.is_err_and(|e| matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
    }

    /// The client's own port: it names the TCP connection.
    pub fn local_port(&self) -> u16 {
        self.reader.get_ref().local_addr().unwrap().port()
    }

    /// Closes the connection without a word.
    pub fn cut(self) {
        let _ = self.reader.get_ref().shutdown(std::net::Shutdown::Both);
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        format!("w{}", self.tags)
    }

    /// Gives the tagged answer if the server ended the command before its last literal.
    fn send_parts(&mut self, tag: &str, parts: &[Part<'_>], each: &mut dyn FnMut(Response)) -> Option<String> {
        let mut out = format!("{tag} ").into_bytes();
        for part in parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Literal(literal) => {
                    out.extend_from_slice(format!("{{{}}}\r\n", literal.len()).as_bytes());
                    self.raw(&out);
                    loop {
                        let response = self.read().expect("an answer to an announced literal");
                        if response.0.starts_with(b"+") {
                            break;
                        }
                        match response.strip(&format!("{tag} ")) {
                            Some(refusal) => return Some(String::from_utf8_lossy(refusal).into_owned()),
                            None => each(response),
                        }
                    }
                    out.clear();
                    self.raw(literal);
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        self.raw(&out);
        None
    }

    #[track_caller]
    fn until_tagged(&mut self, tag: &str, each: &mut dyn FnMut(Response)) -> String {
        let prefix = format!("{tag} ");
        loop {
            let response = self.read().unwrap_or_else(|e| panic!("no answer to {tag}: {e}"));
            match response.strip(&prefix) {
                Some(rest) => return String::from_utf8_lossy(rest).into_owned(),
                None => each(response),
            }
        }
    }
}

/// A quoted string of RFC 9051 (`quoted`).
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A quoted string, or `None` if the bytes need a literal (8-bit, NUL, CR or LF).
pub fn quote_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let plain = bytes.iter().all(|b| (1..0x80).contains(b) && *b != b'\r' && *b != b'\n');
    plain.then(|| quote(std::str::from_utf8(bytes).unwrap_or_default()).into_bytes())
}

/// The length of the literal that a line ends with: `… {12}` CRLF.
fn announced_literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let digits = &line[line.iter().rposition(|b| *b == b'{')? + 1..];
    std::str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_announced_at_the_end_of_a_line_only() {
        assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {12}\r\n"), Some(12));
        assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {12} x\r\n"), None);
        assert_eq!(announced_literal(b"* OK {}\r\n"), None);
    }

    #[test]
    fn response_codes_are_found_in_tagged_and_untagged_responses() {
        let answer = Answer {
            untagged: vec![Response(b"* 3 EXISTS".to_vec()), Response(b"* OK [UIDNEXT 7] Predicted".to_vec())],
            tagged: "OK [READ-WRITE] done".to_owned(),
        };
        assert_eq!(answer.code("uidnext").as_deref(), Some("7"));
        assert_eq!(answer.code("READ-WRITE").as_deref(), Some(""));
        assert_eq!(answer.number("EXISTS"), Some(3));
        assert!(answer.is_ok());
    }
}
