//! Sections of a message in FETCH: `BODY[1.2.HEADER.FIELDS (FROM)]<0.1024>` (RFC 9051 §6.4.5.1) and back, for the answer.

use crate::codec::lexer::{Cursor, Parsed};
use crate::codec::write::{astring, number};

use super::utf8;

/// The deepest part number; the structure of a message nests less.
const PART_DEPTH_MAX: usize = 128;

/// The most field names of one `HEADER.FIELDS`.
const FIELDS_MAX: usize = 1_000;

/// What stands between `[` and `]`. The default is the whole message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Part numbers, each from 1; empty for the message itself.
    pub part: Vec<u32>,
    /// What of that part; `None` for its content.
    pub text: Option<SectionText>,
}

/// What of a part is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SectionText {
    /// HEADER
    Header,
    /// HEADER.FIELDS or HEADER.FIELDS.NOT
    HeaderFields {
        /// The names as the client wrote them, which is how the answer repeats them.
        names: Vec<String>,
        /// Every field but these.
        not: bool,
    },
    /// TEXT
    Text,
    /// MIME; there is always a part number.
    Mime,
}

impl Section {
    /// The same in the terms of the stored structure; the fields of a header are picked from its whole.
    pub fn to_message(&self) -> sterna_message::Section {
        match self.text {
            None => sterna_message::Section::Content,
            Some(SectionText::Header | SectionText::HeaderFields { .. }) => sterna_message::Section::Header,
            Some(SectionText::Text) => sterna_message::Section::Text,
            Some(SectionText::Mime) => sterna_message::Section::Mime,
        }
    }

    /// Appends `[1.2.HEADER]`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        write_part(out, &self.part);
        if let Some(text) = &self.text {
            if !self.part.is_empty() {
                out.push(b'.');
            }
            out.extend_from_slice(match text {
                SectionText::Header => b"HEADER",
                SectionText::HeaderFields { not: false, .. } => b"HEADER.FIELDS (",
                SectionText::HeaderFields { not: true, .. } => b"HEADER.FIELDS.NOT (",
                SectionText::Text => b"TEXT",
                SectionText::Mime => b"MIME",
            });
            if let SectionText::HeaderFields { names, .. } = text {
                for (i, name) in names.iter().enumerate() {
                    if i > 0 {
                        out.push(b' ');
                    }
                    astring(out, name.as_bytes());
                }
                out.push(b')');
            }
        }
        out.push(b']');
    }
}

/// Appends `1.2`; nothing for the empty number.
pub fn write_part(out: &mut Vec<u8>, part: &[u32]) {
    for (i, n) in part.iter().enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        number(out, u64::from(*n));
    }
}

/// `partial = "<" number64 "." nz-number64 ">"`: a range of octets. The answer repeats `offset` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The first octet, counted from 0.
    pub offset: u64,
    /// The most octets that are sent; not 0.
    pub length: u64,
}

/// `section = "[" [section-spec] "]"`, `section-spec = section-msgtext / (section-part ["." section-text])`
pub(super) fn section(c: &mut Cursor<'_>) -> Parsed<Section> {
    c.expect("[")?;
    let mut section = Section::default();
    let mut wants_text = c.peek().is_some_and(|b| b.is_ascii_alphabetic());
    if c.peek().is_some_and(|b| b.is_ascii_digit()) {
        (section.part, wants_text) = part_numbers(c)?;
    }
    if wants_text {
        section.text = Some(section_text(c, !section.part.is_empty())?);
    }
    c.expect("]")?;
    Ok(section)
}

/// `section-binary = "[" [section-part] "]"` (RFC 9051 §9)
pub(super) fn section_binary(c: &mut Cursor<'_>) -> Parsed<Vec<u32>> {
    c.expect("[")?;
    if c.take(b"]") {
        return Ok(Vec::new());
    }
    let (part, dot) = part_numbers(c)?;
    if dot {
        return Err(c.error("a part number"));
    }
    c.expect("]")?;
    Ok(part)
}

/// `section-part = nz-number *("." nz-number)`; and whether a dot and something else stand behind it.
fn part_numbers(c: &mut Cursor<'_>) -> Parsed<(Vec<u32>, bool)> {
    let mut part = vec![c.nz_number()?.get()];
    while c.take(b".") {
        if !c.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Ok((part, true));
        }
        if part.len() == PART_DEPTH_MAX {
            return Err(c.error("at most 128 part numbers"));
        }
        part.push(c.nz_number()?.get());
    }
    Ok((part, false))
}

/// `section-text = section-msgtext / "MIME"`
/// `section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"`
fn section_text(c: &mut Cursor<'_>, in_part: bool) -> Parsed<SectionText> {
    let at = c.clone();
    match c.take_while(|b| b.is_ascii_alphabetic() || b == b'.').to_ascii_uppercase().as_slice() {
        b"HEADER" => Ok(SectionText::Header),
        b"TEXT" => Ok(SectionText::Text),
        b"MIME" if in_part => Ok(SectionText::Mime),
        b"HEADER.FIELDS" => Ok(SectionText::HeaderFields { names: header_list(c)?, not: false }),
        b"HEADER.FIELDS.NOT" => Ok(SectionText::HeaderFields { names: header_list(c)?, not: true }),
        _ => Err(at.error("a section")),
    }
}

/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"`, `header-fld-name = astring`
fn header_list(c: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    c.sp()?;
    let names = c.list(|c| {
        let name = c.astring()?;
        utf8(c, name)
    })?;
    if names.len() > FIELDS_MAX { Err(c.error("at most 1000 field names")) } else { Ok(names) }
}

/// `[partial]`
pub(super) fn partial(c: &mut Cursor<'_>) -> Parsed<Option<Partial>> {
    if !c.take(b"<") {
        return Ok(None);
    }
    let offset = c.number64()?;
    c.expect(".")?;
    let error = c.error("a length that is not zero");
    let length = c.number64()?;
    c.expect(">")?;
    if length == 0 { Err(error) } else { Ok(Some(Partial { offset, length })) }
}
