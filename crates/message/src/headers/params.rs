//! Parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183 §2): names and values as written,
//! quotes removed, for IMAP; and their decoded form (RFC 2231, RFC 2047) for people.

use std::borrow::Cow;

use encoding_rs::Encoding;

use super::words::decode_header;
use crate::text::guess_text;
use crate::wire::{Reader, put_slice};

/// Parameters kept of one field.
const MAX_PARAMS: usize = 100;

/// Skips blanks and comments (RFC 822 §3.1.4 nests them; a comment that does not end takes the rest).
pub(crate) fn skip_cfws(mut s: &[u8]) -> &[u8] {
    loop {
        s = s.trim_ascii_start();
        if s.first() != Some(&b'(') {
            return s;
        }
        let (mut depth, mut i) = (0usize, 0);
        while i < s.len() {
            match s[i] {
                b'\\' => i += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            i += 1;
            if depth == 0 {
                break;
            }
        }
        s = s.get(i..).unwrap_or_default();
    }
}

/// A token up to a separator, and what follows it.
pub(crate) fn token(s: &[u8]) -> (&[u8], &[u8]) {
    let end =
        s.iter().position(|b| matches!(b, b'/' | b';' | b'=' | b'(' | b'"' | b',' | b' ' | b'\t' | b'\r' | b'\n'));
    s.split_at(end.unwrap_or(s.len()))
}

/// The content of a quoted string whose opening quote is gone, and what follows the closing one.
pub(crate) fn quoted(s: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let mut out: Option<Vec<u8>> = None;
    let (mut i, mut from) = (0, 0);
    while i < s.len() {
        match s[i] {
            b'"' => break,
            b'\\' if i + 1 < s.len() => {
                out.get_or_insert_default().extend_from_slice(&s[from..i]);
                from = i + 1;
                i += 1;
            }
            _ => {}
        }
        i += 1;
    }
    let value = match out {
        None => Cow::Borrowed(&s[..i]),
        Some(mut v) => {
            v.extend_from_slice(&s[from..i]);
            Cow::Owned(v)
        }
    };
    (value, s.get(i + 1..).unwrap_or_default())
}

/// Reads `; name=value` pairs and hands each to the caller; what is not one is skipped up to the next semicolon.
pub(crate) fn parse_params<'a>(mut s: &'a [u8], mut each: impl FnMut(&'a [u8], Cow<'a, [u8]>)) {
    for _ in 0..MAX_PARAMS {
        s = skip_cfws(s);
        while let Some(rest) = s.strip_prefix(b";") {
            s = skip_cfws(rest);
        }
        if s.is_empty() {
            return;
        }
        let (name, rest) = token(s);
        let rest = skip_cfws(rest);
        if let (false, Some(rest)) = (name.is_empty(), rest.strip_prefix(b"=")) {
            let rest = skip_cfws(rest);
            if let Some(rest) = rest.strip_prefix(b"\"") {
                let (value, rest) = quoted(rest);
                each(name, value);
                s = after_semicolon(rest);
            } else {
                // File names with blanks but without quotes are common: the value goes on to the semicolon or a
                // comment.
                let end = (0..rest.len())
                    .find(|&i| rest[i] == b';' || (rest[i] == b'(' && i > 0 && rest[i - 1].is_ascii_whitespace()))
                    .unwrap_or(rest.len());
                each(name, Cow::Borrowed(rest[..end].trim_ascii_end()));
                s = after_semicolon(&rest[end..]);
            }
        } else {
            s = after_semicolon(rest);
        }
    }
}

fn after_semicolon(s: &[u8]) -> &[u8] {
    match memchr::memchr(b';', s) {
        Some(p) => &s[p + 1..],
        None => &[],
    }
}

/// Writes all parameters as name and value slices.
pub(crate) fn encode_params(s: &[u8], out: &mut Vec<u8>) {
    parse_params(s, |name, value| {
        put_slice(out, name);
        put_slice(out, &value);
    });
}

/// Parameters of a part, in their order, as IMAP sends them: RFC 2231 names and values untouched (`filename*0*`).
#[derive(Clone, Copy, Debug)]
pub struct Params<'a>(pub(crate) &'a [u8]);

