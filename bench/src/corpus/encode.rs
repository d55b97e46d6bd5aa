//! The encodings of mail: encoded words (RFC 2047), quoted-printable and base64 (RFC 2045), parameters (RFC 2231).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A line of base64 holds 76 characters, that is 57 bytes (RFC 2045 §6.8).
const BASE64_LINE: usize = 57;

/// A header text: as it is if ASCII, else as encoded words of at most 75 characters, folded.
pub fn header_text(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut chunk = String::new();
    for character in text.chars() {
        // Characters are never split between two encoded words (RFC 2047 §5); 42 bytes give 56 of base64.
        if chunk.len() + character.len_utf8() > 42 {
            push_word(&mut out, &chunk);
            chunk.clear();
        }
        chunk.push(character);
    }
    push_word(&mut out, &chunk);
    out
}

fn push_word(out: &mut String, chunk: &str) {
    if !out.is_empty() {
        out.push_str("\r\n ");
    }
    out.push_str("=?utf-8?B?");
    STANDARD.encode_string(chunk, out);
    out.push_str("?=");
}

/// Appends base64 in lines.
pub fn base64_lines(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() / BASE64_LINE * 78 + 80);
    let mut line = [0u8; 76];
    for chunk in bytes.chunks(BASE64_LINE) {
        // 57 bytes always fit into 76 characters.
        let length = STANDARD.encode_slice(chunk, &mut line).unwrap_or(0);
        out.extend_from_slice(line.get(..length).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends quoted-printable text; `text` has CRLF line ends.
pub fn quoted_printable(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for line in text.split_inclusive("\r\n") {
        let (content, end) = line.strip_suffix("\r\n").map_or((line, ""), |c| (c, "\r\n"));
        let mut column = 0;
        for (at, byte) in content.bytes().enumerate() {
            let last = at + 1 == content.len();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (byte == b' ' && !last);
            // A line has at most 76 characters, the soft break included (RFC 2045 §6.7).
            if column + if plain { 1 } else { 3 } > 75 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            if plain {
                out.push(byte);
                column += 1;
            } else {
                out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                column += 3;
            }
        }
        out.extend_from_slice(end.as_bytes());
    }
}

/// A `name="…"` parameter, in the extended form of RFC 2231 §4 if it is not ASCII.
pub fn parameter(name: &str, value: &str) -> String {
    if value.is_ascii() {
        return format!("{name}=\"{value}\"");
    }
    let encoded: String = value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"._-".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    format!("{name}*=utf-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_ascii_and_its_words_are_short() {
        let text = header_text("Réunion : été, hiver et tout ce qui vient après, à préparer déjà");
        assert!(text.is_ascii() && text.contains("?=\r\n ="));
        assert!(text.split("\r\n ").all(|w| w.len() <= 75));
        assert_eq!(header_text("plain"), "plain");
    }

    #[test]
    fn quoted_printable_escapes_what_it_must() {
        let mut out = Vec::new();
        quoted_printable(&mut out, "é=a \r\nb");
        assert_eq!(out, b"=C3=A9=3Da=20\r\nb");
        out.clear();
        quoted_printable(&mut out, &"x".repeat(200));
        assert!(out.split(|b| *b == b'\n').all(|l| l.len() <= 77));
    }

    #[test]
    fn base64_has_lines_of_76() {
        let mut out = Vec::new();
        base64_lines(&mut out, &[0; 58]);
        assert_eq!(out, [&b"A".repeat(76)[..], b"\r\nAA==\r\n"].concat());
    }

    #[test]
    fn a_file_name_with_accents_is_extended() {
        assert_eq!(parameter("filename", "été.pdf"), "filename*=utf-8''%C3%A9t%C3%A9.pdf");
        assert_eq!(parameter("filename", "a b.pdf"), "filename=\"a b.pdf\"");
    }
}
