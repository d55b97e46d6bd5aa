//! Text as a report carries it: in one line, in ASCII where a field is ASCII, encoded where it is for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of what another server said that are told.
const MAX_SAID: usize = 1000;

/// What was said, in one line of printable ASCII: RFC 3464's fields have nothing else.
pub(super) fn ascii_line(text: &str) -> String {
    one_line(text).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// In one line, bounded.
pub(super) fn one_line(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line = String::new();
    for c in printable {
        if line.len() + c.len_utf8() > MAX_SAID {
            line.push_str("...");
            break;
        }
        line.push(c);
    }
    line
}

/// A field whose value is exact: addresses have blanks that count.
pub(super) fn exact_field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
}

/// A field whose value may be long: broken at blanks (RFC 5322 §2.2.3).
pub(super) fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        let fits = column + 1 + word.len() <= 76 || column <= name.len() + 1;
        if !fits {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
        column += 1 + word.len();
    }
    out.extend_from_slice(b"\r\n");
}

/// Text of a field for people (RFC 2047).
pub(super) fn words(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut encoded: Vec<String> = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        if piece.len() + c.len_utf8() > 42 {
            encoded.push(std::mem::take(&mut piece));
        }
        piece.push(c);
    }
    encoded.push(piece);
    let encoded: Vec<String> = encoded.iter().map(|p| format!("=?utf-8?B?{}?=", STANDARD.encode(p))).collect();
    encoded.join(" ")
}

/// Quoted-printable (RFC 2045 §6.7) of text with LF line ends.
pub(super) fn quoted_printable(text: &str, out: &mut Vec<u8>) {
    for line in text.lines() {
        let mut column = 0;
        let mut bytes = line.bytes().peekable();
        while let Some(byte) = bytes.next() {
            let last = bytes.peek().is_none();
            let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || matches!(byte, b' ' | b'\t') && !last;
            let width = if plain { 1 } else { 3 };
            if column + width > 75 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            match plain {
                true => out.push(byte),
                false => out.extend_from_slice(format!("={byte:02X}").as_bytes()),
            }
            column += width;
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_one_bounded_line() {
        assert_eq!(ascii_line("550 no\r\nBcc: x\u{0}é"), "550 no  Bcc: x ?");
        assert!(one_line(&"é".repeat(10_000)).len() <= MAX_SAID + 3);
    }

    #[test]
    fn long_fields_are_broken_at_blanks() {
        let mut out = Vec::new();
        field(&mut out, "Diagnostic-Code", &format!("smtp; {} {}", "a".repeat(50), "b ".repeat(60)));
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("\r\n") && !text.contains("\r\n\r\n"));
        assert!(text.lines().all(|line| line.len() <= 78 && !line.trim().is_empty()));
        assert!(text.lines().skip(1).all(|line| line.starts_with(' ')));
    }

    #[test]
    fn quoted_printable_lines_are_short_and_whole() {
        let mut out = Vec::new();
        quoted_printable(&format!("{}\nà = b \n.\n", "x".repeat(200)), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.len() <= 76));
        assert!(text.ends_with("=C3=A0 =3D b=20\r\n.\r\n"), "{text}");
    }
}
