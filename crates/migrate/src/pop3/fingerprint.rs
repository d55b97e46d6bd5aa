//! What a message is recognised by, whichever protocol shows it: hashes of its header and of its body.
//!
//! Both sides hash the same bytes: a line ends at LF whether or not CR stands before it, line ends at the end of the
//! body are nothing, and fields that servers make up or change as they like are left out.

/// The hash of some bytes.
pub(crate) type Hash = [u8; 32];

/// Of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    pub header: Hash,
    /// Of what followed the header; of nothing if only that was read.
    pub body: Hash,
}

/// Names of fields that are not the message's own: some servers add them to what POP3 shows.
const VOLATILE: [&[u8]; 8] =
    [b"status", b"x-status", b"x-uidl", b"x-uid", b"x-keywords", b"x-imap", b"x-imapbase", b"content-length"];

/// A line of the header is kept so far; of a longer one the beginning decides whether the field counts.
const MAX_LINE: usize = 64 << 10;

/// Reads a message in pieces.
pub(crate) struct Fingerprinter {
    header: blake3::Hasher,
    body: blake3::Hasher,
    in_header: bool,
    line: Vec<u8>,
    /// A field that does not count is being read over, with its folded lines.
    skipping: bool,
    /// Its beginning was hashed already: the line is longer than what is kept.
    within: bool,
    carriage_return: bool,
    newlines: u64,
}

impl Fingerprinter {
    pub fn new() -> Fingerprinter {
        Fingerprinter {
            header: blake3::Hasher::new(),
            body: blake3::Hasher::new(),
            in_header: true,
            line: Vec::new(),
            skipping: false,
            within: false,
            carriage_return: false,
            newlines: 0,
        }
    }

    /// The next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while self.in_header && !bytes.is_empty() {
            let newline = bytes.iter().position(|b| *b == b'\n');
            let (piece, rest) = bytes.split_at(newline.map_or(bytes.len(), |n| n + 1));
            bytes = rest;
            self.line.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
            match newline {
                Some(_) => self.end_of_line(),
                None if self.line.len() > MAX_LINE => self.part_of_line(),
                None => {}
            }
        }
        self.feed_body(bytes);
    }

    /// All bytes are in.
    pub fn finish(mut self) -> Fingerprint {
        if !self.line.is_empty() {
            self.end_of_line();
        }
        Fingerprint { header: *self.header.finalize().as_bytes(), body: *self.body.finalize().as_bytes() }
    }

    fn part_of_line(&mut self) {
        self.decide();
        let carriage_return = self.line.pop_if(|last| *last == b'\r');
        if !self.skipping {
            self.header.update(&self.line);
        }
        self.line.clear();
        self.line.extend(carriage_return);
        self.within = true;
    }

    fn end_of_line(&mut self) {
        self.line.pop_if(|last| *last == b'\r');
        if self.line.is_empty() && !self.within {
            self.in_header = false;
            return;
        }
        self.decide();
        if !self.skipping {
            self.header.update(&self.line);
            self.header.update(b"\n");
        }
        self.line.clear();
        self.within = false;
    }

    /// Whether the field counts; a folded line belongs to the one before.
    fn decide(&mut self) {
        if self.within || matches!(self.line.first(), Some(b' ' | b'\t')) {
            return;
        }
        let name = self.line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
        self.skipping = VOLATILE.iter().any(|volatile| name.eq_ignore_ascii_case(volatile));
    }

    fn feed_body(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| matches!(b, b'\r' | b'\n')) {
            let (text, end) = match piece {
                [text @ .., end @ (b'\r' | b'\n')] => (text, Some(*end)),
                text => (text, None),
            };
            if !text.is_empty() {
                self.settle();
                self.body.update(text);
            }
            match end {
                Some(b'\n') => {
                    self.carriage_return = false;
                    self.newlines += 1;
                }
                Some(_) => {
                    if self.carriage_return {
                        self.settle();
                    }
                    self.carriage_return = true;
                }
                None => {}
            }
        }
    }

    /// What was held back turned out not to be the end.
    fn settle(&mut self) {
        for _ in 0..std::mem::take(&mut self.newlines) {
            self.body.update(b"\n");
        }
        if std::mem::take(&mut self.carriage_return) {
            self.body.update(b"\r");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn print(message: &str) -> Fingerprint {
        let mut fingerprinter = Fingerprinter::new();
        fingerprinter.feed(message.as_bytes());
        fingerprinter.finish()
    }

    #[test]
    fn line_ends_and_fields_of_servers_do_not_count() {
        let one = print("Subject: a\r\nTo: b\r\n c\r\n\r\nbody\r\n\r\nend\r\n");
        assert_eq!(one, print("Subject: a\nTo: b\n c\n\nbody\n\nend"));
        assert_eq!(
            one,
            print("X-UIDL: 7\r\n 8\r\nSubject: a\r\nSTATUS : RO\r\nTo: b\r\n c\r\n\r\nbody\r\n\r\nend\r\n\r\n")
        );
        for other in ["Subject: a\r\nTo: b\r\nc\r\n\r\nbody", "To: b\r\n c\r\nSubject: a\r\n\r\nbody"] {
            assert_ne!(one.header, print(other).header);
        }
        for other in ["body\r\nend", "body\r\n\r\n\r\nend", "body\r\n\r\n\rend", "body\r\n\r\nend."] {
            let other = print(&format!("Subject: a\r\nTo: b\r\n c\r\n\r\n{other}"));
            assert_eq!(one.header, other.header);
            assert_ne!(one.body, other.body);
        }
    }

    #[test]
    fn a_header_alone_has_the_same_hash() {
        let long = format!("Subject: {}\r\n", "x".repeat(MAX_LINE * 2));
        let (whole, top) = (print(&format!("{long}A: b\r\n\r\nbody")), print(&format!("{long}A: b\r\n\r\n")));
        assert_eq!(whole.header, top.header);
        assert_eq!(print(&format!("{long}A: b")).header, top.header);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            message in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a'), Just(b':'), Just(b' ')], 0..80),
            cut in 1usize..9,
        ) {
            let (mut whole, mut pieces) = (Fingerprinter::new(), Fingerprinter::new());
            whole.feed(&message);
            message.chunks(cut).for_each(|piece| pieces.feed(piece));
            prop_assert_eq!(whole.finish(), pieces.finish());
        }
    }
}