impl<'a> Params<'a> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Name and value pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut r = Reader::new(self.0);
        std::iter::from_fn(move || {
            if r.is_empty() {
                return None;
            }
            let pair = (r.slice(), r.slice());
            (!r.is_corrupt()).then_some(pair)
        })
    }

    /// The first value of that very name, without regard to case.
    pub fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// The value for people: RFC 2231 continuations joined and charsets decoded; else RFC 2047 words, which RFC 2231
    /// forbids here and everybody sends; else plain bytes.
    pub fn decoded(&self, name: &[u8]) -> Option<String> {
        let Some((charset, bytes)) = self.joined(name) else { return self.get(name).map(decode_header) };
        Some(match Encoding::for_label(charset) {
            Some(e) => e.decode_without_bom_handling(&bytes).0.into_owned(),
            None => guess_text(&bytes).into_owned(),
        })
    }

    /// RFC 2231 §3 and §4: `name*`, or `name*0`, `name*1*`, … in the order of their numbers: charset label and bytes.
    pub(crate) fn joined(&self, name: &[u8]) -> Option<(&'a [u8], Vec<u8>)> {
        let mut pieces: Vec<Piece<'_>> = self.iter().filter_map(|(n, value)| Piece::of(name, n, value)).collect();
        pieces.sort_by_key(|p| p.index);
        let first = pieces.first_mut()?;
        let mut charset: &[u8] = b"";
        if first.encoded {
            let mut quotes = first.value.splitn(3, |b| *b == b'\'');
            if let (Some(label), Some(_language), Some(text)) = (quotes.next(), quotes.next(), quotes.next()) {
                (charset, first.value) = (label, text);
            }
        }
        let mut bytes = Vec::new();
        for piece in &pieces {
            if piece.encoded { percent_decode(piece.value, &mut bytes) } else { bytes.extend_from_slice(piece.value) }
        }
        Some((charset, bytes))
    }
}

/// One of the parameters that together are a long or non-ASCII one.
struct Piece<'a> {
    index: u32,
    encoded: bool,
    value: &'a [u8],
}

impl<'a> Piece<'a> {
    /// Reads `name*`, `name*2` or `name*2*`; none if this parameter is another one.
    fn of(wanted: &[u8], name: &'a [u8], value: &'a [u8]) -> Option<Piece<'a>> {
        let (head, tail) = name.split_at_checked(wanted.len())?;
        let number = tail.strip_prefix(b"*").filter(|_| head.eq_ignore_ascii_case(wanted))?;
        let digits = number.strip_suffix(b"*").unwrap_or(number);
        let index = if number.is_empty() { 0 } else { std::str::from_utf8(digits).ok()?.parse().ok()? };
        Some(Piece { index, encoded: number.is_empty() || digits.len() < number.len(), value })
    }
}

fn percent_decode(s: &[u8], out: &mut Vec<u8>) {
    let mut rest = s;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        let hex = match (b, tail) {
            (b'%', [h, l, ..]) => crate::body::hex(*h).zip(crate::body::hex(*l)),
            _ => None,
        };
        match hex {
            Some((h, l)) => {
                out.push(h << 4 | l);
                rest = &tail[2..];
            }
            None => out.push(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(s: &[u8]) -> Vec<(String, String)> {
        let mut out = Vec::new();
        encode_params(s, &mut out);
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Params(&out).iter().map(|(n, v)| (text(n), text(v))).collect()
    }

    fn decoded(s: &[u8], name: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        encode_params(s, &mut out);
        Params(&out).decoded(name)
    }

    #[test]
    fn quotes_comments_and_stray_semicolons() {
        let got = all(br#"; charset = "a\"b;c" (x(y)) ;; format=flowed; rubbish; name=my file.txt ; delsp=yes (c)"#);
        let want = [("charset", "a\"b;c"), ("format", "flowed"), ("name", "my file.txt"), ("delsp", "yes")];
        assert_eq!(got, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(all(br#";a="open"#), [("a".to_owned(), "open".to_owned())]);
    }

    #[test]
    fn rfc2231_continuations_and_charsets() {
        let s = b";filename*1*=%C3%A9.pdf; filename*0*=utf-8'fr'caf; x=1";
        assert_eq!(decoded(s, b"filename").as_deref(), Some("café.pdf"));
        assert_eq!(decoded(b";filename*=iso-8859-1''caf%E9", b"filename").as_deref(), Some("café"));
        assert_eq!(decoded(b";filename*0=a;filename*1=b", b"filename").as_deref(), Some("ab"));
        assert_eq!(decoded(b";name=\"=?utf-8?Q?caf=C3=A9?=\"", b"name").as_deref(), Some("café"));
        assert_eq!(all(s)[0].0, "filename*1*");
    }
}
