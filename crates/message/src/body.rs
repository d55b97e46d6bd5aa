//! Content-Transfer-Encoding (RFC 2045 §6) undone as a stream, leniently: what BINARY, text and previews read.
//!
//! Wrong bytes are skipped or kept as they stand, never an error: only an unknown encoding is one, because its
//! content cannot be given at all (RFC 3516 §4.3, UNKNOWN-CTE).

use std::borrow::Cow;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit or binary: the bytes are the content.
    Identity,
    /// base64 (RFC 2045 §6.8).
    Base64,
    /// quoted-printable (RFC 2045 §6.7).
    QuotedPrintable,
}

/// A Content-Transfer-Encoding nobody defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown content transfer encoding")]
pub struct UnknownEncoding;

impl Encoding {
    /// From the field's token, without regard to case; an absent one is "7bit".
    pub fn from_name(name: &[u8]) -> Result<Encoding, UnknownEncoding> {
        match name.to_ascii_lowercase().as_slice() {
            b"" | b"7bit" | b"8bit" | b"binary" | b"7-bit" | b"8-bit" => Ok(Encoding::Identity),
            b"base64" => Ok(Encoding::Base64),
            b"quoted-printable" => Ok(Encoding::QuotedPrintable),
            _ => Err(UnknownEncoding),
        }
    }
}

/// Undoes an encoding on a whole body. Streams use [`BodyDecoder`].
pub fn decode_body(bytes: &[u8], encoding: Encoding) -> Cow<'_, [u8]> {
    if encoding == Encoding::Identity {
        return Cow::Borrowed(bytes);
    }
    let mut decoder = BodyDecoder::new(encoding);
    let mut out = Vec::with_capacity(bytes.len());
    decoder.push(bytes, &mut out);
    decoder.finish(&mut out);
    Cow::Owned(out)
}

/// Undoes an encoding piece by piece: any cutting of the input gives the same output. Its own memory is a few bytes,
/// and at most a kilobyte for white space that may end a line.
#[derive(Clone, Debug)]
pub struct BodyDecoder(State);

#[derive(Clone, Debug)]
enum State {
    Identity,
    /// Bits not given out yet, and how many sextets they hold (0 to 3).
    Base64 {
        bits: u32,
        count: u8,
    },
    /// What may still turn out to be an escape (it starts with `=`) or the white space at the end of a line.
    QuotedPrintable {
        held: Vec<u8>,
    },
}

/// White space at the end of a line that quoted-printable holds back at most; a longer run is content.
const MAX_HELD: usize = 1024;

/// Value of a base64 digit; 64 for `=`, 65 for what is skipped.
const BASE64: [u8; 256] = {
    let mut table = [65u8; 256];
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[digits[i] as usize] = i as u8;
        i += 1;
    }
    table[b'=' as usize] = 64;
    table
};

impl BodyDecoder {
    /// A decoder at the start of a body.
    pub fn new(encoding: Encoding) -> BodyDecoder {
        BodyDecoder(match encoding {
            Encoding::Identity => State::Identity,
            Encoding::Base64 => State::Base64 { bits: 0, count: 0 },
            Encoding::QuotedPrintable => State::QuotedPrintable { held: Vec::new() },
        })
    }

    pub(crate) fn base64() -> BodyDecoder {
        BodyDecoder::new(Encoding::Base64)
    }

    /// Decodes the next bytes of the body and appends what they give.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            State::Identity => out.extend_from_slice(input),
            State::Base64 { bits, count } => base64(input, bits, count, out),
            State::QuotedPrintable { held } => quoted_printable(input, held, out),
        }
    }

    /// Appends what was held back: the body ends here.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self.0 {
            State::Identity => {}
            State::Base64 { bits, count } => flush_base64(bits, count, out),
            // White space and a lone "=" at the end of the body are transport padding.
            State::QuotedPrintable { held } => {
                if held.len() > 1 && held[0] == b'=' && !held[1..].iter().all(u8::is_ascii_whitespace) {
                    out.extend_from_slice(&held);
                }
            }
        }
    }
}

fn base64(input: &[u8], bits: &mut u32, count: &mut u8, out: &mut Vec<u8>) {
    let mut rest = input;
    while !rest.is_empty() {
        // Whole quanta first: they are nearly all of a body.
        if *count == 0 {
            while let [a, b, c, d, tail @ ..] = rest {
                let v = [*a, *b, *c, *d].map(|x| BASE64[usize::from(x)]);
                if (v[0] | v[1] | v[2] | v[3]) >= 64 {
                    break;
                }
                let n = u32::from(v[0]) << 18 | u32::from(v[1]) << 12 | u32::from(v[2]) << 6 | u32::from(v[3]);
                out.extend_from_slice(&[(n >> 16) as u8, (n >> 8) as u8, n as u8]);
                rest = tail;
            }
        }
        let Some((b, tail)) = rest.split_first() else { return };
        rest = tail;
        match BASE64[usize::from(*b)] {
            65 => {}
            // Padding ends a quantum; bodies glued together go on after it.
            64 => {
                flush_base64(*bits, *count, out);
                (*bits, *count) = (0, 0);
            }
            v => {
                *bits = *bits << 6 | u32::from(v);
                *count += 1;
                if *count == 4 {
                    out.extend_from_slice(&[(*bits >> 16) as u8, (*bits >> 8) as u8, *bits as u8]);
                    (*bits, *count) = (0, 0);
                }
            }
        }
    }
}

