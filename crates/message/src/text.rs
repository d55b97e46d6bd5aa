//! Text of bodies for people and for search: transfer encoding undone, charset decoded, HTML stripped.
//! IMAP SEARCH, previews and the full-text indexer read it; the bytes that IMAP FETCH sends never come from here.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::{Encoding as Charset, WINDOWS_1252};

use crate::body::{self, decode_body};
use crate::headers::{decode_header, fields};
use crate::html::{declared_charset, html_to_text};
use crate::part::PartRef;
use crate::structure::StructureRef;

/// UTF-8 if it is, else Windows-1252, of which ISO 8859-1 text is a part: every byte gives a character.
pub(crate) fn guess_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(s) => Cow::Borrowed(s),
        // A character that is cut at the end does not make the text any less UTF-8.
        Err(e) if e.error_len().is_none() && e.valid_up_to() > 0 => {
            String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned().into()
        }
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// Decodes by the charset of a label. US-ASCII says nothing (it is the default that programs forget to change), so it
/// is guessed like an unknown one.
fn decode_charset<'a>(bytes: &'a [u8], label: Option<&[u8]>) -> Cow<'a, str> {
    let ascii = |l: &[u8]| [&b"us-ascii"[..], b"ascii"].iter().any(|a| a.eq_ignore_ascii_case(l));
    match label.filter(|l| !ascii(l)).and_then(Charset::for_label_no_replacement) {
        Some(charset) => charset.decode_with_bom_removal(bytes).0,
        None => guess_text(bytes),
    }
}

/// The text of a text part from its raw body: transfer encoding, charset, and for HTML its tags, undone.
///
/// Empty for parts that are not text and for unknown transfer encodings. The body may be cut short: a broken end is no
/// error.
pub fn text_of(part: &PartRef<'_>, raw_body: &[u8]) -> String {
    text_limited(part, raw_body, usize::MAX)
}

pub(crate) fn text_limited(part: &PartRef<'_>, raw_body: &[u8], limit: usize) -> String {
    match (part.is_text(), part.encoding()) {
        (true, Ok(encoding)) => decode_text(raw_body, encoding, part.is_html(), part.params().get(b"charset"), limit),
        _ => String::new(),
    }
}

/// The text of a body whose encoding, form and charset are known; at most `limit` bytes of it.
pub(crate) fn decode_text(
    raw: &[u8],
    encoding: body::Encoding,
    html: bool,
    charset: Option<&[u8]>,
    limit: usize,
) -> String {
    let bytes = decode_body(raw, encoding);
    if !html {
        let mut text = decode_charset(&bytes, charset).into_owned();
        text.truncate(text.floor_char_boundary(limit));
        return text;
    }
    let declared = if charset.is_none() { declared_charset(&bytes) } else { None };
    html_to_text(&decode_charset(&bytes, charset.or(declared.as_deref())), limit)
}

/// At most `max` characters with white space collapsed and invisible characters left out (RFC 8970 §3).
pub(crate) fn preview(text: &str, max: usize) -> String {
    let mut out = String::new();
    let (mut count, mut blank) = (0, false);
    for c in text.chars() {
        if count >= max {
            break;
        }
        match c {
            // Senders pad hidden preview lines with these.
            '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            c if c.is_whitespace() || c.is_control() => blank = count > 0,
            c => {
                if blank && count + 1 < max {
                    out.push(' ');
                    count += 1;
                } else if blank {
                    break;
                }
                blank = false;
                out.push(c);
                count += 1;
            }
        }
    }
    out
}

/// What a search looks at (RFC 9051 §6.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// SEARCH BODY: the text of the body.
    Body,
    /// SEARCH TEXT: the header as well.
    Text,
}

/// All text of a message that a search looks at, one line break between its pieces: decoded header fields, text parts,
/// file names and descriptions, embedded messages with their headers.
///
/// `read` gives the bytes of a range of the message; it may give fewer. The text ends at about `limit` bytes,
/// and no more than `limit` times four bytes of a body are read for it.
pub fn search_text<'m>(
    structure: &StructureRef<'_>,
    scope: SearchScope,
    limit: usize,
    read: &mut dyn FnMut(Range<u64>) -> Cow<'m, [u8]>,
) -> String {
    let mut out = String::new();
    add_part(&structure.root(), scope == SearchScope::Text, limit, read, &mut out);
    out.truncate(out.floor_char_boundary(limit));
    out
}

/// Recursion is bounded by the depth of a structure ([`crate::limits::MAX_DEPTH`]).
fn add_part<'m>(
    part: &PartRef<'_>,
    header: bool,
    limit: usize,
    read: &mut dyn FnMut(Range<u64>) -> Cow<'m, [u8]>,
    out: &mut String,
) {
    if out.len() >= limit {
        return;
    }
    if header {
        for field in fields(&read(part.header_range())) {
            out.push_str(&String::from_utf8_lossy(field.name));
            out.push_str(": ");
            out.push_str(&decode_header(field.value));
            out.push('\n');
        }
    } else {
        for text in [part.file_name(), part.description().map(decode_header)].into_iter().flatten() {
            out.push_str(&text);
            out.push('\n');
        }
    }
    if part.is_text() {
        let room = limit.saturating_sub(out.len());
        let range = part.body_range();
        // Markup and encodings take bytes that give no text.
        let end = range.end.min(range.start.saturating_add((room as u64).saturating_mul(4)));
        out.push_str(&text_limited(part, &read(range.start..end), room));
        out.push('\n');
    }
    for child in part.children() {
        add_part(&child, part.is_message(), limit, read, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_collapses_white_space_and_counts_characters() {
        assert_eq!(preview(" a\r\n\t b\u{200c}\u{a0}c ", 200), "a b c");
        assert_eq!(preview(&"é".repeat(300), 200).chars().count(), 200);
        assert_eq!(preview("abc def", 4), "abc");
    }

    #[test]
    fn wrong_charset_labels_still_give_text() {
        assert_eq!(decode_charset("é".as_bytes(), Some(b"us-ascii")), "é");
        assert_eq!(decode_charset(b"\xe9", Some(b"x-unknown")), "é");
        assert_eq!(decode_charset(b"\xe9", Some(b"ISO-8859-1")), "é");
        assert_eq!(decode_charset(b"\x82\xa0", Some(b"shift_jis")), "あ");
    }
}
