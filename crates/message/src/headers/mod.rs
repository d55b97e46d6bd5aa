//! Header blocks: the fields as they are written, and what their values mean.
//!
//! The scanner uses this room to fill the structure; IMAP HEADER.FIELDS and SEARCH HEADER use [`fields`] and
//! [`decode_header`] on the bytes of a header block. Nothing here changes or refuses a byte.

pub(crate) mod address;
pub(crate) mod content;
pub(crate) mod date;
pub(crate) mod msgid;
pub(crate) mod params;
mod subject;
mod words;

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

pub use date::parse_date;
pub use msgid::message_ids;
pub use subject::base_subject;
pub use words::decode_header;

/// One header field as it stands in its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name without the colon and without blanks before it (RFC 5322 §4.5 allows them); empty for a line that has
    /// no colon.
    pub name: &'a [u8],
    /// What follows the colon, folds included, without the end of the last line.
    pub value: &'a [u8],
    /// The whole field with its line ends, as a range of the block: what HEADER.FIELDS sends.
    pub range: Range<usize>,
}

impl<'a> Field<'a> {
    /// Whether this is the field of that name, without regard to case.
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value without folds and without blanks around it.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        unfold(self.value)
    }
}

/// The fields of a header block, up to its empty line or the end of the bytes.
///
/// Every byte before the empty line lies in exactly one field's range: a line without a colon is a field without a
/// name.
pub fn fields(block: &[u8]) -> Fields<'_> {
    Fields { block, at: 0 }
}

/// Iterator of [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let rest = self.block.get(self.at..)?;
        if rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return None;
        }
        // A field goes on as long as the next line starts with a blank (RFC 5322 §2.2.3).
        let mut len = 0;
        loop {
            len = match memchr(b'\n', &rest[len..]) {
                Some(p) => len + p + 1,
                None => rest.len(),
            };
            if !matches!(rest.get(len), Some(b' ' | b'\t')) {
                break;
            }
        }
        let range = self.at..self.at + len;
        self.at = range.end;
        let line = strip_eol(&rest[..len]);
        // The colon must stand on the first line.
        let first = memchr(b'\n', line).unwrap_or(line.len());
        let (name, value) = match memchr(b':', &line[..first]) {
            Some(p) => (line[..p].trim_ascii_end(), &line[p + 1..]),
            None => (&line[..0], line),
        };
        Some(Field { name, value, range })
    }
}

/// Without the line end, CRLF or bare LF.
fn strip_eol(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Removes line ends inside a value (RFC 5322 §2.2.3: the blanks after them stay) and blanks around it.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(p) = memchr(b'\n', rest) {
        out.extend_from_slice(strip_eol(&rest[..=p]));
        rest = &rest[p + 1..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folded_field_is_one_field_and_unfolds_to_one_line() {
        let all: Vec<_> = fields(b"Subject: a\r\n b\n\tc\r\nX : y\r\n\r\nBody: no\r\n").collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].unfolded().as_ref(), b"a b\tc");
        assert!(all[1].is(b"x"));
        assert_eq!(all[1].range, 19..26);
    }

    #[test]
    fn line_without_a_colon_is_a_field_without_a_name() {
        let all: Vec<_> = fields(b"rubbish\nTo: x").collect();
        assert_eq!((all[0].name, all[0].value), (&b""[..], &b"rubbish"[..]));
        assert_eq!((all[1].name, all[1].value), (&b"To"[..], &b" x"[..]));
    }

    proptest! {
        #[test]
        fn ranges_of_fields_are_the_block_without_its_empty_line(block in "[a:\r\n \t\u{e9}]{0,60}") {
            let block = block.as_bytes();
            let mut at = 0;
            for f in fields(block) {
                prop_assert_eq!(f.range.start, at);
                prop_assert!(f.range.end > at);
                at = f.range.end;
            }
            prop_assert!(at == block.len() || block[at..].starts_with(b"\n") || block[at..].starts_with(b"\r\n"));
        }
    }
}
