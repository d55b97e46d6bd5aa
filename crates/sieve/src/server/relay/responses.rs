//! Which response belongs to which command, and where it ends: so that CAPABILITY is told as what both sides can do.
//!
//! Commands about the login are not passed on: a client that logged out there, and in again, would guess at passwords behind
//! the front door's back. A line that both sides might read differently ends the session for the same reason.

use std::collections::VecDeque;
use std::io;

use bytes::BytesMut;
use sterna_net::Passing;

use crate::server::framing::{MAX_LINE, Step, Word, scan};
use crate::server::write::{Reply, string};

/// Commands of a client that wait for their responses.
const MAX_DUE: usize = 1_000;

/// Bytes of a platform's capabilities.
const MAX_CAPABILITIES: usize = 64 << 10;

/// A response that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// As it comes.
    Platform,
    /// Of which a part is told.
    Capabilities,
    /// Sterna's own: the command was not passed on.
    Own(&'static str),
}

/// The responses of a platform to the commands that were passed on.
#[derive(Debug)]
pub(super) struct Responses {
    due: VecDeque<Due>,
    /// Of the client: what is left of a literal, and whether it is passed on.
    literal: u64,
    passes: bool,
    in_command: bool,
    /// Of the platform: what is left of a literal.
    answered: u64,
    /// In the middle of a line, behind a literal.
    in_line: bool,
    /// The line is the last of its response.
    last: bool,
    /// Capabilities so far.
    told: Vec<u8>,
    logged_out: bool,
    redirects: usize,
}

impl Responses {
    /// `redirects`: how many a script may make here.
    pub fn new(redirects: usize) -> Responses {
        Responses {
            due: VecDeque::new(),
            literal: 0,
            passes: false,
            in_command: false,
            answered: 0,
            in_line: false,
            last: false,
            told: Vec::new(),
            logged_out: false,
            redirects,
        }
    }

    /// The client has said LOGOUT.
    pub fn has_logged_out(&self) -> bool {
        self.logged_out
    }

    fn expect(&mut self, line: &[u8]) -> Due {
        let word = line.split(|b| *b == b' ').next().unwrap_or_default().to_ascii_uppercase();
        match &word[..] {
            b"CAPABILITY" => Due::Capabilities,
            b"LOGOUT" => {
                self.logged_out = true;
                Due::Platform
            }
            b"NOOP" | b"HAVESPACE" | b"PUTSCRIPT" | b"LISTSCRIPTS" | b"SETACTIVE" | b"GETSCRIPT" | b"DELETESCRIPT"
            | b"RENAMESCRIPT" | b"CHECKSCRIPT" => Due::Platform,
            b"AUTHENTICATE" => Due::Own("logged in already"),
            b"STARTTLS" => Due::Own("STARTTLS is not available now"),
            b"UNAUTHENTICATE" => Due::Own("this is not available now, connect again"),
            _ => Due::Own("this command is not known"),
        }
    }

    fn own(&mut self, client: &mut Vec<u8>) {
        while !self.in_line
            && self.answered == 0
            && let Some(Due::Own(text)) = self.due.front()
        {
            Reply::no(*text).write(client);
            self.due.pop_front();
        }
    }

