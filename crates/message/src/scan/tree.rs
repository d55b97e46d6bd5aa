//! The parts found so far, and how they become the stored structure. Used by the scanner only.

use sterna_core::DateTime;

use crate::envelope::EnvelopeFields;
use crate::headers::content::{ContentFields, MediaType, encode_type};
use crate::headers::{parse_date, unfold};
use crate::limits::{MAX_DEPTH, MAX_FIELDS, MAX_PARTS};
use crate::part::{ENVELOPE, MESSAGE, MULTIPART};
use crate::structure::{HAS_DATE, VERSION};
use crate::wire::{Reader, put_slice, put_varint, varint_len, zigzag};

/// What kind of content follows a header.
pub(super) enum Content {
    /// Parts between these boundaries.
    Multipart(Vec<u8>),
    /// A whole message.
    Message,
    /// Text that a preview can be made of.
    Text { html: bool, charset: Option<Vec<u8>>, encoding: Vec<u8> },
    /// Nothing to look into.
    Leaf,
}

/// One part: offsets from the start of the message, and where its described fields lie in [`Tree::fields`].
#[derive(Default)]
struct Node {
    parent: usize,
    depth: usize,
    kind: u8,
    children: usize,
    header_start: u64,
    body_start: u64,
    body_end: u64,
    lines: u64,
    /// Start of the media type, start of the other fields, end.
    fields: [usize; 3],
}

/// Parts in the order in which they begin.
#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    fields: Vec<u8>,
    date: Option<DateTime>,
    /// A limit was reached.
    pub(super) limited: bool,
}

