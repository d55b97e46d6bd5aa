//! A cursor over one complete command: atoms, strings, literals, numbers, lists (RFC 9051 §9 and §4).
//!
//! Command parsers call it; literals stand in place, as they came (`{3}` CRLF `abc`). Every function either moves the
//! cursor behind what it read or returns an error that names what was expected and where; nothing panics, nothing loops.

use std::borrow::Cow;

/// How deep parentheses may nest, for search keys and lists alike.
pub const MAX_DEPTH: usize = 50;

/// What did not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct SyntaxError {
    /// Bytes from the start of the command.
    pub at: usize,
    /// What the grammar wants there, in words for the client.
    pub expected: &'static str,
}

/// The result of a parser function.
pub type Parsed<T> = Result<T, SyntaxError>;

/// A literal's announcement, `{n}`, `{n+}`, `~{n}` or `~{n+}` (RFC 9051 §9 `literal`, `literal8`; RFC 7888).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiteralHead {
    /// Bytes that follow.
    pub size: u64,
    /// The client waits for a continuation request before it sends them.
    pub synchronizing: bool,
    /// `~{n}`: may hold NUL (RFC 3516).
    pub binary: bool,
}

/// A position in the bytes of a command.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `input`.
    pub fn new(input: &'a [u8]) -> Cursor<'a> {
        Cursor { input, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// An error at this place.
    pub fn error(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { at: self.at, expected }
    }

    /// The next byte, unread.
    pub fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// Whether `literal` comes next, without regard to case; reads nothing.
    pub fn looking_at(&self, literal: &[u8]) -> bool {
        self.rest().get(..literal.len()).is_some_and(|head| head.eq_ignore_ascii_case(literal))
    }

    /// Reads `literal` if it comes next, without regard to case.
    pub fn take(&mut self, literal: &[u8]) -> bool {
        let there = self.looking_at(literal);
        if there {
            self.at += literal.len();
        }
        there
    }

    /// Reads `literal`, which must come next.
    pub fn expect(&mut self, literal: &'static str) -> Parsed<()> {
        if self.take(literal.as_bytes()) { Ok(()) } else { Err(self.error(literal)) }
    }

    /// `SP`: exactly one.
    pub fn sp(&mut self) -> Parsed<()> {
        if self.take(b" ") { Ok(()) } else { Err(self.error("a space")) }
    }

    /// `CRLF`, or a bare LF; and nothing behind it.
    pub fn end(&mut self) -> Parsed<()> {
        let at = self.clone();
        self.take(b"\r");
        if self.take(b"\n") && self.rest().is_empty() { Ok(()) } else { Err(at.error("the end of the command")) }
    }

    /// Whether the end of the command comes next.
    pub fn at_end(&self) -> bool {
        matches!(self.rest(), [] | b"\n" | b"\r\n")
    }

    /// The longest run of bytes that `accept`s; may be empty.
    pub fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|b| !accept(*b)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn run(&mut self, accept: impl Fn(u8) -> bool, expected: &'static str) -> Parsed<&'a str> {
        let error = self.error(expected);
        let run = self.take_while(accept);
        std::str::from_utf8(run).ok().filter(|text| !text.is_empty()).ok_or(error)
    }

    /// `tag = 1*<any ASTRING-CHAR except "+">`
    pub fn tag(&mut self) -> Parsed<&'a str> {
        self.run(|b| is_astring_char(b) && b != b'+', "a tag")
    }

    /// `atom = 1*ATOM-CHAR`
    pub fn atom(&mut self) -> Parsed<&'a str> {
        self.run(is_atom_char, "an atom")
    }

    /// `nz-number / number`, up to 2³²−1.
    pub fn number(&mut self) -> Parsed<u32> {
        let error = self.error("a number below 4294967296");
        self.number64().ok().and_then(|n| u32::try_from(n).ok()).ok_or(error)
    }

    /// `nz-number = digit-nz *DIGIT`
    pub fn nz_number(&mut self) -> Parsed<std::num::NonZeroU32> {
        let error = self.error("a number that is not zero");
        self.number().ok().and_then(std::num::NonZeroU32::new).ok_or(error)
    }

    /// `number64 = 1*DIGIT`, at most 2⁶³−1 (RFC 9051 §9, RFC 7162 `mod-sequence-value`).
    pub fn number64(&mut self) -> Parsed<u64> {
        let error = self.error("a number below 9223372036854775808");
        let digits = self.take_while(|b| b.is_ascii_digit());
        let value = std::str::from_utf8(digits).ok().and_then(|t| t.parse().ok());
        value.filter(|n| *n <= i64::MAX as u64).ok_or(error)
    }

    /// `astring = 1*ASTRING-CHAR / string`
    pub fn astring(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{' | b'~') if self.starts_string() => self.string(),
            _ => Ok(Cow::Borrowed(self.run(is_astring_char, "an atom or a string")?.as_bytes())),
        }
    }

    /// `list-mailbox = 1*list-char / string`
    pub fn list_mailbox(&mut self) -> Parsed<Cow<'a, [u8]>> {
        if self.starts_string() {
            return self.string();
        }
        let accept = |b| is_astring_char(b) || b == b'%' || b == b'*' || b >= 0x80;
        let error = self.error("a mailbox name or pattern");
        let run = self.take_while(accept);
        if run.is_empty() { Err(error) } else { Ok(Cow::Borrowed(run)) }
    }

    /// `mailbox = "INBOX" / astring`, where an unquoted name may hold 8-bit bytes, as many clients write it.
    pub fn mailbox(&mut self) -> Parsed<Cow<'a, [u8]>> {
        if self.starts_string() {
            return self.string();
        }
        let error = self.error("a mailbox name");
        let run = self.take_while(|b| is_astring_char(b) || b >= 0x80);
        if run.is_empty() { Err(error) } else { Ok(Cow::Borrowed(run)) }
    }

    /// `nstring = string / nil`
    pub fn nstring(&mut self) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.starts_string() {
            return self.string().map(Some);
        }
        let error = self.error("a string or NIL");
        if self.take(b"NIL") { Ok(None) } else { Err(error) }
    }

    fn starts_string(&self) -> bool {
        matches!(self.rest(), [b'"' | b'{', ..] | [b'~', b'{', ..])
    }

    /// `string = quoted / literal` (or `literal8`)
    pub fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            _ => self.literal().map(Cow::Borrowed),
        }
    }

    /// `quoted = DQUOTE *QUOTED-CHAR DQUOTE`. 8-bit bytes are let through; what they mean is the caller's to judge.
    pub fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        let error = self.error("a quoted string");
        if !self.take(b"\"") {
            return Err(error);
        }
        let plain = |b: u8| !matches!(b, b'"' | b'\\' | b'\r' | b'\n' | 0);
        let head = self.take_while(plain);
        if self.take(b"\"") {
            return Ok(Cow::Borrowed(head));
        }
        let mut text = head.to_vec();
        loop {
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                // RFC 9051 escapes `"` and `\` only; a needless backslash is dropped rather than refused.
                [b'\\', byte, ..] if !matches!(byte, b'\r' | b'\n' | 0) => {
                    text.push(*byte);
                    self.at += 2;
                }
                _ => return Err(error),
            }
            text.extend_from_slice(self.take_while(plain));
        }
    }

    /// `literal = "{" number64 ["+"] "}" CRLF *CHAR8` (or `literal8`), with its bytes in place.
    pub fn literal(&mut self) -> Parsed<&'a [u8]> {
        let error = self.error("a string");
        let head = self.literal_head().map_err(|_| error)?;
        let size = usize::try_from(head.size).map_err(|_| error)?;
        let bytes = self.rest().get(..size).ok_or(error)?;
        // `literal` has no NUL; only `literal8` has (RFC 9051 §9 `CHAR8`, `OCTET`).
        if !head.binary && memchr::memchr(0, bytes).is_some() {
            return Err(SyntaxError { expected: "a literal without NUL", ..error });
        }
        self.at += size;
        Ok(bytes)
    }

    /// A literal's announcement with its CRLF (or bare LF).
    pub fn literal_head(&mut self) -> Parsed<LiteralHead> {
        let error = self.error("a literal");
        let binary = self.take(b"~");
        if !self.take(b"{") {
            return Err(error);
        }
        let size = self.number64()?;
        // LITERAL- is written the same way (RFC 7888 §5); a `-` was once proposed and is refused.
        let synchronizing = !self.take(b"+");
        let closed = self.take(b"}");
        self.take(b"\r");
        if closed && self.take(b"\n") { Ok(LiteralHead { size, synchronizing, binary }) } else { Err(error) }
    }

    /// `"(" item *(SP item) ")"`; at least one.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("(")?;
        let mut items = vec![item(self)?];
        while !self.take(b")") {
            self.sp()?;
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `"(" [item *(SP item)] ")"`; may be empty.
    pub fn list0<T>(&mut self, item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.take(b"()") { Ok(Vec::new()) } else { self.list(item) }
    }
}

