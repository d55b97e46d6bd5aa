//! One part of a message, read from the stored structure: what BODYSTRUCTURE says of it and where its bytes lie.

use std::ops::Range;

use crate::body::{Encoding, UnknownEncoding};
use crate::envelope::Envelope;
use crate::headers::params::Params;
use crate::limits::MAX_DEPTH;
use crate::wire::Reader;

pub(crate) const MULTIPART: u8 = 1;
pub(crate) const MESSAGE: u8 = 2;
pub(crate) const ENVELOPE: u8 = 4;

/// A part of the tree. The root is the message itself; the only child of a `message/rfc822` part is the embedded
/// message.
///
/// A multipart has at least one child and a message part exactly one; what cannot be so (no boundary, limits reached)
/// is stored as a leaf, so that every part can be written in IMAP's grammar.
#[derive(Clone, Copy, Debug)]
pub struct PartRef<'a> {
    kind: u8,
    depth: usize,
    header_start: u64,
    body_start: u64,
    body_end: u64,
    lines: u64,
    media_type: &'a [u8],
    subtype: &'a [u8],
    params: &'a [u8],
    id: Option<&'a [u8]>,
    description: Option<&'a [u8]>,
    encoding: &'a [u8],
    md5: Option<&'a [u8]>,
    disposition: Option<&'a [u8]>,
    disposition_params: &'a [u8],
    languages: &'a [u8],
    location: Option<&'a [u8]>,
    envelope: Option<&'a [u8]>,
    children: &'a [u8],
}