impl Tree {
    /// Whether the next part must be the last one.
    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() + 1 >= MAX_PARTS
    }

    /// Begins a part; the root is its own parent.
    pub(super) fn add(&mut self, parent: usize, header_start: u64) -> usize {
        let depth = match self.nodes.get_mut(parent) {
            Some(p) => {
                p.children += 1;
                p.depth + 1
            }
            None => 0,
        };
        self.nodes.push(Node { parent, depth, header_start, ..Node::default() });
        self.nodes.len() - 1
    }

    /// Where a body can start that a header ended before: never ahead of the part.
    pub(super) fn body_start(&self, part: usize, body_start: u64) -> u64 {
        body_start.max(self.nodes[part].header_start)
    }

    /// Whether the part is a message: the root, or embedded in a message part.
    fn is_message_root(&self, part: usize) -> bool {
        part == 0 || self.nodes[self.nodes[part].parent].kind & MESSAGE != 0
    }

    /// Describes a part from its header block and says what its body is. `in_digest`: RFC 2046 §5.1.5 changes the
    /// default type.
    pub(super) fn describe(&mut self, part: usize, header: &[u8], body_start: u64, in_digest: bool) -> (Content, bool) {
        let message = self.is_message_root(part);
        let mut envelope = EnvelopeFields::default();
        let content = ContentFields::read(header, message.then_some(&mut envelope));
        let start = self.fields.len();
        let can_nest = self.nodes[part].depth < MAX_DEPTH && !self.is_full();
        let media = content.media_type();
        // RFC 2046 §5.1.5: no Content-Type in a digest means message/rfc822; rubbish means text as everywhere.
        let default_message = in_digest && !content.has_type();
        let (mut kind, mut digest) = (0, false);
        let mut found = Content::Leaf;
        match &media {
            Some(m) if m.kind == b"multipart" => match m.boundary() {
                Some(boundary) if can_nest => {
                    kind = MULTIPART;
                    digest = m.subtype == b"digest";
                    found = Content::Multipart(boundary);
                    m.encode(&mut self.fields);
                }
                Some(_) => self.opaque(),
                // The one parameter it needs is missing: not a valid type (RFC 2045 §5.2).
                None => encode_type(b"text", b"plain", true, &mut self.fields),
            },
            Some(m) if is_message_type(m) => match can_nest {
                true => {
                    kind = MESSAGE;
                    found = Content::Message;
                    m.encode(&mut self.fields);
                }
                false => self.opaque(),
            },
            Some(m) => {
                m.encode(&mut self.fields);
                found = text_content(m, &content);
            }
            None if default_message && can_nest => {
                kind = MESSAGE;
                found = Content::Message;
                encode_type(b"message", b"rfc822", false, &mut self.fields);
            }
            None if default_message => self.opaque(),
            None => {
                encode_type(b"text", b"plain", true, &mut self.fields);
                found = Content::Text { html: false, charset: None, encoding: content.encoding_name() };
            }
        }
        let mut middle = self.fields.len();
        content.encode(&mut self.fields);
        if message {
            let mut bytes = Vec::new();
            envelope.encode(&mut bytes);
            put_slice(&mut self.fields, &bytes);
            kind |= ENVELOPE;
        }
        if self.fields.len() > MAX_FIELDS + part * MINIMAL {
            middle = self.forget_fields(start, message);
        }
        if part == 0 {
            self.date = envelope.date.and_then(|v| parse_date(&unfold(v)));
        }
        let end = self.fields.len();
        let node = &mut self.nodes[part];
        (node.kind, node.body_start, node.fields) = (kind, body_start, [start, middle, end]);
        (found, digest)
    }

    /// A leaf whose inside is beyond the limits.
    fn opaque(&mut self) {
        self.limited = true;
        encode_type(b"application", b"octet-stream", false, &mut self.fields);
    }

    /// Describes the last part, which takes the rest of the message.
    pub(super) fn describe_rest(&mut self, part: usize) {
        let start = self.fields.len();
        self.opaque();
        let middle = self.fields.len();
        ContentFields::default().encode(&mut self.fields);
        let end = self.fields.len();
        let node = &mut self.nodes[part];
        (node.body_start, node.fields) = (node.header_start, [start, middle, end]);
    }

    /// The budget is spent: only the type stays, without parameters. Gives back where the other fields begin.
    fn forget_fields(&mut self, start: usize, message: bool) -> usize {
        self.limited = true;
        let mut r = Reader::new(&self.fields[start..]);
        let [kind, subtype] = [r.slice(), r.slice()].map(|s| s[..s.len().min(MINIMAL / 4)].to_vec());
        self.fields.truncate(start);
        encode_type(&kind, &subtype, false, &mut self.fields);
        let middle = self.fields.len();
        ContentFields::default().encode(&mut self.fields);
        if message {
            let mut bytes = Vec::new();
            EnvelopeFields::default().encode(&mut bytes);
            put_slice(&mut self.fields, &bytes);
        }
        middle
    }

    /// Ends a part. An end before the start of its body means an empty body; gives back where it really ended.
    pub(super) fn close(&mut self, part: usize, end: u64, lines: u64) -> u64 {
        let node = &mut self.nodes[part];
        node.body_end = end.max(node.body_start);
        node.lines = if node.body_end == node.body_start { 0 } else { lines };
        // A multipart without a part has no form in IMAP's grammar and nothing to show: its whole body is text.
        if node.kind & MULTIPART != 0 && node.children == 0 {
            node.kind &= !MULTIPART;
        }
        node.body_end
    }

    /// The stored bytes.
    pub(super) fn encode(self, flags: u8, size: u64, lines: u64, preview: &str) -> Vec<u8> {
        let mut text_type = Vec::new();
        encode_type(b"text", b"plain", true, &mut text_type);
        // Sizes from the leaves up: a child always comes after its parent.
        let mut sizes = vec![0u64; self.nodes.len()];
        for i in (0..self.nodes.len()).rev() {
            let own = self.own_size(i, &text_type);
            sizes[i] += own;
            if i > 0 {
                let whole = sizes[i] + varint_len(sizes[i]) as u64;
                sizes[self.nodes[i].parent] += whole;
            }
        }
        let mut out = Vec::with_capacity(sizes.first().map_or(0, |s| *s as usize) + preview.len() + 40);
        out.push(VERSION);
        out.push(flags | if self.date.is_some() { HAS_DATE } else { 0 });
        put_varint(&mut out, size);
        put_varint(&mut out, lines);
        if let Some(date) = self.date {
            put_varint(&mut out, zigzag(date.unix));
            put_varint(&mut out, zigzag(date.offset.into()));
        }
        put_slice(&mut out, preview.as_bytes());
        for (i, size) in sizes.iter().enumerate() {
            put_varint(&mut out, *size);
            out.push(self.nodes[i].kind);
            for n in self.numbers(i) {
                put_varint(&mut out, n);
            }
            out.extend_from_slice(self.type_bytes(i, &text_type));
            out.extend_from_slice(&self.fields[self.nodes[i].fields[1]..self.nodes[i].fields[2]]);
        }
        out
    }

    /// The media type's bytes. A boundary that never came leaves the kind without its bit.
    fn type_bytes<'t>(&'t self, i: usize, text_type: &'t [u8]) -> &'t [u8] {
        let node = &self.nodes[i];
        let own = &self.fields[node.fields[0]..node.fields[1]];
        let lost = node.kind & (MULTIPART | MESSAGE) == 0 && own.starts_with(b"\x09multipart");
        if lost { text_type } else { own }
    }

    /// Offsets, each from the one before it (the first from the parent's body), and lines.
    fn numbers(&self, i: usize) -> [u64; 4] {
        let node = &self.nodes[i];
        let base = if i == 0 { 0 } else { self.nodes[node.parent].body_start };
        [
            node.header_start.saturating_sub(base),
            node.body_start - node.header_start,
            node.body_end - node.body_start,
            node.lines,
        ]
    }

    fn own_size(&self, i: usize, text_type: &[u8]) -> u64 {
        let fields = self.nodes[i].fields;
        let numbers: usize = self.numbers(i).iter().map(|n| varint_len(*n)).sum();
        (1 + numbers + self.type_bytes(i, text_type).len() + fields[2] - fields[1]) as u64
    }
}

/// Room that a part has beyond the budget, for its type.
const MINIMAL: usize = 64;

fn is_message_type(m: &MediaType<'_>) -> bool {
    m.kind == b"message" && (m.subtype == b"rfc822" || m.subtype == b"global")
}

fn text_content(m: &MediaType<'_>, content: &ContentFields<'_>) -> Content {
    let html = m.subtype == b"html";
    if m.kind == b"text" && (html || m.subtype == b"plain") && !content.is_attachment() {
        Content::Text { html, charset: m.charset(), encoding: content.encoding_name() }
    } else {
        Content::Leaf
    }
}
