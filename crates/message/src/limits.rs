//! The bounds of a scan. Beyond them nothing fails: what is not indexed is still part of its message, byte for byte,
//! and shows as a leaf. Memory of a scan is bounded by their sum, whatever the message weighs.

/// Nesting of parts (multiparts and embedded messages); a deeper composite part is an opaque leaf.
pub const MAX_DEPTH: usize = 64;

/// Parts of one message; what follows the last of them is one opaque leaf that runs to the end of the message.
pub const MAX_PARTS: usize = 10_000;

/// Bytes of one header block that are indexed; later ones are only counted.
pub const MAX_HEADER: usize = 256 * 1024;

/// Bytes of fields and envelopes kept for one message; a part beyond keeps its type and its offsets only.
/// One header block at its limit fits at least once.
pub const MAX_FIELDS: usize = 1024 * 1024;

/// Longest boundary that is looked for. RFC 2046 §5.1.1 allows 70.
pub const MAX_BOUNDARY: usize = 256;

/// Message identifiers kept from References: the first (the thread's root) and the last ones (the nearest ancestors).
pub const MAX_REFERENCES: usize = 100;

/// Characters of a preview (RFC 8970 §3: at most 200).
pub const MAX_PREVIEW: usize = 200;

/// Raw bytes looked at for a preview from plain text, and from HTML, where style sheets come before the text.
pub(crate) const CAPTURE_PLAIN: usize = 4 * 1024;
pub(crate) const CAPTURE_HTML: usize = 32 * 1024;

/// Text parts tried for a preview until one of them has a visible character.
pub(crate) const CAPTURE_TRIES: u8 = 8;
