//! A position in one complete response, and the few tokens all responses are made of (RFC 9051 §4).
//!
//! Used by every parser beside it. It forgives: spaces too many or too few, NIL where a string is due, 8-bit bytes and
//! bare CR in quoted strings. It never moves beyond the response and never recurses.

use bytes::Bytes;
use memchr::memchr2;

use super::framer::ElidedLiteral;

/// A string of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Str {
    /// NIL.
    Nil,
    /// Quoted, literal or bare; without its quotes.
    Bytes(Bytes),
    /// A literal of this size that was streamed, not buffered.
    Elided(u64),
}

impl Str {
    /// The bytes, unless it is NIL or was streamed.
    pub fn bytes(self) -> Option<Bytes> {
        match self {
            Str::Bytes(bytes) => Some(bytes),
            Str::Nil | Str::Elided(_) => None,
        }
    }
}

/// Bytes as text; what is not UTF-8 is replaced.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    frame: &'a Bytes,
    elided: &'a [ElidedLiteral],
    position: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a response, whose last line end is not shown.
    pub(super) fn new(frame: &'a Bytes, elided: &'a [ElidedLiteral]) -> Cursor<'a> {
        let text = frame.strip_suffix(b"\n").unwrap_or(frame);
        let end = text.strip_suffix(b"\r").unwrap_or(text).len();
        Cursor { frame, elided, position: 0, end }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.frame.get(self.position..self.end).unwrap_or_default()
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The bytes between an earlier position and this one.
    pub(super) fn since(&self, start: usize) -> Bytes {
        if start <= self.position { self.frame.slice(start..self.position) } else { Bytes::new() }
    }

    pub(super) fn at_end(&self) -> bool {
        self.position >= self.end
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.position = self.position.saturating_add(count).min(self.end);
    }

    pub(super) fn spaces(&mut self) {
        let count = self.rest().iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.skip(count);
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.skip(1);
        }
        there
    }

    fn take_slice(&mut self, count: usize) -> &'a [u8] {
        let taken = self.rest().get(..count).unwrap_or(self.rest());
        self.skip(count);
        taken
    }

    pub(super) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.rest().iter().take_while(|b| wanted(**b)).count();
        self.take_slice(count)
    }

    /// A run of bytes that no server can mean as a separator; empty if there is none. Wider than `atom` on purpose.
    pub(super) fn atom(&mut self) -> &'a [u8] {
        self.take_while(|b| !matches!(b, b' ' | b'\t' | b'(' | b')' | b'"' | b'{' | b'\r' | b'\n'))
    }

    /// An atom, with the spaces behind it.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let word = self.atom();
        self.spaces();
        word
    }

    /// Eats the word if it comes next, without regard to case, and the spaces behind it.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let there = ahead.word().eq_ignore_ascii_case(word.as_bytes());
        if there {
            self.position = ahead.position;
        }
        there
    }

    /// A number, bare or quoted. Anything else that fills a number's place (NIL, -1, a list) is skipped.
    pub(super) fn number(&mut self) -> Option<u64> {
        match self.peek()? {
            b'0'..=b'9' => {
                let digits = self.take_while(|b| b.is_ascii_digit());
                digits.iter().try_fold(0u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')))
            }
            b'"' => std::str::from_utf8(&self.quoted()?).ok()?.trim().parse().ok(),
            b'-' => {
                self.atom();
                None
            }
            b'(' => {
                self.skip_value();
                None
            }
            _ => {
                self.eat_word("NIL");
                None
            }
        }
    }

    pub(super) fn number32(&mut self) -> Option<u32> {
        self.number().and_then(|n| u32::try_from(n).ok())
    }

    /// A quoted string; `None` if it does not end. 8-bit bytes and bare CR are taken as they are.
    pub(super) fn quoted(&mut self) -> Option<Bytes> {
        let start = self.position + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = self.frame.get(at..self.end)?;
            let found = memchr2(b'"', b'\\', rest)?;
            at += found;
            if self.frame.get(at) == Some(&b'"') {
                break;
            }
            escaped = true;
            at += 2;
        }
        let raw = self.frame.slice(start..at);
        self.position = at + 1;
        Some(if escaped { unescape(&raw) } else { raw })
    }

    /// The literal whose marker begins here; `None` if this is not a marker or the literal is not all there.
    pub(super) fn literal(&mut self) -> Option<Str> {
        let mut ahead = self.clone();
        ahead.eat(b'~');
        if !ahead.eat(b'{') {
            return None;
        }
        let size = ahead.number()?;
        ahead.eat(b'+');
        if !ahead.eat(b'}') {
            return None;
        }
        ahead.eat(b'\r');
        // The last line end is hidden from the cursor, the one of an elided literal that ends the head is not.
        let start = match ahead.eat(b'\n') {
            true => ahead.position,
            false => self.frame.len(),
        };
        if self.elided.iter().any(|e| e.offset == start && e.size == size) {
            self.position = start.min(self.end);
            return Some(Str::Elided(size));
        }
        let end = usize::try_from(size).ok().and_then(|n| start.checked_add(n)).filter(|end| *end <= self.end)?;
        self.position = end;
        Some(Str::Bytes(self.frame.slice(start..end)))
    }

    /// NIL, quoted, literal or atom. `None` if nothing of the kind is here or it does not end.
    pub(super) fn string(&mut self) -> Option<Str> {
        match self.peek()? {
            b'"' => self.quoted().map(Str::Bytes),
            b'{' => self.literal(),
            b'~' if self.rest().starts_with(b"~{") => self.literal(),
            b')' | b'(' => None,
            _ => {
                let start = self.position;
                let atom = self.atom();
                match atom {
                    b"" => None,
                    _ if atom.eq_ignore_ascii_case(b"NIL") => Some(Str::Nil),
                    _ => Some(Str::Bytes(self.since(start))),
                }
            }
        }
    }

    /// Skips one value of any shape, nested lists included, without recursion. `None` if it does not end.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            self.spaces();
            match self.peek()? {
                b'(' => {
                    self.skip(1);
                    depth += 1;
                    continue;
                }
                b')' if depth == 0 => return None,
                b')' => {
                    self.skip(1);
                    depth -= 1;
                }
                b'"' => self.skip_quoted()?,
                b'{' => drop(self.literal()?),
                b'~' if self.rest().starts_with(b"~{") => drop(self.literal()?),
                _ => {
                    if self.atom().is_empty() {
                        return None;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// As [`Cursor::quoted`], without making a value of it.
    fn skip_quoted(&mut self) -> Option<()> {
        let mut at = self.position + 1;
        loop {
            at += memchr2(b'"', b'\\', self.frame.get(at..self.end)?)?;
            if self.frame.get(at) == Some(&b'"') {
                self.position = at + 1;
                return Some(());
            }
            at += 2;
        }
    }
}

fn unescape(raw: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next()),
            _ => out.push(*byte),
        }
    }
    out.into()
}