fn flush_base64(bits: u32, count: u8, out: &mut Vec<u8>) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
}

fn quoted_printable(input: &[u8], held: &mut Vec<u8>, out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some((&b, tail)) = rest.split_first() {
        if held.is_empty() {
            let plain = rest.iter().position(|b| matches!(b, b'=' | b' ' | b'\t' | b'\r')).unwrap_or(rest.len());
            if plain > 0 {
                out.extend_from_slice(&rest[..plain]);
                rest = &rest[plain..];
                continue;
            }
            held.push(b);
            rest = tail;
        } else if held[0] == b'=' {
            rest = escape(b, rest, tail, held, out);
        } else {
            // Blanks, perhaps with a CR behind them.
            let after_cr = held.last() == Some(&b'\r');
            match b {
                // RFC 2045 §6.7 (3): white space at the end of an encoded line is padding.
                b'\n' => {
                    out.extend_from_slice(if after_cr { b"\r\n" } else { b"\n" });
                    held.clear();
                    rest = tail;
                }
                b' ' | b'\t' | b'\r' if !after_cr && held.len() < MAX_HELD => {
                    held.push(b);
                    rest = tail;
                }
                _ => {
                    out.extend_from_slice(held);
                    held.clear();
                }
            }
        }
    }
}

/// One byte more after an `=`; gives back where to go on.
fn escape<'a>(b: u8, rest: &'a [u8], tail: &'a [u8], held: &mut Vec<u8>, out: &mut Vec<u8>) -> &'a [u8] {
    let blank = held.len() > 1 && held[1].is_ascii_whitespace();
    match b {
        // A soft line break, with or without padding before its end.
        b'\n' if held.len() == 1 || blank => {
            held.clear();
            return tail;
        }
        b' ' | b'\t' | b'\r' if (held.len() == 1 || blank) && held.last() != Some(&b'\r') && held.len() < MAX_HELD => {
            held.push(b);
            return tail;
        }
        _ if held.len() == 1 && hex(b).is_some() => {
            held.push(b);
            return tail;
        }
        _ => {}
    }
    if let (2, Some(l), Some(h)) = (held.len(), hex(b), held.get(1).and_then(|h| hex(*h))) {
        out.push(h << 4 | l);
        held.clear();
        return tail;
    }
    // Not an escape after all (RFC 2045 §6.7: robust implementations keep it).
    out.extend_from_slice(held);
    held.clear();
    rest
}

/// Value of a hexadecimal digit of either case.
pub(crate) fn hex(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'A'..=b'F' => Some(b - b'A' + 10),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn qp(s: &[u8]) -> Vec<u8> {
        decode_body(s, Encoding::QuotedPrintable).into_owned()
    }

    fn b64(s: &[u8]) -> Vec<u8> {
        decode_body(s, Encoding::Base64).into_owned()
    }

    #[test]
    fn base64_is_lenient() {
        assert_eq!(b64(b"SGVs\r\nbG8h"), b"Hello!");
        assert_eq!(b64(b"SGVsbG8="), b"Hello");
        assert_eq!(b64(b"SGVsbG8"), b"Hello");
        assert_eq!(b64(b"S G*V\0sbA==IQ=="), b"Hell!");
    }

    #[test]
    fn quoted_printable_is_lenient() {
        assert_eq!(qp(b"a=3Db=3d c  \r\nd=\r\ne=  \r\nf=\ng"), b"a=b= c\r\ndefg");
        assert_eq!(qp(b"a=zz=4"), b"a=zz=4");
        assert_eq!(qp(b"a=20 \r\nb \t"), b"a \r\nb");
        assert_eq!(qp(b"a\rb"), b"a\rb");
        assert_eq!(qp(b"a="), b"a");
    }

    #[test]
    fn unknown_encoding_is_an_error() {
        assert_eq!(Encoding::from_name(b"X-UUENCODE"), Err(UnknownEncoding));
        assert_eq!(Encoding::from_name(b"BASE64"), Ok(Encoding::Base64));
    }

    proptest! {
        #[test]
        fn any_cutting_decodes_alike(bytes in "[a=3D \t\r\nQ+/é]{0,80}", cuts in proptest::collection::vec(0usize..80, 0..5)) {
            let bytes = bytes.as_bytes();
            for encoding in [Encoding::Base64, Encoding::QuotedPrintable, Encoding::Identity] {
                let mut cuts: Vec<_> = cuts.iter().map(|c| c % (bytes.len() + 1)).collect();
                cuts.sort();
                cuts.push(bytes.len());
                let (mut decoder, mut out, mut at) = (BodyDecoder::new(encoding), Vec::new(), 0);
                for c in cuts {
                    decoder.push(&bytes[at..c], &mut out);
                    at = c;
                }
                decoder.finish(&mut out);
                prop_assert_eq!(&out[..], &decode_body(bytes, encoding)[..]);
            }
        }
    }
}
