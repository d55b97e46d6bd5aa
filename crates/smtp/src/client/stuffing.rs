//! A message as DATA carries it: dots doubled at the beginning of lines (RFC 5321 §4.5.2), every line ended by CRLF.
//!
//! A bare LF becomes CRLF and a bare CR a blank: neither may be sent (RFC 5321 §2.3.8), and servers that read them
//! differently let messages be smuggled in (hence also that a dot behind a bare LF is doubled).

/// Turns pieces of a message into what is sent.
#[derive(Debug)]
pub(super) struct Stuffing {
    line_start: bool,
    cr: bool,
}

impl Stuffing {
    pub fn new() -> Stuffing {
        Stuffing { line_start: true, cr: false }
    }

    /// The next piece, in what form it is sent.
    pub fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        if self.cr && !input.is_empty() {
            self.cr = false;
            if input.first() != Some(&b'\n') {
                out.push(b' ');
                self.line_start = false;
            }
        }
        while !input.is_empty() {
            if self.line_start && input.first() == Some(&b'.') {
                out.push(b'.');
            }
            let at = memchr::memchr2(b'\r', b'\n', input).unwrap_or(input.len());
            let (text, rest) = input.split_at(at);
            out.extend_from_slice(text);
            self.line_start &= text.is_empty();
            input = match rest {
                [b'\n', rest @ ..] => {
                    self.end_line(out);
                    rest
                }
                [b'\r', b'\n', rest @ ..] => {
                    self.end_line(out);
                    rest
                }
                [b'\r'] => {
                    self.cr = true;
                    &[]
                }
                [b'\r', rest @ ..] => {
                    out.push(b' ');
                    self.line_start = false;
                    rest
                }
                _ => rest,
            };
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.line_start = true;
    }

    /// The end of the message: its last line is ended if it is not.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.cr || !self.line_start {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(input: &[u8], piece: usize) -> String {
        let (mut stuffing, mut out) = (Stuffing::new(), Vec::new());
        input.chunks(piece).for_each(|chunk| stuffing.push(chunk, &mut out));
        stuffing.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dots_are_doubled_and_lines_ended() {
        for (message, wire) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r\n.b\r\n..\r\n", "a\r\n..b\r\n...\r\n.\r\n"),
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\r\n", "a .\r\n.\r\n"),
            ("a\r\r\n", "a \r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
            ("\r", "\r\n.\r\n"),
            ("\r.", " .\r\n.\r\n"),
        ] {
            for piece in 1..=message.len().max(1) {
                assert_eq!(sent(message.as_bytes(), piece), wire, "{message:?} in pieces of {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_end_ends_the_message(input in "[.\r\na]{0,60}", piece in 1usize..9) {
            let wire = sent(input.as_bytes(), piece);
            prop_assert_eq!(&wire, &sent(input.as_bytes(), 1000));
            let framed = format!("\r\n{wire}");
            prop_assert_eq!(framed.find("\r\n.\r\n"), Some(framed.len() - 5));
            let bare = wire.replace("\r\n", "");
            prop_assert!(!bare.contains(['\r', '\n']));
        }
    }
}
