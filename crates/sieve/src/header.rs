//! Header fields: of the message, and of what is sent for a script.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sterna_core::DateTime;
use sterna_message::Address;
use sterna_message::headers::fields;

/// Bytes of a line of our own, without its end.
const LINE: usize = 76;

/// The unfolded values of a field, in their order.
pub(crate) fn values<'h>(header: &'h [u8], name: &str) -> impl Iterator<Item = std::borrow::Cow<'h, [u8]>> {
    let name = name.as_bytes().to_vec();
    fields(header).filter(move |field| field.is(&name)).map(|field| field.unfolded())
}

/// The first value of a field as text, decoded.
pub(crate) fn text(header: &[u8], name: &str) -> Option<String> {
    values(header, name).next().map(|value| sterna_message::decode_header(&value))
}

/// The addresses (`local@domain`, in lower case) of all fields of these names.
pub(crate) fn addresses(header: &[u8], names: &[&str]) -> Vec<String> {
    let mut list = b"To: ".to_vec();
    for name in names {
        for value in values(header, name) {
            list.extend_from_slice(&value);
            list.extend_from_slice(b",\r\n ");
        }
    }
    list.extend_from_slice(b"\r\n\r\n");
    let structure = sterna_message::parse(&list);
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    let entries = structure.view().envelope().to().iter();
    let spec = |entry| match entry {
        Address::Mailbox { mailbox, host, .. } => Some(format!("{}@{}", lossy(mailbox), lossy(host))),
        _ => None,
    };
    entries.filter_map(spec).collect()
}

/// The length of the header with its empty line; all of it if there is none.
pub(crate) fn length(message: &[u8]) -> usize {
    let end = fields(message).last().map_or(0, |field| field.range.end);
    let rest = message.get(end..).unwrap_or_default();
    end + if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) }
}

/// Writes a field with text in it: folded, encoded where it is not plain ASCII (RFC 2047). Line ends in it are lost.
pub(crate) fn write(out: &mut String, name: &str, value: &str) {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let value = value.trim();
    let _ = write!(out, "{name}:");
    let long_word = value.split(' ').any(|word| word.len() > LINE);
    if value.is_ascii() && !long_word && !value.contains("=?") {
        fold(out, name.len() + 1, value.split(' ').filter(|w| !w.is_empty()));
    } else {
        let words = encoded_words(value);
        fold(out, name.len() + 1, words.iter().map(String::as_str));
    }
    out.push_str("\r\n");
}

/// Writes a field that is structured already: folded at blanks only.
pub(crate) fn write_structured(out: &mut String, name: &str, value: &str) {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = write!(out, "{name}:");
    fold(out, name.len() + 1, value.split(' ').filter(|w| !w.is_empty()));
    out.push_str("\r\n");
}

/// A moment as Date wants it (RFC 5322 §3.3), in UTC.
pub(crate) fn date(unix: i64) -> String {
    let (date, hour, minute, second) = DateTime::utc(unix).civil();
    format!("{} {} {:04} {hour:02}:{minute:02}:{second:02} +0000", date.day, date.month_name(), date.year)
}

/// A display name in front of an address.
pub(crate) fn phrase(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c);
    if name.is_ascii() && !name.contains("=?") && !name.chars().any(|c| c.is_ascii_control()) {
        if name.chars().all(plain) {
            return name.trim().to_owned();
        }
        return format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    encoded_words(name).join(" ")
}

fn fold<'w>(out: &mut String, mut column: usize, words: impl Iterator<Item = &'w str>) {
    for (index, word) in words.enumerate() {
        if index > 0 && column + 1 + word.len() > LINE {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
}

/// RFC 2047 §2: at most 75 characters each, whole characters in each.
fn encoded_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        if piece.len() + c.len_utf8() > 42 {
            words.push(format!("=?utf-8?B?{}?=", BASE64.encode(&piece)));
            piece.clear();
        }
        piece.push(c);
    }
    words.push(format!("=?utf-8?B?{}?=", BASE64.encode(&piece)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_written_can_be_read_and_are_short() {
        let long = "é".repeat(300);
        let words = "word ".repeat(60);
        let unbroken = "x".repeat(2000);
        for value in ["plain", "Été à la plage", &long, words.trim(), &unbroken, "=?utf-8?B?AA==?=", "a\r\nBcc: x@y.z"]
        {
            let mut out = String::new();
            write(&mut out, "Subject", value);
            assert!(out.lines().all(|l| l.len() <= 100) && out.is_ascii(), "{out}");
            assert_eq!(fields(out.as_bytes()).count(), 1);
            assert_eq!(text(out.as_bytes(), "subject").unwrap(), value.replace("\r\n", " "));
        }
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let header = b"To: Anne <ANNE@x.org>, undisclosed: b@x.org;\r\nCc:\r\n c@x.org\r\nTo: d@x.org\r\n\r\n";
        assert_eq!(addresses(header, &["to", "cc"]), ["anne@x.org", "b@x.org", "d@x.org", "c@x.org"]);
    }

    #[test]
    fn a_header_ends_behind_its_empty_line() {
        for (message, len) in
            [("a: b\r\n\r\nx", 8), ("a: b\n\nx", 6), ("a: b", 4), ("\r\nx", 2), ("", 0), ("a: b\r\n", 6)]
        {
            assert_eq!(length(message.as_bytes()), len, "{message:?}");
        }
    }
}
