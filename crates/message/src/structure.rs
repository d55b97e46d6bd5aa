//! The stored structure of a message: written once at arrival by the [`Scanner`](crate::Scanner), kept beside the
//! message, and read without a copy by everything that answers questions about it.

use std::borrow::Cow;
use std::ops::Range;

use sterna_core::DateTime;

use crate::envelope::Envelope;
use crate::headers::msgid::fnv1a;
use crate::headers::{base_subject, decode_header};
use crate::part::PartRef;
use crate::wire::{Reader, unzigzag};

/// Layout of the stored bytes. Another number means that the message must be scanned again.
pub const VERSION: u8 = 1;

pub(crate) const HAS_NUL: u8 = 1;
pub(crate) const BARE_LF: u8 = 2;
pub(crate) const EIGHT_BIT_HEADER: u8 = 4;
pub(crate) const HAS_DATE: u8 = 8;
pub(crate) const LIMITED: u8 = 16;

/// The structure of one message, owned. Typically 300 to 800 bytes, at most about 2 MiB (see [`crate::limits`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    bytes: Box<[u8]>,
}

impl Structure {
    pub(crate) fn from_scan(bytes: Vec<u8>) -> Structure {
        Structure { bytes: bytes.into_boxed_slice() }
    }

    /// What to store. The first byte is [`VERSION`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads it.
    pub fn view(&self) -> StructureRef<'_> {
        StructureRef::read(&self.bytes).0
    }
}

/// Stored bytes that are no structure of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stored message structure of version {VERSION}: the message must be scanned again")]
pub struct CorruptStructure;

/// A structure read from stored bytes. Reading never panics and never leaves the message: damage that
/// [`StructureRef::from_bytes`] does not notice reads as empty values.
#[derive(Clone, Copy, Debug)]
pub struct StructureRef<'a> {
    flags: u8,
    size: u64,
    lines: u64,
    date: Option<DateTime>,
    preview: &'a [u8],
    root: PartRef<'a>,
}

/// What of a part is asked for (RFC 9051 §6.4.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `BODY[]` for the message, `BODY[1.2]` for a part: its content.
    Content,
    /// `HEADER`: of the message or of the message embedded in the part.
    Header,
    /// `TEXT`: the body of the message or of the message embedded in the part.
    Text,
    /// `MIME`: the header of the part; needs a part number.
    Mime,
}

