//! Numbers and strings on the wire: the one place that decides between atom, quoted string, literal and literal8.

use crate::codec::lexer::is_astring_char;

/// The longest string written in quotes; a longer one is a literal, which readers take without scanning.
const QUOTED_MAX: usize = 1024;

/// Appends a decimal number.
pub fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    for (i, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
        start = i;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends an `astring`: as an atom where that is enough, else as a string. An atom NIL would be read as absence by
/// careless clients, so it is quoted.
pub fn astring(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() && bytes.iter().all(|b| is_astring_char(*b)) && !bytes.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(bytes);
    } else {
        quoted_or_literal(out, bytes);
    }
}

/// Appends a `string`: in quotes if it is short ASCII without CR, LF or NUL, else as a literal. 8-bit bytes in quotes are
/// for clients that enabled UTF-8 only (RFC 3501 §9 `QUOTED-CHAR`, RFC 6855 §3); in a literal they are right for all.
pub fn quoted_or_literal(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_ascii() { quoted(out, bytes) } else { literal(out, bytes) }
}

/// Appends a `string` for a client that enabled UTF-8: in quotes if it is short and has no CR, LF or NUL.
pub fn utf8_string(out: &mut Vec<u8>, text: &str) {
    quoted(out, text.as_bytes());
}

fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > QUOTED_MAX {
        return literal(out, bytes);
    }
    let mut escapes = false;
    for b in bytes {
        match b {
            b'\r' | b'\n' | 0 => return literal(out, bytes),
            b'"' | b'\\' => escapes = true,
            _ => {}
        }
    }
    out.push(b'"');
    if escapes {
        for b in bytes {
            if matches!(b, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*b);
        }
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

/// Appends a literal. The grammar has no NUL outside literal8 (RFC 9051 §9 `CHAR8`), and clients read strings as if they
/// ended there: a NUL is written as 0x80, which no valid text has in that place.
pub fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    literal_head(out, bytes.len() as u64, false);
    let start = out.len();
    out.extend_from_slice(bytes);
    let written = out.get_mut(start..).unwrap_or_default();
    if memchr::memchr(0, written).is_some() {
        written.iter_mut().filter(|b| **b == 0).for_each(|b| *b = 0x80);
    }
}

/// Appends a literal8 (RFC 3516), which may hold any byte.
pub fn literal8(out: &mut Vec<u8>, bytes: &[u8]) {
    literal_head(out, bytes.len() as u64, true);
    out.extend_from_slice(bytes);
}

/// Appends `{n}` CRLF, or `~{n}` CRLF; the caller streams the `n` bytes behind it.
pub fn literal_head(out: &mut Vec<u8>, size: u64, binary: bool) {
    out.extend_from_slice(if binary { b"~{" } else { b"{" });
    number(out, size);
    out.extend_from_slice(b"}\r\n");
}

/// Appends an `nstring`.
pub fn nstring(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => quoted_or_literal(out, bytes),
        None => out.extend_from_slice(b"NIL"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::lexer::Cursor;

    #[test]
    fn each_string_has_its_form() {
        for (bytes, wire) in [
            (&b"abc"[..], &b"abc"[..]),
            (b"nil", b"\"nil\""),
            (b"a\\b", b"\"a\\\\b\""),
            (b"a\r\nb", b"{4}\r\na\r\nb"),
            (b"a\0", b"{2}\r\na\x80"),
            (b"\xe9", b"{1}\r\n\xe9"),
            ("é".as_bytes(), b"{2}\r\n\xc3\xa9"),
        ] {
            let mut out = Vec::new();
            astring(&mut out, bytes);
            assert_eq!(out, wire);
        }
        let mut out = Vec::new();
        utf8_string(&mut out, "é\"");
        assert_eq!(out, "\"é\\\"\"".as_bytes());
    }

    proptest! {
        #[test]
        fn numbers_are_decimal(n in any::<u64>()) {
            let mut out = Vec::new();
            number(&mut out, n);
            prop_assert_eq!(out, n.to_string().into_bytes());
        }

        #[test]
        fn strings_read_back(bytes in prop::collection::vec(1u8.., 0..40)) {
            let mut out = Vec::new();
            astring(&mut out, &bytes);
            prop_assert_eq!(Cursor::new(&out).astring().map(|s| s.into_owned()), Ok(bytes.clone()));
            out.clear();
            nstring(&mut out, Some(&bytes));
            prop_assert_eq!(Cursor::new(&out).nstring().map(|s| s.map(|s| s.into_owned())), Ok(Some(bytes)));
        }
    }
}