    fn command_line(&mut self, line: &[u8], server: &mut Vec<u8>) -> io::Result<()> {
        let text = trimmed(line);
        if !self.in_command {
            if text.is_empty() {
                return Ok(());
            }
            let due = self.expect(text);
            self.passes = !matches!(due, Due::Own(_));
            self.due.push_back(due);
        }
        self.literal = match end(text)? {
            Some((size, true)) => size,
            Some((_, false)) => return Err(invalid("a client's literal has a +")),
            None => 0,
        };
        // Behind an empty literal the command goes on, too.
        self.in_command = end(text)?.is_some();
        if self.passes {
            server.extend_from_slice(text);
            server.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn response_line(&mut self, line: &[u8], client: &mut Vec<u8>) -> io::Result<()> {
        let text = trimmed(line);
        if !self.in_line {
            let word = text.split(|b| matches!(b, b' ' | b'(')).next().unwrap_or_default().to_ascii_uppercase();
            self.last = matches!(&word[..], b"OK" | b"NO" | b"BYE");
        }
        let literal = end(text)?;
        self.answered = literal.map_or(0, |(size, _)| size);
        self.in_line = literal.is_some();
        self.tell(line, client)?;
        if !self.in_line && self.last {
            let ended = self.due.pop_front();
            if ended == Some(Due::Capabilities) {
                self.capabilities(client);
            }
        }
        Ok(())
    }

    fn tell(&mut self, bytes: &[u8], client: &mut Vec<u8>) -> io::Result<()> {
        match self.due.front() {
            Some(Due::Capabilities) if self.told.len() + bytes.len() > MAX_CAPABILITIES => {
                return Err(invalid("its capabilities do not end"));
            }
            Some(Due::Capabilities) => self.told.extend_from_slice(bytes),
            _ => client.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// What both can do, and the end of the response.
    fn capabilities(&mut self, client: &mut Vec<u8>) {
        let told = std::mem::take(&mut self.told);
        let mut rest = told.as_slice();
        while let Step::Whole { len, words } = scan(rest, MAX_CAPABILITIES as u64) {
            let (line, behind) = rest.split_at(len.min(rest.len()));
            rest = behind;
            let Ok(words) = words else { continue };
            let mut words = words.into_iter();
            let name = match words.next() {
                Some(Word::Text(name)) => String::from_utf8_lossy(&name).to_ascii_uppercase(),
                Some(Word::Atom(_)) => {
                    client.extend_from_slice(line);
                    continue;
                }
                None => continue,
            };
            let value = match words.next() {
                Some(Word::Text(value) | Word::Atom(value)) => String::from_utf8_lossy(&value).into_owned(),
                None => String::new(),
            };
            let common = |ours: &[&str]| {
                let both = value.split(' ').filter(|theirs| ours.iter().any(|our| our.eq_ignore_ascii_case(theirs)));
                both.collect::<Vec<_>>().join(" ")
            };
            let value = match name.as_str() {
                "SIEVE" => common(&crate::extensions().collect::<Vec<_>>()),
                "NOTIFY" => common(&crate::NOTIFY_METHODS.split(' ').collect::<Vec<_>>()),
                // Nobody can log in again.
                "SASL" => String::new(),
                "MAXREDIRECTS" => {
                    value.parse().map_or(self.redirects, |theirs: usize| theirs.min(self.redirects)).to_string()
                }
                "IMPLEMENTATION" | "LANGUAGE" | "OWNER" | "VERSION" => value,
                _ => continue,
            };
            string(client, &name);
            client.push(b' ');
            string(client, &value);
            client.extend_from_slice(b"\r\n");
        }
    }
}

impl Passing for Responses {
    fn client_said(&mut self, input: &mut BytesMut, server: &mut Vec<u8>, client: &mut Vec<u8>) -> io::Result<()> {
        while !self.is_full() || self.in_command {
            if self.literal > 0 {
                let Some(taken) = literal(input, &mut self.literal) else { break };
                if self.passes {
                    server.extend_from_slice(&taken);
                }
                continue;
            }
            let Some(line) = line(input)? else { break };
            self.command_line(&line, server)?;
        }
        self.own(client);
        Ok(())
    }

    fn server_said(&mut self, input: &mut BytesMut, client: &mut Vec<u8>) -> io::Result<()> {
        loop {
            if self.answered > 0 {
                let Some(taken) = literal(input, &mut self.answered) else { return Ok(()) };
                self.tell(&taken, client)?;
                continue;
            }
            let Some(line) = line(input)? else { return Ok(()) };
            self.response_line(&line, client)?;
            self.own(client);
        }
    }

    fn is_full(&self) -> bool {
        self.due.len() >= MAX_DUE
    }

    fn is_idle(&self) -> bool {
        self.due.is_empty() && !self.in_command && !self.in_line && self.answered == 0
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line with its end, if one is there.
fn line(input: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    match input.iter().take(MAX_LINE + 2).position(|b| *b == b'\n') {
        Some(newline) => Ok(Some(input.split_to(newline + 1))),
        None if input.len() <= MAX_LINE => Ok(None),
        None => Err(invalid("a line is too long")),
    }
}

/// A piece of a literal, if one is there.
fn literal(input: &mut BytesMut, left: &mut u64) -> Option<BytesMut> {
    let len = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= len as u64;
    (len > 0).then(|| input.split_to(len))
}

/// The literal that a line ends with: its size, and whether it has a `+` (RFC 5804 §4). A quote must be closed.
fn end(line: &[u8]) -> io::Result<Option<(u64, bool)>> {
    let (mut quoted, mut escaped) = (false, false);
    let mut brace = None;
    for (at, byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => brace = Some(at),
            b'\r' | b'\0' => return Err(invalid("a line has bytes that no line has")),
            _ => {}
        }
    }
    if quoted {
        return Err(invalid("a quoted string does not end"));
    }
    let Some(inner) = brace.and_then(|at| line.get(at + 1..)?.strip_suffix(b"}")) else {
        return match brace {
            Some(_) => Err(invalid("a literal has no size")),
            None => Ok(None),
        };
    };
    let (digits, plus) = inner.strip_suffix(b"+").map_or((inner, false), |digits| (digits, true));
    let size = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let size = size.and_then(|text| text.parse().ok()).ok_or_else(|| invalid("a literal has no size"))?;
    Ok(Some((size, plus)))
}
