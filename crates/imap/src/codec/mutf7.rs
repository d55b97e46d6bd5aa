//! Modified UTF-7: how mailbox names are written outside UTF-8 mode (RFC 3501 §5.1.3, RFC 9051 appendix A.1).
//!
//! Strict in both directions, so that decoding and encoding again gives the same bytes; what is not strictly valid is an
//! error, and [`super::mailbox::MailboxName`] then keeps the bytes as they are.

/// Why bytes are not a valid modified UTF-7 name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mutf7Error {
    /// A byte outside printable US-ASCII.
    #[error("mailbox name has a byte outside printable US-ASCII")]
    NotAscii,
    /// `&` without its `-`, or a character that is not of the modified base64 alphabet.
    #[error("mailbox name has an unfinished or malformed & sequence")]
    Base64,
    /// A lone UTF-16 surrogate, or bits left over.
    #[error("mailbox name encodes something that is not UTF-16")]
    Utf16,
    /// It decodes, but is not the one way to write the name (printable ASCII in base64, adjacent sequences).
    #[error("mailbox name is not in the canonical form of modified UTF-7")]
    NotCanonical,
}

/// The base64 alphabet with `,` in place of `/`.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The name as text. `Ok` only if [`encode`] gives exactly `name` back.
pub fn decode(name: &[u8]) -> Result<String, Mutf7Error> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'&' => {
                let end = rest.iter().position(|b| *b == b'-').ok_or(Mutf7Error::Base64)?;
                let (sequence, after) = rest.split_at(end);
                rest = after.get(1..).unwrap_or_default();
                if sequence.is_empty() { text.push('&') } else { decode_base64(sequence, &mut text)? }
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => return Err(Mutf7Error::NotAscii),
        }
    }
    if encode(&text).as_bytes() == name { Ok(text) } else { Err(Mutf7Error::NotCanonical) }
}

fn decode_base64(sequence: &[u8], text: &mut String) -> Result<(), Mutf7Error> {
    let mut units = Vec::with_capacity(sequence.len() * 6 / 16);
    let (mut bits, mut held) = (0u32, 0);
    for byte in sequence {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return Err(Mutf7Error::Base64),
        };
        bits = (bits << 6 | u32::from(value)) & 0x3f_ffff;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held) as u16);
        }
    }
    for unit in char::decode_utf16(units) {
        text.push(unit.map_err(|_| Mutf7Error::Utf16)?);
    }
    Ok(())
}

/// The name in modified UTF-7. Every text has exactly one form.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_direct(c)).unwrap_or(rest.len());
        let (direct, after) = rest.split_at(end);
        direct.chars().for_each(|c| if c == '&' { out.push_str("&-") } else { out.push(c) });
        let end = after.find(is_direct).unwrap_or(after.len());
        let (encoded, after) = after.split_at(end);
        if !encoded.is_empty() {
            encode_base64(encoded, &mut out);
        }
        rest = after;
    }
    out
}

/// `&` stands for itself too, as `&-`.
fn is_direct(c: char) -> bool {
    matches!(c, ' '..='~')
}

fn encode_base64(text: &str, out: &mut String) {
    let digit = |value: u32| char::from(ALPHABET.get((value & 63) as usize).copied().unwrap_or(b'A'));
    out.push('&');
    let (mut bits, mut held) = (0u32, 0);
    for unit in text.encode_utf16() {
        bits = (bits & 0x3f) << 16 | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            out.push(digit(bits >> held));
        }
    }
    if held > 0 {
        out.push(digit(bits << (6 - held)));
    }
    out.push('-');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_rfc_and_of_real_mailboxes() {
        for (wire, text) in [
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("&AMk-l&AOk-ments envoy&AOk-s", "Éléments envoyés"),
            ("Tom &- Jerry", "Tom & Jerry"),
            ("&2D3eAA-", "😀"),
            ("&AAo-", "\n"),
            ("", ""),
        ] {
            assert_eq!(decode(wire.as_bytes()).as_deref(), Ok(text), "{wire}");
            assert_eq!(encode(text), wire);
        }
    }

    #[test]
    fn invalid_names_are_told_apart() {
        for (wire, error) in [
            (&b"Tom & Jerry"[..], Mutf7Error::Base64),
            (b"&AOk", Mutf7Error::Base64),
            (b"&A/k-", Mutf7Error::Base64),
            (b"\xc3\xa9", Mutf7Error::NotAscii),
            (b"a\tb", Mutf7Error::NotAscii),
            (b"&2D0-", Mutf7Error::Utf16),
            (b"&AGE-", Mutf7Error::NotCanonical),
            (b"&AOk-&AOk-", Mutf7Error::NotCanonical),
            (b"&AOl-", Mutf7Error::NotCanonical),
            (b"&A-", Mutf7Error::NotCanonical),
        ] {
            assert_eq!(decode(wire), Err(error), "{}", wire.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            let wire = encode(&text);
            prop_assert!(wire.bytes().all(|b| (b' '..=b'~').contains(&b)));
            prop_assert_eq!(decode(wire.as_bytes()), Ok(text));
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(wire in "[&A-D,+/ -]{0,12}") {
            if let Ok(text) = decode(wire.as_bytes()) {
                prop_assert_eq!(encode(&text), wire);
            }
        }
    }
}