impl<'a> StructureRef<'a> {
    /// Reads stored bytes: checks the version and that the message's own record is whole.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<StructureRef<'a>, CorruptStructure> {
        match StructureRef::read(bytes) {
            (structure, true) if bytes.first() == Some(&VERSION) => Ok(structure),
            _ => Err(CorruptStructure),
        }
    }

    fn read(bytes: &'a [u8]) -> (StructureRef<'a>, bool) {
        let mut r = Reader::new(bytes.get(1..).unwrap_or_default());
        let flags = r.byte();
        let size = r.varint();
        let lines = r.varint();
        let date = (flags & HAS_DATE != 0)
            .then(|| DateTime { unix: unzigzag(r.varint()), offset: unzigzag(r.varint()).clamp(-1439, 1439) as i16 });
        let preview = r.slice();
        let (root, whole) = PartRef::read(&mut r, 0..size, 0);
        (StructureRef { flags, size, lines, date, preview, root }, whole && !r.is_corrupt())
    }

    /// Octets of the message: RFC822.SIZE.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Octets of the header with its empty line.
    pub fn header_len(&self) -> u64 {
        self.root.header_range().end
    }

    /// Line ends in the whole message.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether the message has a NUL byte, which IMAP sends in a `literal8` only.
    pub fn has_nul(&self) -> bool {
        self.flags & HAS_NUL != 0
    }

    /// Whether some line ends without CR.
    pub fn has_bare_lf(&self) -> bool {
        self.flags & BARE_LF != 0
    }

    /// Whether a header, the message's or a part's, has a byte beyond ASCII.
    pub fn has_eight_bit_header(&self) -> bool {
        self.flags & EIGHT_BIT_HEADER != 0
    }

    /// Whether a limit was reached, so that some part or field is not described.
    pub fn is_limited(&self) -> bool {
        self.flags & LIMITED != 0
    }

    /// The message's envelope.
    pub fn envelope(&self) -> Envelope<'a> {
        self.root.envelope().unwrap_or_else(|| Envelope::read(&[]))
    }

    /// The message as a part: its header is the message's header.
    pub fn root(&self) -> PartRef<'a> {
        self.root
    }

    /// When the Date field says it was sent: SORT DATE and SEARCH SENT… fall back to INTERNALDATE without it.
    pub fn sent_at(&self) -> Option<DateTime> {
        self.date
    }

    /// The preview (RFC 8970), at most 200 characters; empty where no text was found.
    pub fn preview(&self) -> &'a str {
        std::str::from_utf8(self.preview).unwrap_or_default()
    }

    /// Whether any part is an attachment.
    pub fn has_attachments(&self) -> bool {
        fn any(part: &PartRef<'_>) -> bool {
            part.is_attachment() || part.is_multipart() && part.children().any(|c| any(&c))
        }
        any(&self.root)
    }

    /// The part of an IMAP section number (RFC 9051 §6.4.5.1); the empty number is the message.
    ///
    /// "1" of a message that is no multipart is its body; numbers go on inside an embedded message as if it stood
    /// alone.
    pub fn part(&self, number: &[u32]) -> Option<PartRef<'a>> {
        let mut part = self.root;
        let mut message = true;
        for n in number {
            if !message {
                if let Some(embedded) = part.message() {
                    part = embedded;
                    message = true;
                } else if !part.is_multipart() {
                    return None;
                }
            }
            if part.is_multipart() {
                part = part.children().nth(usize::try_from(n.checked_sub(1)?).ok()?)?;
            } else if !message || *n != 1 {
                return None;
            }
            message = false;
        }
        Some(part)
    }

    /// Where the bytes of a section lie in the message; none if there is no such section.
    pub fn section(&self, number: &[u32], section: Section) -> Option<Range<u64>> {
        let part = self.part(number)?;
        let message = if number.is_empty() { Some(part) } else { part.message() };
        match section {
            Section::Content if number.is_empty() => Some(0..self.size),
            Section::Content => Some(part.body_range()),
            Section::Header => message.map(|m| m.header_range()),
            Section::Text => message.map(|m| m.body_range()),
            Section::Mime => (!number.is_empty()).then(|| part.header_range()),
        }
    }

    /// SORT FROM (RFC 5256 §3).
    pub fn sort_from(&self) -> &'a [u8] {
        self.envelope().from().sort_key()
    }

    /// SORT TO (RFC 5256 §3).
    pub fn sort_to(&self) -> &'a [u8] {
        self.envelope().to().sort_key()
    }

    /// SORT CC (RFC 5256 §3).
    pub fn sort_cc(&self) -> &'a [u8] {
        self.envelope().cc().sort_key()
    }

    /// SORT DISPLAYFROM (RFC 5957 §3).
    pub fn display_from(&self) -> Cow<'a, str> {
        self.envelope().from().display_key()
    }

    /// SORT DISPLAYTO (RFC 5957 §3).
    pub fn display_to(&self) -> Cow<'a, str> {
        self.envelope().to().display_key()
    }

    /// The base subject (RFC 5256 §2.1), and whether the subject marks a reply or a forward.
    pub fn base_subject(&self) -> (String, bool) {
        base_subject(&decode_header(self.envelope().subject().unwrap_or_default()))
    }

    /// Hashes (FNV-1a, 64 bits, the same in every version) of the normalised identifiers that tie messages into
    /// threads: Message-ID first if there is one, then In-Reply-To and References. No hash comes twice.
    pub fn thread_keys(&self) -> Vec<u64> {
        let envelope = self.envelope();
        let own = envelope.message_id_normal().map(|id| fnv1a(&id));
        let replied = envelope.in_reply_to_ids().map(|id| fnv1a(&id));
        let mut keys: Vec<u64> = Vec::new();
        for key in own.into_iter().chain(replied).chain(envelope.references().map(fnv1a)) {
            // At most some two hundred: a linear look is enough.
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}
