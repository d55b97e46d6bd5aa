//! FETCH responses (RFC 9051 §7.5.2), item by item.
//!
//! [`FetchLine`] only remembers whether a space is due, so that the session can send what is in the buffer, stream a body
//! behind [`FetchLine::section_head`], and go on with the next item.

use sterna_core::{DateTime, Flags, ModSeq, Uid};
use sterna_message::StructureRef;

use super::{literal_head, number};
use crate::codec::command::fetch::{BodyItem, BodyName};
use crate::codec::command::section::{Partial, write_part};
use crate::codec::date::write_date_time;
use crate::codec::flag::write_flags;

/// A FETCH response that was begun; [`FetchLine::end`] must follow.
#[derive(Debug)]
#[must_use = "the response must be ended"]
pub struct FetchLine {
    first: bool,
}

impl FetchLine {
    /// Appends `* n FETCH (`.
    pub fn begin(out: &mut Vec<u8>, sequence_number: u32) -> FetchLine {
        out.extend_from_slice(b"* ");
        number(out, u64::from(sequence_number));
        out.extend_from_slice(b" FETCH (");
        FetchLine { first: true }
    }

    /// Appends `* uid UIDFETCH (`, for a session with UIDONLY (RFC 9586 §3.3).
    pub fn begin_uid(out: &mut Vec<u8>, uid: Uid) -> FetchLine {
        out.extend_from_slice(b"* ");
        number(out, u64::from(uid.get()));
        out.extend_from_slice(b" UIDFETCH (");
        FetchLine { first: true }
    }

    /// Whether no item was written yet.
    pub fn is_empty(&self) -> bool {
        self.first
    }

    fn name(&mut self, out: &mut Vec<u8>, name: &[u8]) {
        if !std::mem::take(&mut self.first) {
            out.push(b' ');
        }
        out.extend_from_slice(name);
    }

    /// UID
    pub fn uid(&mut self, out: &mut Vec<u8>, uid: Uid) {
        self.name(out, b"UID ");
        number(out, u64::from(uid.get()));
    }

    /// FLAGS
    pub fn flags(&mut self, out: &mut Vec<u8>, flags: &Flags) {
        self.name(out, b"FLAGS (");
        write_flags(out, flags);
        out.push(b')');
    }

    /// INTERNALDATE
    pub fn internal_date(&mut self, out: &mut Vec<u8>, date: DateTime) {
        self.name(out, b"INTERNALDATE ");
        write_date_time(out, date);
    }

    /// SAVEDATE; `None` where the mailbox keeps none (RFC 8514 §4.1)
    pub fn save_date(&mut self, out: &mut Vec<u8>, date: Option<DateTime>) {
        self.name(out, b"SAVEDATE ");
        match date {
            Some(date) => write_date_time(out, date),
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// RFC822.SIZE
    pub fn size(&mut self, out: &mut Vec<u8>, octets: u64) {
        self.name(out, b"RFC822.SIZE ");
        number(out, octets);
    }

    /// MODSEQ
    pub fn mod_seq(&mut self, out: &mut Vec<u8>, mod_seq: ModSeq) {
        self.name(out, b"MODSEQ (");
        number(out, mod_seq.0);
        out.push(b')');
    }

    /// EMAILID
    pub fn email_id(&mut self, out: &mut Vec<u8>, id: &str) {
        self.name(out, b"EMAILID (");
        out.extend_from_slice(id.as_bytes());
        out.push(b')');
    }

    /// THREADID; `None` where there are no threads (RFC 8474 §5.2)
    pub fn thread_id(&mut self, out: &mut Vec<u8>, id: Option<&str>) {
        self.name(out, b"THREADID ");
        match id {
            Some(id) => {
                out.push(b'(');
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// PREVIEW; `None` where it is not at hand and was asked for LAZY (RFC 8970 §3.2)
    pub fn preview(&mut self, out: &mut Vec<u8>, preview: Option<&str>) {
        self.name(out, b"PREVIEW ");
        super::nstring(out, preview.map(str::as_bytes));
    }

    /// ENVELOPE
    pub fn envelope(&mut self, out: &mut Vec<u8>, structure: &StructureRef<'_>) {
        self.name(out, b"ENVELOPE ");
        super::envelope(out, &structure.envelope());
    }

    /// BODYSTRUCTURE
    pub fn body_structure(&mut self, out: &mut Vec<u8>, structure: &StructureRef<'_>) {
        self.name(out, b"BODYSTRUCTURE ");
        super::body_structure(out, structure);
    }

    /// BODY: the structure without extension data
    pub fn body(&mut self, out: &mut Vec<u8>, structure: &StructureRef<'_>) {
        self.name(out, b"BODY ");
        super::body(out, structure);
    }

    /// `BODY[…]<offset> {size}` CRLF; exactly `size` bytes of the message must follow, as they are.
    pub fn section_head(&mut self, out: &mut Vec<u8>, item: &BodyItem, size: u64) {
        self.section_name(out, item);
        literal_head(out, size, false);
    }

    /// The same with the bytes, for short ones such as header fields.
    pub fn section(&mut self, out: &mut Vec<u8>, item: &BodyItem, bytes: &[u8]) {
        self.section_head(out, item, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    /// `BODY[…] NIL`: there is no such part.
    pub fn section_nil(&mut self, out: &mut Vec<u8>, item: &BodyItem) {
        self.section_name(out, item);
        out.extend_from_slice(b"NIL");
    }

    fn section_name(&mut self, out: &mut Vec<u8>, item: &BodyItem) {
        match item.name {
            BodyName::Body => {
                self.name(out, b"BODY");
                item.section.write(out);
                origin(out, item.partial);
            }
            BodyName::Rfc822 => self.name(out, b"RFC822"),
            BodyName::Rfc822Header => self.name(out, b"RFC822.HEADER"),
            BodyName::Rfc822Text => self.name(out, b"RFC822.TEXT"),
        }
        out.push(b' ');
    }

    /// `BINARY[…]<offset> ~{size}` CRLF; exactly `size` decoded bytes must follow.
    pub fn binary_head(&mut self, out: &mut Vec<u8>, part: &[u32], partial: Option<Partial>, size: u64) {
        self.binary_name(out, part, partial);
        literal_head(out, size, true);
    }

    /// `BINARY[…] NIL`: there is no such part.
    pub fn binary_nil(&mut self, out: &mut Vec<u8>, part: &[u32], partial: Option<Partial>) {
        self.binary_name(out, part, partial);
        out.extend_from_slice(b"NIL");
    }

    fn binary_name(&mut self, out: &mut Vec<u8>, part: &[u32], partial: Option<Partial>) {
        self.name(out, b"BINARY[");
        write_part(out, part);
        out.push(b']');
        origin(out, partial);
        out.push(b' ');
    }

    /// BINARY.SIZE: octets with the transfer encoding undone
    pub fn binary_size(&mut self, out: &mut Vec<u8>, part: &[u32], octets: u64) {
        self.name(out, b"BINARY.SIZE[");
        write_part(out, part);
        out.extend_from_slice(b"] ");
        number(out, octets);
    }

    /// Appends `)` CRLF.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b")\r\n");
    }
}

/// The answer to `<4.10>` is `<4>` (RFC 9051 §7.5.2).
fn origin(out: &mut Vec<u8>, partial: Option<Partial>) {
    if let Some(partial) = partial {
        out.push(b'<');
        number(out, partial.offset);
        out.push(b'>');
    }
}

#[cfg(test)]
mod tests;
