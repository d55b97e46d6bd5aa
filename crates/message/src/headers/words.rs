//! Header text for people: encoded words (RFC 2047) and raw 8-bit, decoded leniently. Display, SEARCH and SORT use it;
//! IMAP's ENVELOPE never does.

use encoding_rs::{Encoding, UTF_8};
use memchr::{memchr, memmem};

use super::unfold;
use crate::body::{BodyDecoder, hex};
use crate::text::guess_text;

/// Longest `charset*language` part of an encoded word.
const MAX_LABEL: usize = 80;

/// The text of a field value: unfolded, encoded words decoded, raw bytes read as UTF-8 or else as Windows-1252.
///
/// White space between two encoded words is dropped (RFC 2047 §6.2); two neighbours of one charset are joined before
/// decoding, because many programs split a character between them. What looks like an encoded word but is none stays as
/// it is.
pub fn decode_header(value: &[u8]) -> String {
    let value = unfold(value);
    let mut rest: &[u8] = &value;
    let mut out = String::new();
    let mut run = Run::default();
    while let Some(start) = memmem::find(rest, b"=?") {
        match Word::at(&rest[start..]) {
            Found::Word(word) => {
                let between = &rest[..start];
                if !(run.open && between.trim_ascii().is_empty()) {
                    run.flush(&mut out);
                    out.push_str(&guess_text(between));
                }
                run.push(&word, &mut out);
                rest = &rest[start + word.len..];
            }
            Found::NoWord => {
                run.flush(&mut out);
                out.push_str(&guess_text(&rest[..start + 2]));
                rest = &rest[start + 2..];
            }
            // Without an end anywhere no later word can exist either.
            Found::NoEnd => break,
        }
    }
    run.flush(&mut out);
    out.push_str(&guess_text(rest));
    out
}

enum Found<'a> {
    Word(Word<'a>),
    NoWord,
    NoEnd,
}

/// `=?charset?B?text?=`
struct Word<'a> {
    charset: &'static Encoding,
    base64: bool,
    text: &'a [u8],
    len: usize,
}

impl<'a> Word<'a> {
    /// Reads the word that starts with the first two bytes.
    fn at(s: &'a [u8]) -> Found<'a> {
        let head = &s[2..s.len().min(2 + MAX_LABEL)];
        let Some(label) = memchr(b'?', head) else { return Found::NoWord };
        // RFC 2231 §5: a language may follow the charset.
        let charset = head[..label].split(|b| *b == b'*').next().unwrap_or_default();
        let Some(charset) = Encoding::for_label(charset) else { return Found::NoWord };
        let at = 2 + label + 1;
        let base64 = match s.get(at..at + 2) {
            Some([b'B' | b'b', b'?']) => true,
            Some([b'Q' | b'q', b'?']) => false,
            _ => return Found::NoWord,
        };
        let text = &s[at + 2..];
        match memmem::find(text, b"?=") {
            Some(end) => Found::Word(Word { charset, base64, text: &text[..end], len: at + 2 + end + 2 }),
            None => Found::NoEnd,
        }
    }
}

/// Neighbouring words of one charset, not decoded yet.
#[derive(Default)]
struct Run {
    open: bool,
    charset: Option<&'static Encoding>,
    bytes: Vec<u8>,
}

impl Run {
    fn push(&mut self, word: &Word<'_>, out: &mut String) {
        if self.charset.is_some_and(|c| c != word.charset) {
            self.flush(out);
        }
        self.open = true;
        self.charset = Some(word.charset);
        if word.base64 {
            let mut decoder = BodyDecoder::base64();
            decoder.push(word.text, &mut self.bytes);
            decoder.finish(&mut self.bytes);
        } else {
            decode_q(word.text, &mut self.bytes);
        }
    }

    fn flush(&mut self, out: &mut String) {
        let charset = self.charset.take().unwrap_or(UTF_8);
        out.push_str(&charset.decode_without_bom_handling(&self.bytes).0);
        self.bytes.clear();
        self.open = false;
    }
}

/// The Q encoding (RFC 2047 §4.2).
fn decode_q(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        match (b, tail) {
            (b'_', _) => out.push(b' '),
            (b'=', [h, l, after @ ..]) => match hex(*h).zip(hex(*l)) {
                Some((h, l)) => {
                    out.push(h << 4 | l);
                    rest = after;
                }
                None => out.push(b'='),
            },
            _ => out.push(b),
        }
    }
}

/// Length of an encoded word without blanks at the start of the bytes, so that no separator inside it is taken for
/// syntax.
pub(crate) fn encoded_word_len(s: &[u8]) -> Option<usize> {
    let limit = &s[..s.len().min(1_000)];
    let body = limit.strip_prefix(b"=?")?;
    let charset = memchr(b'?', body)?;
    let text = body.get(charset + 1..)?;
    if !matches!(text, [b'B' | b'b' | b'Q' | b'q', b'?', ..]) {
        return None;
    }
    let end = 2 + charset + 1 + 2 + memmem::find(&text[2..], b"?=")? + 2;
    (!limit[..end].iter().any(u8::is_ascii_whitespace)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn encoded_words_are_decoded() {
        for (raw, want) in [
            (&b"=?iso-8859-1?Q?Andr=E9?= Pirard"[..], "André Pirard"),
            (b"=?utf-8?B?w4k=?= =?UTF-8?q?t=C3=A9_x?= y", "Été x y"),
            (b"=?utf-8?Q?caf=C3?=\r\n =?utf-8?Q?=A9?=", "café"),
            (b"=?utf-8*fr?Q?a?=", "a"),
            (b"a =?nonsense?Q?b?= c", "a =?nonsense?Q?b?= c"),
            (b"=?utf-8?Q?never ends", "=?utf-8?Q?never ends"),
            (b"=?utf-8?Q?with blanks?=.", "with blanks."),
            (b"=?=?utf-8?Q?x?=", "=?x"),
        ] {
            assert_eq!(decode_header(raw), want);
        }
    }

    #[test]
    fn raw_eight_bit_is_utf8_or_windows_1252() {
        assert_eq!(decode_header("Grüße".as_bytes()), "Grüße");
        assert_eq!(decode_header(b"Gr\xfc\xdfe"), "Grüße");
    }

    proptest! {
        #[test]
        fn any_bytes_decode(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_header(&bytes);
        }

        #[test]
        fn near_words_decode(text in "(=\\?|utf-8|\\?[BQ]\\?|=C3|\\?=| |a){0,30}") {
            let _ = decode_header(text.as_bytes());
        }
    }
}
