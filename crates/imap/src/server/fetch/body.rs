//! Bytes of a message in a FETCH response: sections, selected header fields, decoded parts.

use std::ops::Range;

use sterna_message::headers::fields;
use sterna_message::{BodyDecoder, Encoding, StructureRef};
use sterna_store::Result;

use super::page::Page;
use super::stream::{Decode, Fill, Source};
use crate::codec::command::fetch::BodyItem;
use crate::codec::command::section::{Partial, SectionText};
use crate::codec::write::fetch::FetchLine;

/// Bytes of a header in which HEADER.FIELDS looks for fields. A message without an empty line is all header.
const HEADER_MAX: u64 = 1 << 20;

/// Bytes that are put into the page; longer runs are sent from the store piece by piece.
const INLINE_MAX: u64 = 256 * 1024;

/// Bytes read at once where a body is decoded for its size.
const PIECE: u64 = 1 << 20;

/// Appends `BODY[…]` and its older names.
pub(super) fn section(
    page: &mut Page,
    line: &mut FetchLine,
    item: &BodyItem,
    structure: &StructureRef<'_>,
    source: &mut Source<'_>,
) -> Result<()> {
    let Some(range) = structure.section(&item.section.part, item.section.to_message()) else {
        line.section_nil(&mut page.bytes, item);
        return Ok(());
    };
    if let Some(SectionText::HeaderFields { names, not }) = &item.section.text {
        let cut = range.start..range.end.min(range.start.saturating_add(HEADER_MAX));
        let is_cut = cut.end < range.end;
        let block = source.read(cut)?;
        let picked = pick(&block, names, *not, is_cut);
        let asked = clip(0..picked.len() as u64, item.partial);
        line.section(&mut page.bytes, item, slice(&picked, asked));
        return Ok(());
    }
    let range = clip(range, item.partial);
    line.section_head(&mut page.bytes, item, range.end - range.start);
    put(page, range, source)
}

/// Appends a run of the message, or leaves a hole for it.
fn put(page: &mut Page, range: Range<u64>, source: &mut Source<'_>) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    if range.end - range.start > INLINE_MAX || page.is_full() {
        page.leave(Fill { blob: source.blob(), range, decode: None });
        return Ok(());
    }
    source.append(range, &mut page.bytes)
}

/// The part of a run that `<offset.length>` asks for (RFC 9051 §6.4.5); nothing beyond its end.
fn clip(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(Partial { offset, length }) = partial else { return range };
    let start = range.start.saturating_add(offset).min(range.end);
    start..start.saturating_add(length).min(range.end)
}

fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    bytes.get(at(range.start)..at(range.end)).unwrap_or_default()
}

/// The fields of a header that are named, or are not, as they stand; and the empty line behind them (RFC 9051
/// §6.4.5.1: it is left out only where the message has none).
fn pick(block: &[u8], names: &[String], not: bool, is_cut: bool) -> Vec<u8> {
    let mut picked = Vec::new();
    let mut end = 0;
    for field in fields(block) {
        end = field.range.end;
        if names.iter().any(|name| field.is(name.as_bytes())) != not {
            picked.extend_from_slice(block.get(field.range).unwrap_or_default());
        }
    }
    picked.extend_from_slice(if is_cut { b"\r\n" } else { block.get(end..).unwrap_or_default() });
    picked
}

