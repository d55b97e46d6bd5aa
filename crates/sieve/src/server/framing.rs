//! Where a command ends and what words it has (RFC 5804 §4), from bytes that arrive in pieces. No I/O.

/// Bytes of a command that are not in literals, at most.
pub(super) const MAX_LINE: usize = 8 << 10;

/// Words of a command, at most; no command has more than three.
const MAX_WORDS: usize = 8;

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Anything bare: a command's name, a number.
    Atom(Vec<u8>),
    /// Quoted or literal.
    Text(Vec<u8>),
}

/// What the bytes at hand are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The beginning of a command. Nothing need be looked at before there are so many bytes.
    More(usize),
    /// A whole command of `len` bytes. `Err`: not a command, and why.
    Whole { len: usize, words: Result<Vec<Word>, &'static str> },
    /// A literal above the limit begins behind `len` bytes and has `size`.
    Oversize { len: usize, size: u64 },
    /// The line is too long to be one: there is no way to tell where the next command begins.
    TooLong,
}

/// Looks for a command at the beginning of `bytes`. `max`: bytes of its literals, all together.
pub(super) fn scan(bytes: &[u8], max: u64) -> Step {
    let mut scan = Scan { bytes, at: 0, literals: 0, words: Vec::new(), wrong: None };
    loop {
        // Outside of literals a command is short, however its bytes come.
        if scan.at.saturating_sub(scan.literals) > MAX_LINE {
            return Step::TooLong;
        }
        match scan.word(max) {
            Ok(None) => {}
            Ok(Some(step)) => return step,
            Err(More) if bytes.len().saturating_sub(scan.literals) > MAX_LINE => return Step::TooLong,
            Err(More) => return Step::More(bytes.len() + 1),
        }
    }
}

/// The bytes end within something.
struct More;

struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Bytes in literals so far.
    literals: usize,
    words: Vec<Word>,
    wrong: Option<&'static str>,
}

impl Scan<'_> {
    fn byte(&self) -> Result<u8, More> {
        self.bytes.get(self.at).copied().ok_or(More)
    }

    /// Takes one word or what stands between words.
    fn word(&mut self, max: u64) -> Result<Option<Step>, More> {
        match self.byte()? {
            b' ' => self.at += 1,
            b'\r' if self.bytes.get(self.at + 1).ok_or(More)? == &b'\n' => return Ok(Some(self.end(2))),
            b'\n' => return Ok(Some(self.end(1))),
            b'"' => {
                let text = self.quoted()?;
                self.push(Word::Text(text));
            }
            b'{' => return self.literal(max),
            _ => {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                let len = rest.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n' | b'"' | b'{')).ok_or(More)?;
                if len == 0 {
                    // A CR that ends no line.
                    self.wrong = Some("a carriage return must not stand here");
                    self.at += 1;
                } else {
                    self.push(Word::Atom(rest.get(..len).unwrap_or_default().to_vec()));
                    self.at += len;
                }
            }
        }
        Ok(None)
    }

    fn push(&mut self, word: Word) {
        if self.words.len() < MAX_WORDS {
            self.words.push(word);
        } else {
            self.wrong = Some("too many arguments");
        }
    }

    fn end(&mut self, line_end: usize) -> Step {
        let words = std::mem::take(&mut self.words);
        Step::Whole { len: self.at + line_end, words: self.wrong.map_or(Ok(words), Err) }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, More> {
        let mut text = Vec::new();
        let mut at = self.at + 1;
        loop {
            match *self.bytes.get(at).ok_or(More)? {
                b'"' => break,
                b'\\' => {
                    at += 1;
                    text.push(*self.bytes.get(at).ok_or(More)?);
                }
                b'\r' | b'\n' | 0 => {
                    // The line ends here whatever the quote says: else a forgotten quote would swallow commands.
                    self.wrong = Some("a quoted string ends on its line");
                    self.at = at + usize::from(self.bytes.get(at) == Some(&0));
                    return Ok(text);
                }
                other => text.push(other),
            }
            at += 1;
        }
        self.at = at + 1;
        Ok(text)
    }

    /// `{n+}` or, as older clients send it without waiting either, `{n}`; CRLF; n bytes.
    fn literal(&mut self, max: u64) -> Result<Option<Step>, More> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let digits = rest.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
        let size = rest.get(..digits).and_then(|d| std::str::from_utf8(d).ok()?.parse::<u64>().ok());
        let mut tail = rest.get(digits..).unwrap_or_default();
        if rest.is_empty() || tail.is_empty() {
            return Err(More);
        }
        let plus = usize::from(tail.first() == Some(&b'+'));
        tail = tail.get(plus..).unwrap_or_default();
        let ends: [&[u8]; 2] = [b"}\r\n", b"}\n"];
        let Some(end) = ends.iter().find(|end| tail.starts_with(end)) else {
            if ends.iter().any(|end| end.starts_with(tail)) {
                return Err(More);
            }
            self.wrong = Some("the length of a literal is not understood");
            self.at += 1;
            return Ok(None);
        };
        let start = self.at + 1 + digits + plus + end.len();
        let Some(size) = size else {
            self.wrong = Some("the length of a literal is not understood");
            self.at = start;
            return Ok(None);
        };
        if size.saturating_add(self.literals as u64) > max {
            return Ok(Some(Step::Oversize { len: start, size }));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        match self.bytes.get(start..start.saturating_add(size)) {
            Some(text) => {
                self.push(Word::Text(text.to_vec()));
                self.literals += size;
                self.at = start + size;
                Ok(None)
            }
            // At least a line end follows the literal.
            None => Ok(Some(Step::More(start + size + 1))),
        }
    }
}
