//! The Content-* fields of one part (RFC 2045, RFC 2183, RFC 3282, RFC 2557, RFC 1864), from header bytes to
//! the part's stored fields. The scanner calls it once per part; rubbish falls back to RFC 2045 §5.2's defaults.

use std::borrow::Cow;

use super::params::{Params, encode_params, skip_cfws, token};
use super::{fields, unfold};
use crate::envelope::EnvelopeFields;
use crate::limits::MAX_BOUNDARY;
use crate::wire::{put_opt, put_slice, put_varint};

/// Languages kept of one Content-Language field.
const MAX_LANGUAGES: usize = 50;

/// The raw values of the fields that describe a part; the first of a name counts.
#[derive(Default)]
pub(crate) struct ContentFields<'h> {
    content_type: Option<&'h [u8]>,
    encoding: Option<&'h [u8]>,
    id: Option<&'h [u8]>,
    description: Option<&'h [u8]>,
    disposition: Option<&'h [u8]>,
    language: Option<&'h [u8]>,
    location: Option<&'h [u8]>,
    md5: Option<&'h [u8]>,
}

impl<'h> ContentFields<'h> {
    /// Collects the fields of a header block; an envelope is collected along for a message's header.
    pub(crate) fn read(block: &'h [u8], mut envelope: Option<&mut EnvelopeFields<'h>>) -> ContentFields<'h> {
        let mut all = ContentFields::default();
        for field in fields(block) {
            let Some((head, tail)) = field.name.split_at_checked(8) else {
                if let Some(e) = &mut envelope {
                    e.take(field.name, field.value);
                }
                continue;
            };
            if !head.eq_ignore_ascii_case(b"content-") {
                if let Some(e) = &mut envelope {
                    e.take(field.name, field.value);
                }
                continue;
            }
            let mut name = [0u8; 18];
            let Some(name) = name.get_mut(..tail.len()) else { continue };
            name.copy_from_slice(tail);
            name.make_ascii_lowercase();
            let slot = match &*name {
                b"type" => &mut all.content_type,
                b"transfer-encoding" => &mut all.encoding,
                b"id" => &mut all.id,
                b"description" => &mut all.description,
                b"disposition" => &mut all.disposition,
                b"language" => &mut all.language,
                b"location" => &mut all.location,
                b"md5" => &mut all.md5,
                _ => continue,
            };
            slot.get_or_insert(field.value);
        }
        all
    }

    /// Appends the stored form of everything but the media type.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let value = |v: Option<&'h [u8]>| v.map(unfold);
        put_opt(out, value(self.id).as_deref());
        put_opt(out, value(self.description).as_deref());
        put_slice(out, &self.encoding_name());
        let extras =
            self.disposition.is_some() || self.language.is_some() || self.location.is_some() || self.md5.is_some();
        out.push(u8::from(extras));
        if !extras {
            return;
        }
        put_opt(out, value(self.md5).as_deref());
        let mut list = Vec::new();
        match value(self.disposition) {
            Some(v) => {
                // "Content-Disposition: ; filename=x" lacks its type: RFC 2183 §2.8 says to treat an unknown one as
                // attachment.
                let (kind, rest) = token(skip_cfws(&v));
                put_opt(out, Some(&lower(if kind.is_empty() { b"attachment" } else { kind })));
                encode_params(rest, &mut list);
            }
            None => put_opt(out, None),
        }
        put_slice(out, &list);
        list.clear();
        if let Some(v) = value(self.language) {
            for tag in v.split(|b| *b == b',').take(MAX_LANGUAGES) {
                let tag = token(skip_cfws(tag)).0;
                if !tag.is_empty() {
                    put_slice(&mut list, tag);
                }
            }
        }
        put_slice(out, &list);
        // A long URI may be folded (RFC 2557 §4.4.1): blanks are no part of it.
        let location: Option<Vec<u8>> =
            self.location.map(|v| v.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect());
        put_opt(out, location.as_deref());
    }

    /// Whether the part says a type at all.
    pub(crate) fn has_type(&self) -> bool {
        self.content_type.is_some()
    }

    /// The transfer encoding's token in lower case, empty if there is none.
    pub(crate) fn encoding_name(&self) -> Vec<u8> {
        self.encoding.map(|v| lower(token(skip_cfws(v)).0)).unwrap_or_default()
    }

    /// Whether the disposition says that the part is not to be read with the message.
    pub(crate) fn is_attachment(&self) -> bool {
        self.disposition.is_some_and(|v| !token(skip_cfws(v)).0.eq_ignore_ascii_case(b"inline"))
    }

    /// The media type with its parameters.
    pub(crate) fn media_type(&self) -> Option<MediaType<'h>> {
        self.content_type.and_then(|v| MediaType::parse(unfold(v)))
    }
}

fn lower(s: &[u8]) -> Vec<u8> {
    s.to_ascii_lowercase()
}

/// A Content-Type that is well-formed enough to be believed.
pub(crate) struct MediaType<'h> {
    pub(crate) kind: Vec<u8>,
    pub(crate) subtype: Vec<u8>,
    /// What follows the type: the parameters, as written.
    params: Cow<'h, [u8]>,
}

impl<'h> MediaType<'h> {
    fn parse(value: Cow<'h, [u8]>) -> Option<MediaType<'h>> {
        let (kind, rest) = token(skip_cfws(&value));
        let rest = skip_cfws(rest).strip_prefix(b"/")?;
        let (subtype, rest) = token(skip_cfws(rest));
        if kind.is_empty() || subtype.is_empty() {
            return None;
        }
        let (kind, subtype, at) = (lower(kind), lower(subtype), value.len() - rest.len());
        let params = match value {
            Cow::Borrowed(v) => Cow::Borrowed(&v[at..]),
            Cow::Owned(mut v) => {
                v.drain(..at);
                Cow::Owned(v)
            }
        };
        Some(MediaType { kind, subtype, params })
    }

    /// Appends the stored form: type, subtype, parameters.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_slice(out, &self.kind);
        put_slice(out, &self.subtype);
        let mut params = Vec::new();
        encode_params(&self.params, &mut params);
        put_slice(out, &params);
    }

    /// A parameter the scanner itself needs, RFC 2231 pieces joined.
    fn param(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut encoded = Vec::new();
        encode_params(&self.params, &mut encoded);
        let params = Params(&encoded);
        params.get(name).map(<[u8]>::to_vec).or_else(|| params.joined(name).map(|(_, bytes)| bytes))
    }

    /// The boundary parameter of a multipart, if it can be looked for.
    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        let mut boundary = self.param(b"boundary")?;
        // RFC 2046 §5.1.1: a boundary does not end with white space.
        boundary.truncate(boundary.trim_ascii_end().len());
        Some(boundary).filter(|b| !b.is_empty() && b.len() <= MAX_BOUNDARY)
    }

    /// The charset parameter.
    pub(crate) fn charset(&self) -> Option<Vec<u8>> {
        self.param(b"charset")
    }
}

/// Appends a media type that the message does not say: a default of RFC 2045 §5.2 or an opaque leaf.
pub(crate) fn encode_type(kind: &[u8], subtype: &[u8], charset: bool, out: &mut Vec<u8>) {
    put_slice(out, kind);
    put_slice(out, subtype);
    if charset {
        let mut params = Vec::new();
        encode_params(b"charset=us-ascii", &mut params);
        put_slice(out, &params);
    } else {
        put_varint(out, 0);
    }
}