/// `ATOM-CHAR = <any CHAR except atom-specials>`
pub fn is_atom_char(b: u8) -> bool {
    is_astring_char(b) && b != b']'
}

/// `ASTRING-CHAR = ATOM-CHAR / resp-specials`
pub fn is_astring_char(b: u8) -> bool {
    b > b' ' && b < 0x7f && !matches!(b, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_in_all_their_forms() {
        for (wire, value) in [
            ("abc]", "abc]"),
            ("\"a b\"", "a b"),
            ("\"a\\\"\\\\b\"", "a\"\\b"),
            ("{3}\r\na\rb", "a\rb"),
            ("{3+}\r\na\"b", "a\"b"),
            ("{1}\nx", "x"),
            ("~{3}\r\na\0b", "a\0b"),
            ("~x", "~x"),
            ("\"\"", ""),
            ("{0}\r\n", ""),
        ] {
            let mut cursor = Cursor::new(wire.as_bytes());
            assert_eq!(cursor.astring().as_deref(), Ok(value.as_bytes()), "{wire:?}");
            assert!(cursor.rest().is_empty(), "{wire:?}");
        }
        for wire in
            ["", "\"a", "\"a\\", "\"a\r\n\"", "{3}\r\nab", "{3}abc", "{-1}\r\n", "{3-}\r\nabc", "(", "{2}\r\n\0a"]
        {
            assert!(Cursor::new(wire.as_bytes()).astring().is_err(), "{wire:?}");
        }
    }

    #[test]
    fn nil_is_a_string_only_where_no_nstring_is_due() {
        assert_eq!(Cursor::new(b"nil").nstring(), Ok(None));
        assert_eq!(Cursor::new(b"\"NIL\"").nstring().map(|s| s.map(Cow::into_owned)), Ok(Some(b"NIL".to_vec())));
        assert_eq!(Cursor::new(b"NIL").astring().as_deref(), Ok(&b"NIL"[..]));
    }

    #[test]
    fn numbers_are_bounded() {
        assert_eq!(Cursor::new(b"4294967295").number(), Ok(u32::MAX));
        assert_eq!(Cursor::new(b"9223372036854775807 ").number64(), Ok(i64::MAX as u64));
        for bad in ["4294967296", "", "-1", "99999999999999999999"] {
            assert!(Cursor::new(bad.as_bytes()).number().is_err(), "{bad}");
        }
        assert!(Cursor::new(b"9223372036854775808").number64().is_err());
        assert!(Cursor::new(b"0").nz_number().is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let start = Cursor::new(&bytes);
            let _ = (start.clone().string(), start.clone().nstring(), start.clone().literal_head());
            let _ = (start.clone().list_mailbox(), start.clone().mailbox());
            let mut cursor = start;
            let _ = cursor.list0(|c| c.astring().map(Cow::into_owned));
            prop_assert!(cursor.position() <= bytes.len());
        }
    }
}