/// Appends `BINARY[…]` (RFC 3516 §4.2). A part that cannot be decoded is left out and remembered in the page.
pub(super) fn binary(
    page: &mut Page,
    line: &mut FetchLine,
    (part, partial): (&[u32], Option<Partial>),
    structure: &StructureRef<'_>,
    source: &mut Source<'_>,
) -> Result<()> {
    let (range, encoding) = match content(structure, part) {
        Content::Bytes(range, encoding) => (range, encoding),
        Content::Unknown => {
            page.unknown_encoding = true;
            return Ok(());
        }
        Content::None => {
            line.binary_nil(&mut page.bytes, part, partial);
            return Ok(());
        }
    };
    if encoding == Encoding::Identity {
        let range = clip(range, partial);
        line.binary_head(&mut page.bytes, part, partial, range.end - range.start);
        return put(page, range, source);
    }
    if range.end - range.start <= INLINE_MAX && !page.is_full() {
        let raw = source.read(range)?;
        let decoded = sterna_message::decode_body(&raw, encoding);
        let asked = clip(0..decoded.len() as u64, partial);
        line.binary_head(&mut page.bytes, part, partial, asked.end - asked.start);
        page.bytes.extend_from_slice(slice(&decoded, asked));
        return Ok(());
    }
    // The size goes before the bytes: a large part is decoded twice rather than held.
    let end = partial.map_or(u64::MAX, |p| p.offset.saturating_add(p.length));
    let size = decoded_size(range.clone(), encoding, end, source)?;
    let asked = clip(0..size, partial);
    line.binary_head(&mut page.bytes, part, partial, asked.end - asked.start);
    if !asked.is_empty() {
        page.leave(Fill { blob: source.blob(), range, decode: Some(Decode { encoding, asked }) });
    }
    Ok(())
}

/// Appends `BINARY.SIZE[…]` (RFC 3516 §4.2); 0 for a part that does not exist.
pub(super) fn binary_size(
    page: &mut Page,
    line: &mut FetchLine,
    part: &[u32],
    structure: &StructureRef<'_>,
    source: &mut Source<'_>,
) -> Result<()> {
    let size = match content(structure, part) {
        Content::Bytes(range, Encoding::Identity) => range.end - range.start,
        Content::Bytes(range, encoding) => decoded_size(range, encoding, u64::MAX, source)?,
        Content::None => 0,
        Content::Unknown => {
            page.unknown_encoding = true;
            return Ok(());
        }
    };
    line.binary_size(&mut page.bytes, part, size);
    Ok(())
}

/// What BINARY sends of a part.
enum Content {
    Bytes(Range<u64>, Encoding),
    /// Its transfer encoding is unknown.
    Unknown,
    /// There is no such part.
    None,
}

fn content(structure: &StructureRef<'_>, number: &[u32]) -> Content {
    let section = structure.section(number, sterna_message::Section::Content);
    let (Some(range), Some(part)) = (section, structure.part(number)) else { return Content::None };
    // RFC 2045 §6.4: only leaves are encoded, whatever a composite part or a whole message claims.
    if number.is_empty() || part.is_multipart() || part.is_message() {
        return Content::Bytes(range, Encoding::Identity);
    }
    part.encoding().map_or(Content::Unknown, |encoding| Content::Bytes(range, encoding))
}

/// Octets of a part once decoded; counting ends at `end`.
fn decoded_size(range: Range<u64>, encoding: Encoding, end: u64, source: &mut Source<'_>) -> Result<u64> {
    let (mut decoder, mut out, mut size, mut at) = (BodyDecoder::new(encoding), Vec::new(), 0, range.start);
    while at < range.end && size < end {
        let upto = at.saturating_add(PIECE).min(range.end);
        decoder.push(&source.read(at..upto)?, &mut out);
        size += out.len() as u64;
        out.clear();
        at = upto;
    }
    if at == range.end {
        decoder.finish(&mut out);
        size += out.len() as u64;
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_keep_their_bytes_and_the_empty_line() {
        let block = b"From: a\r\nTo: b\r\n c\r\nfrom: d\r\n\r\n";
        let names = ["FROM".to_owned()];
        assert_eq!(pick(block, &names, false, false), b"From: a\r\nfrom: d\r\n\r\n");
        assert_eq!(pick(block, &names, true, false), b"To: b\r\n c\r\n\r\n");
        assert_eq!(pick(b"From: a", &names, false, false), b"From: a");
        assert_eq!(pick(b"X: a\n\n", &names, false, false), b"\n");
        assert_eq!(pick(b"From: a\r\nX:", &names, false, true), b"From: a\r\n\r\n");
    }

    #[test]
    fn a_partial_beyond_the_end_is_empty() {
        let partial = |offset, length| Some(Partial { offset, length });
        assert_eq!(clip(10..20, partial(0, 4)), 10..14);
        assert_eq!(clip(10..20, partial(8, 4)), 18..20);
        assert_eq!(clip(10..20, partial(11, u64::MAX)), 20..20);
        assert_eq!(clip(10..20, None), 10..20);
    }
}