impl<'a> PartRef<'a> {
    /// Reads a part and what belongs to it; offsets are forced into `bounds`, so that corrupt ones cannot leave the
    /// parent.
    pub(crate) fn read(r: &mut Reader<'a>, bounds: Range<u64>, depth: usize) -> (PartRef<'a>, bool) {
        let mut r = Reader::new(r.slice());
        let kind = r.byte();
        let mut offset = bounds.start;
        let mut next = |r: &mut Reader<'a>| {
            offset = offset.saturating_add(r.varint()).min(bounds.end);
            offset
        };
        let mut part = PartRef {
            kind,
            depth,
            header_start: next(&mut r),
            body_start: next(&mut r),
            body_end: next(&mut r),
            lines: r.varint(),
            media_type: r.slice(),
            subtype: r.slice(),
            params: r.slice(),
            id: r.opt(),
            description: r.opt(),
            encoding: r.slice(),
            md5: None,
            disposition: None,
            disposition_params: &[],
            languages: &[],
            location: None,
            envelope: None,
            children: &[],
        };
        if r.byte() == 1 {
            part.md5 = r.opt();
            part.disposition = r.opt();
            part.disposition_params = r.slice();
            part.languages = r.slice();
            part.location = r.opt();
        }
        if kind & ENVELOPE != 0 {
            part.envelope = Some(r.slice());
        }
        // A corrupt structure must not nest deeper than a true one: callers recurse.
        if depth < MAX_DEPTH {
            part.children = r.rest();
        }
        (part, !r.is_corrupt())
    }

    /// The media type in lower case: `text`. RFC 2045 §5.2's default where the message says none or rubbish.
    pub fn media_type(&self) -> &'a [u8] {
        self.media_type
    }

    /// The subtype in lower case: `plain`.
    pub fn subtype(&self) -> &'a [u8] {
        self.subtype
    }

    /// Content-Type parameters as written.
    pub fn params(&self) -> Params<'a> {
        Params(self.params)
    }

    /// Content-ID as written, with its brackets.
    pub fn content_id(&self) -> Option<&'a [u8]> {
        self.id
    }

    /// Content-Description as written, unfolded.
    pub fn description(&self) -> Option<&'a [u8]> {
        self.description
    }

    /// Content-Transfer-Encoding in lower case; `7bit` if the message says none (RFC 2045 §6.1).
    pub fn transfer_encoding(&self) -> &'a [u8] {
        if self.encoding.is_empty() { b"7bit" } else { self.encoding }
    }

    /// How to undo the transfer encoding.
    pub fn encoding(&self) -> Result<Encoding, UnknownEncoding> {
        Encoding::from_name(self.encoding)
    }

    /// Content-MD5 as written.
    pub fn md5(&self) -> Option<&'a [u8]> {
        self.md5
    }

    /// Content-Disposition: its type in lower case and its parameters as written.
    pub fn disposition(&self) -> Option<(&'a [u8], Params<'a>)> {
        self.disposition.map(|d| (d, Params(self.disposition_params)))
    }

    /// Content-Language tags.
    pub fn languages(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut r = Reader::new(self.languages);
        std::iter::from_fn(move || {
            if r.is_empty() {
                return None;
            }
            let tag = r.slice();
            (!r.is_corrupt()).then_some(tag)
        })
    }

    /// Content-Location without the blanks of its folds.
    pub fn location(&self) -> Option<&'a [u8]> {
        self.location
    }

    /// Whether its children are the parts of a multipart.
    pub fn is_multipart(&self) -> bool {
        self.kind & MULTIPART != 0 && !self.children.is_empty()
    }

    /// Whether its one child is an embedded message (`message/rfc822` or `message/global`).
    pub fn is_message(&self) -> bool {
        self.kind & MESSAGE != 0 && !self.children.is_empty()
    }

    /// Whether it is a text leaf, for which BODYSTRUCTURE gives lines.
    pub fn is_text(&self) -> bool {
        self.media_type == b"text" && self.kind & (MULTIPART | MESSAGE) == 0
    }

    pub(crate) fn is_html(&self) -> bool {
        self.subtype == b"html"
    }

    /// The header of the part with its empty line, as a range of the message: MIME (RFC 9051 §6.4.5.1), or HEADER for a
    /// message.
    pub fn header_range(&self) -> Range<u64> {
        self.header_start..self.body_start
    }

    /// The body, without the line end that belongs to the boundary behind it (RFC 2046 §5.1.1).
    pub fn body_range(&self) -> Range<u64> {
        self.body_start..self.body_end
    }

    /// Header and body.
    pub fn whole_range(&self) -> Range<u64> {
        self.header_start..self.body_end
    }

    /// Octets of the body as it is transferred.
    pub fn size(&self) -> u64 {
        self.body_end - self.body_start
    }

    /// Line ends in the body.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Nesting: 0 for the message itself.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The parts inside, in their order.
    pub fn children(&self) -> Children<'a> {
        Children { reader: Reader::new(self.children), bounds: self.body_range(), depth: self.depth + 1 }
    }

    /// The message that a message part embeds; its envelope is [`PartRef::envelope`] of that.
    pub fn message(&self) -> Option<PartRef<'a>> {
        if self.is_message() { self.children().next() } else { None }
    }

    /// The envelope, for the root and for the child of a message part.
    pub fn envelope(&self) -> Option<Envelope<'a>> {
        self.envelope.map(Envelope::read)
    }

    /// The file name for people: `filename` of the disposition, else `name` of the type, decoded (RFC 2231, RFC 2047).
    /// It comes from the message: it may hold separators, dots and control characters.
    pub fn file_name(&self) -> Option<String> {
        Params(self.disposition_params).decoded(b"filename").or_else(|| self.params().decoded(b"name"))
    }

    /// Whether a person would call it an attachment: it says so, or it is neither text to read, nor an image that HTML
    /// shows, nor a signature.
    pub fn is_attachment(&self) -> bool {
        if self.is_multipart() {
            return false;
        }
        match self.disposition {
            Some(b"inline") if self.id.is_some() || self.media_type == b"text" => false,
            Some(b"inline") | None => match self.media_type {
                b"text" => {
                    Params(self.params).iter().any(|(n, _)| n.get(..4).is_some_and(|n| n.eq_ignore_ascii_case(b"name")))
                }
                b"image" => self.id.is_none(),
                b"application" => !self.subtype.ends_with(b"-signature"),
                _ => true,
            },
            Some(_) => true,
        }
    }
}

/// Iterator of [`PartRef::children`].
#[derive(Clone, Debug)]
pub struct Children<'a> {
    reader: Reader<'a>,
    bounds: Range<u64>,
    depth: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = PartRef<'a>;

    fn next(&mut self) -> Option<PartRef<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        Some(PartRef::read(&mut self.reader, self.bounds.clone(), self.depth).0)
    }
}
