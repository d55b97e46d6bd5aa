//! Dot-stuffing, in pieces (RFC 1939 §3): a line that begins with a dot gets one more, a line of one dot is the end.
//!
//! A line ends at LF, with or without CR before it: most clients read so, and one that does not is given one dot too
//! many rather than a message cut off or a reply that never ends.

/// Makes a multi-line reply of the bytes of a message.
pub(crate) struct Stuffer {
    at_start: bool,
    /// The last two bytes that were given; a message that is empty needs no line end before the final dot.
    last: [u8; 2],
}

impl Stuffer {
    pub fn new() -> Stuffer {
        Stuffer { at_start: true, last: *b"\r\n" }
    }

    /// Appends the next piece to `out`.
    pub fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        match piece {
            [.., a, b] => self.last = [*a, *b],
            [b] => self.last = [self.last[1], *b],
            [] => return,
        }
        while !piece.is_empty() {
            if self.at_start && piece.first() == Some(&b'.') {
                out.push(b'.');
            }
            let end = memchr::memchr(b'\n', piece).map_or(piece.len(), |n| n + 1);
            let (line, rest) = piece.split_at(end);
            out.extend_from_slice(line);
            self.at_start = line.last() == Some(&b'\n');
            piece = rest;
        }
    }

    /// Ends the reply: the last line is completed if the message did not do so.
    pub fn finish(self, out: &mut Vec<u8>) {
        if &self.last != b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

/// The way back: finds the end of a multi-line reply and takes the added dots away. Line ends stay as they are.
pub(crate) struct Unstuffer {
    at_start: bool,
}

impl Unstuffer {
    pub fn new() -> Unstuffer {
        Unstuffer { at_start: true }
    }

    /// Takes what can be told of `input`: the bytes taken, and whether the reply ended with them. A dot that begins a
    /// line is left until what follows it is there.
    pub fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut taken = 0;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            let mut skipped = 0;
            if self.at_start {
                match rest {
                    [b'.', b'\r', b'\n', ..] => return (taken + 3, true),
                    [b'.', b'\n', ..] => return (taken + 2, true),
                    [b'.'] | [b'.', b'\r'] => return (taken, false),
                    [b'.', ..] => skipped = 1,
                    _ => {}
                }
            }
            let rest = rest.get(skipped..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
            let line = rest.get(..end).unwrap_or_default();
            out.extend_from_slice(line);
            self.at_start = line.last() == Some(&b'\n');
            taken += skipped + end;
        }
        (taken, false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
        let (mut stuffer, mut out) = (Stuffer::new(), Vec::new());
        pieces.into_iter().for_each(|piece| stuffer.push(piece, &mut out));
        stuffer.finish(&mut out);
        out
    }

    #[test]
    fn dots_that_begin_a_line_are_doubled_and_the_last_line_is_completed() {
        for (message, wire) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\nb", "a\n..\nb\r\n.\r\n"),
            ("a\n", "a\n\r\n.\r\n"),
            ("a\r", "a\r\r\n.\r\n"),
            ("a.b\r\n..\r\n", "a.b\r\n...\r\n.\r\n"),
        ] {
            assert_eq!(stuffed([message.as_bytes()]), wire.as_bytes(), "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_in_pieces_comes_back_in_pieces(
            message in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'x')], 0..60),
            cut in 1usize..8,
            wire_cut in 1usize..8,
        ) {
            let wire = stuffed(message.chunks(cut));
            prop_assert_eq!(&wire, &stuffed([&message[..]]));
            let (mut unstuffer, mut out, mut input, mut ended) = (Unstuffer::new(), Vec::new(), Vec::new(), false);
            for piece in wire.chunks(wire_cut) {
                prop_assert!(!ended);
                input.extend_from_slice(piece);
                let (taken, end) = unstuffer.take(&input, &mut out);
                input.drain(..taken);
                ended = end;
            }
            prop_assert!(ended && input.is_empty());
            let mut completed = message.clone();
            if !message.is_empty() && !message.ends_with(b"\r\n") {
                completed.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(out, completed);
        }
    }
}
