//! Reads what follows DATA: undoes dot-stuffing and finds the end (RFC 5321 §4.5.2), in pieces of any size.
//!
//! Only CRLF ends a line and only CRLF `.` CRLF ends the message. Two servers that disagree about that let a sender
//! smuggle messages from one to the other; so a bare CR or LF never ends anything, and a message with one is refused
//! by the caller, whole (RFC 5321 §2.3.8).

use memchr::memchr2;

/// The reader of one message.
#[derive(Debug, Default)]
pub(super) struct Dots {
    state: State,
    bare: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Behind CRLF, or at the very beginning, which is behind the CRLF of DATA.
    #[default]
    LineStart,
    /// Within a line.
    Line,
    /// Behind a CR.
    Cr,
    /// Behind the dot that begins a line.
    Dot,
    /// Behind that dot and a CR.
    DotCr,
    /// Behind CRLF `.` CRLF.
    End,
}

impl Dots {
    /// Whether a CR or LF stood alone.
    pub fn bare(&self) -> bool {
        self.bare
    }

    /// Whether the message has ended.
    pub fn ended(&self) -> bool {
        self.state == State::End
    }

    /// Takes bytes and appends what they mean; gives how many were taken: all, unless the message ended among them.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut rest = input;
        while let Some((&first, after)) = rest.split_first() {
            let mut next = after;
            self.state = match (self.state, first) {
                (State::End, _) => break,
                (State::LineStart, b'.') => State::Dot,
                (State::LineStart | State::Line, _) => {
                    let at = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    let (line, tail) = rest.split_at(at);
                    out.extend_from_slice(line);
                    match tail.split_first() {
                        None => {
                            next = tail;
                            State::Line
                        }
                        Some((b'\r', tail)) => {
                            next = tail;
                            State::Cr
                        }
                        Some((_, tail)) => {
                            next = tail;
                            self.alone(b'\n', out)
                        }
                    }
                }
                (State::Cr, b'\n') => {
                    out.extend_from_slice(b"\r\n");
                    State::LineStart
                }
                (State::Dot, b'\r') => State::DotCr,
                (State::DotCr, b'\n') => State::End,
                // What comes behind a CR is looked at again, as what stands within a line.
                (State::Cr | State::DotCr, _) => {
                    next = rest;
                    self.alone(b'\r', out)
                }
                // The dot was stuffing; a second one belongs to the text.
                (State::Dot, b'\n') => self.alone(b'\n', out),
                (State::Dot, _) => {
                    out.push(first);
                    State::Line
                }
            };
            rest = next;
        }
        input.len() - rest.len()
    }

    fn alone(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        self.bare = true;
        out.push(byte);
        State::Line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a client sends for a message that ends with CRLF.
    pub fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut start = true;
        for (i, b) in message.iter().enumerate() {
            if start && *b == b'.' {
                out.push(b'.');
            }
            out.push(*b);
            start = *b == b'\n' && i > 0 && message[i - 1] == b'\r';
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    /// Message, bytes taken, whether a CR or LF stood alone; `None` if the message did not end.
    fn read(input: &[u8], piece: usize) -> Option<(Vec<u8>, usize, bool)> {
        let (mut dots, mut out, mut taken) = (Dots::default(), Vec::new(), 0);
        for chunk in input.chunks(piece) {
            taken += dots.push(chunk, &mut out);
            if dots.ended() {
                return Some((out, taken, dots.bare()));
            }
        }
        None
    }

    #[test]
    fn stuffing_is_undone() {
        for (sent, message) in [
            (&b".\r\n"[..], &b""[..]),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b"..a\r\n...\r\n.\r\n", b".a\r\n..\r\n"),
            (b".a\r\n.\r\n", b"a\r\n"),
            (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
        ] {
            for piece in 1..=sent.len() {
                assert_eq!(read(sent, piece), Some((message.to_vec(), sent.len(), false)));
            }
        }
    }

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_a_message() {
        for trick in [
            "\n.\r\n",
            "\r.\r\n",
            "\r\n.\n",
            "\n.\n",
            "\r.\r",
            "\r\n.\r",
            "\n.\r",
            "\r\n.\r\r\n",
            "\r\r.\r\n",
            "\r\n\0.\r\n",
            "\r\n..\r\n",
            "\r\n. \r\n",
            "\n\r.\r\n",
            "\r\n.\r.\r\n",
            "\n.\n.\r\n",
        ] {
            let sent = format!("text{trick}MAIL FROM:<evil@example.org>\r\nRCPT TO:<x@y>\r\n.\r\nQUIT\r\n");
            for piece in 1..=sent.len() {
                let (message, taken, bare) = read(sent.as_bytes(), piece).unwrap();
                assert_eq!(&sent[taken..], "QUIT\r\n", "{trick:?} in pieces of {piece}");
                assert!(message.windows(4).any(|w| w == b"RCPT"));
                let crs = trick.replace("\r\n", "").contains(['\r', '\n']);
                assert_eq!(bare, crs, "{trick:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_message_comes_back(
            lines in prop::collection::vec("[.a\t ]{0,6}", 0..12),
            piece in 1usize..9,
        ) {
            let message: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
            let sent = stuffed(message.as_bytes());
            prop_assert_eq!(read(&sent, piece), Some((message.into_bytes(), sent.len(), false)));
        }

        #[test]
        fn pieces_make_no_difference(input in "[.\r\na]{0,40}", piece in 1usize..7) {
            prop_assert_eq!(read(input.as_bytes(), piece), read(input.as_bytes(), input.len().max(1)));
        }

        #[test]
        fn the_end_is_where_the_five_bytes_are(input in "[.\r\na]{0,40}") {
            let whole = format!("\r\n{input}");
            let end = whole.find("\r\n.\r\n").map(|at| at + 3);
            prop_assert_eq!(read(input.as_bytes(), 3).map(|(_, taken, _)| taken), end);
        }
    }
}
