//! Finds where one server response ends (RFC 9051 §4.3, §7): a line, and behind each literal marker the literal and
//! the rest of the line. Called with whatever the network has brought so far; it remembers how far it looked, so no
//! byte is looked at twice and no byte of a literal is looked at at all.

use memchr::memchr;

/// The limits of one response; beyond them the server is not worth talking to, or the literal is streamed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of one response that may be buffered (streamed literals not counted).
    pub response: usize,
    /// Literals of more bytes than this are elided: handed over as a stream instead of buffered.
    pub literal: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A SEARCH of six million UIDs fits into the first; a message of an ordinary size into the second.
        Limits { response: 64 << 20, literal: 1 << 20 }
    }
}

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The response is not complete; it has at least this many bytes in the buffer when it is.
    NeedMore(usize),
    /// The response is complete and ends before this offset.
    Complete(usize),
    /// A literal too large to buffer begins at this offset. The caller takes the bytes before it away, consumes `size`
    /// bytes as a stream, and goes on with a buffer that begins behind the literal.
    Elided {
        /// Where the literal begins.
        offset: usize,
        /// Its bytes.
        size: u64,
    },
}

/// A literal that is not in the assembled response: its marker ends at `offset`, and the text goes on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElidedLiteral {
    /// Offset in the response without its elided literals.
    pub offset: usize,
    /// The bytes of the literal.
    pub size: u64,
}

/// Why no end can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The response exceeds [`Limits::response`].
    #[error("a response of more than {0} bytes")]
    TooLong(usize),
    /// A literal size that no number can hold.
    #[error("a literal with an impossible size")]
    LiteralSize,
}

/// Remembers the state of one response between two arrivals of bytes.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    /// Bytes of this response that were taken away before an elided literal.
    taken: usize,
    /// Where the current line begins in the buffer.
    line: usize,
    /// Everything before this offset was looked at or belongs to a literal; may lie beyond the buffer.
    scanned: usize,
    elided: Vec<ElidedLiteral>,
}

impl Framer {
    /// Ready for the first byte of a response.
    pub fn new(limits: Limits) -> Framer {
        Framer { limits, taken: 0, line: 0, scanned: 0, elided: Vec::new() }
    }

    /// Looks at the buffer, which begins with the same bytes as at the last call. After [`Step::Complete`] the framer
    /// stands at the beginning of the next response.
    pub fn step(&mut self, buffer: &[u8]) -> Result<Step, FrameError> {
        loop {
            let Some(unseen) = buffer.get(self.scanned..) else {
                return Ok(Step::NeedMore(self.scanned + 1));
            };
            let Some(newline) = memchr(b'\n', unseen) else {
                self.scanned = buffer.len();
                self.check_length(self.scanned)?;
                return Ok(Step::NeedMore(self.scanned + 1));
            };
            let end = self.scanned + newline;
            let line = buffer.get(self.line..end).unwrap_or_default();
            let next = end + 1;
            let first_line = self.taken == 0 && self.line == 0;
            let literal = if first_line && is_text(line) { None } else { literal_marker(line)? };
            match literal {
                None => {
                    self.check_length(next)?;
                    (self.taken, self.line, self.scanned) = (0, 0, 0);
                    return Ok(Step::Complete(next));
                }
                Some(size) if size > self.limits.literal as u64 => {
                    self.check_length(next)?;
                    self.taken += next;
                    self.elided.push(ElidedLiteral { offset: self.taken, size });
                    (self.line, self.scanned) = (0, 0);
                    return Ok(Step::Elided { offset: next, size });
                }
                Some(size) => {
                    // At most `limits.literal`, hence a usize.
                    self.scanned = next.saturating_add(size as usize);
                    self.line = self.scanned;
                    self.check_length(self.scanned)?;
                }
            }
        }
    }

    /// The literals elided from the response that was just completed; call it once per response.
    pub fn take_elided(&mut self) -> Vec<ElidedLiteral> {
        std::mem::take(&mut self.elided)
    }

    /// The literals elided so far.
    pub fn elided(&self) -> &[ElidedLiteral] {
        &self.elided
    }

    fn check_length(&self, buffered: usize) -> Result<(), FrameError> {
        match self.taken.saturating_add(buffered) > self.limits.response {
            true => Err(FrameError::TooLong(self.limits.response)),
            false => Ok(()),
        }
    }
}

/// Whether the response ends in human-readable text (RFC 9051 §7.1, §7.6), in which `{5}` means nothing.
fn is_text(line: &[u8]) -> bool {
    let mut words = line.split(|b| matches!(b, b' ' | b'\r')).filter(|w| !w.is_empty());
    if words.next() == Some(b"+") {
        return true;
    }
    let second = words.next().unwrap_or_default();
    [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|w| w.eq_ignore_ascii_case(second))
}

/// The size in a `{5}`, `{5+}` or `~{5}` (RFC 9051 §4.3, RFC 3516 §4.4) at the end of a line.
fn literal_marker(line: &[u8]) -> Result<Option<u64>, FrameError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(inner) = line.strip_suffix(b"}") else { return Ok(None) };
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let digits = inner.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (before, number) = inner.split_at(inner.len() - digits);
    if digits == 0 || before.last() != Some(&b'{') {
        return Ok(None);
    }
    let number = number.iter().try_fold(0u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')));
    // RFC 9051 §4.3 allows 63 bits.
    number.filter(|n| *n <= i64::MAX as u64).map(Some).ok_or(FrameError::LiteralSize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framer(literal: usize) -> Framer {
        Framer::new(Limits { response: 1000, literal })
    }

    #[test]
    fn a_literal_belongs_to_its_response_whatever_it_contains() {
        let wire = b"* 1 FETCH (BODY[] {13}\r\na\r\n* {3}\r\nxyz UID 4)\r\n* 2 EXISTS\r\n";
        let mut framer = framer(100);
        let end = wire.len() - 12;
        assert_eq!(framer.step(wire), Ok(Step::Complete(end)));
        assert_eq!(framer.step(&wire[end..]), Ok(Step::Complete(12)));
    }

    #[test]
    fn a_marker_in_human_readable_text_is_no_literal() {
        for line in [&b"* OK see {12}\r\n"[..], b"A1 NO {3}\r\n", b"+ {9}\r\n", b"* bye {1}\r\n"] {
            assert_eq!(framer(100).step(line), Ok(Step::Complete(line.len())));
        }
    }

    #[test]
    fn a_large_literal_is_elided_and_the_line_goes_on_behind_it() {
        let mut framer = framer(10);
        let head = b"* 1 FETCH (BODY[] {11}\r\n";
        assert_eq!(framer.step(head), Ok(Step::Elided { offset: head.len(), size: 11 }));
        assert_eq!(framer.step(b" UID 3"), Ok(Step::NeedMore(7)));
        assert_eq!(framer.step(b" UID 3)\r\n"), Ok(Step::Complete(9)));
        assert_eq!(framer.take_elided(), [ElidedLiteral { offset: head.len(), size: 11 }]);
    }

    #[test]
    fn limits_hold() {
        assert_eq!(framer(100).step(&[b'x'; 1001]), Err(FrameError::TooLong(1000)));
        assert_eq!(framer(100).step(b"* X {99999999999999999999}\r\n"), Err(FrameError::LiteralSize));
        assert_eq!(framer(100).step(b"* X {9223372036854775808}\r\n"), Err(FrameError::LiteralSize));
    }
}
