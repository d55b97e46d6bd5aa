//! FETCH (RFC 9051 §6.4.5) with the items and modifiers of RFC 3516, 7162, 8474, 8514, 8970 and 9394.

use sterna_core::ModSeq;

use super::search::{PartialRange, partial_range};
use super::section::{Partial, Section, SectionText, partial, section, section_binary};
use super::{Addressing, sp_message_set};
use crate::codec::lexer::{Cursor, Parsed};
use crate::codec::sequence::MessageSet;

/// The most items of one FETCH.
const ITEMS_MAX: usize = 1_000;

/// FETCH or UID FETCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// What the numbers are. UID FETCH answers with UID whether asked for or not.
    pub by: Addressing,
    /// The messages.
    pub set: MessageSet,
    /// What is asked for, macros expanded.
    pub items: Vec<FetchItem>,
    /// `CHANGEDSINCE n`: only messages with a higher MODSEQ, which is told (RFC 7162 §3.1.4.1).
    pub changed_since: Option<ModSeq>,
    /// `VANISHED`: the expunged ones too (RFC 7162 §3.2.6); only ever with UID and CHANGEDSINCE.
    pub vanished: bool,
    /// `PARTIAL n:m` (RFC 9394 §3.3); only ever with UID.
    pub partial: Option<PartialRange>,
}

/// One data item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItem {
    /// UID
    Uid,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// RFC822.SIZE
    Rfc822Size,
    /// ENVELOPE
    Envelope,
    /// BODYSTRUCTURE
    BodyStructure,
    /// BODY: the structure without extension data
    Body,
    /// Bytes of the message: `BODY[…]`, `BODY.PEEK[…]`, RFC822, RFC822.HEADER, RFC822.TEXT
    Section(BodyItem),
    /// `BINARY[…]`, `BINARY.PEEK[…]`: a part with its transfer encoding undone (RFC 3516)
    Binary {
        /// Part numbers; empty for the whole message.
        part: Vec<u32>,
        /// The octets asked for.
        partial: Option<Partial>,
        /// `\Seen` stays as it is.
        peek: bool,
    },
    /// `BINARY.SIZE[…]`
    BinarySize {
        /// Part numbers; empty for the whole message.
        part: Vec<u32>,
    },
    /// MODSEQ (RFC 7162): a CONDSTORE-enabling command
    ModSeq,
    /// EMAILID (RFC 8474)
    EmailId,
    /// THREADID (RFC 8474)
    ThreadId,
    /// SAVEDATE (RFC 8514)
    SaveDate,
    /// PREVIEW (RFC 8970)
    Preview {
        /// Only if it is at hand.
        lazy: bool,
    },
}

/// Bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyItem {
    /// Which.
    pub section: Section,
    /// The octets asked for.
    pub partial: Option<Partial>,
    /// `\Seen` stays as it is.
    pub peek: bool,
    /// How the answer names it.
    pub name: BodyName,
}

/// The name under which bytes were asked for, which is the one to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyName {
    /// `BODY[…]`; for BODY.PEEK too.
    Body,
    /// `RFC822` (RFC 3501)
    Rfc822,
    /// `RFC822.HEADER` (RFC 3501)
    Rfc822Header,
    /// `RFC822.TEXT` (RFC 3501)
    Rfc822Text,
}

impl FetchItem {
    /// Whether sending it sets `\Seen` (RFC 9051 §6.4.5).
    pub fn marks_seen(&self) -> bool {
        match self {
            FetchItem::Section(body) => !body.peek,
            FetchItem::Binary { peek, .. } => !peek,
            _ => false,
        }
    }
}

/// `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
/// [fetch-modifiers]`
pub(super) fn fetch(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Fetch> {
    let set = sp_message_set(c)?;
    c.sp()?;
    let items = match fetch_macro(c) {
        Some(items) => items,
        None if c.looking_at(b"(") => c.list(fetch_att)?,
        None => vec![fetch_att(c)?],
    };
    if items.len() > ITEMS_MAX {
        return Err(c.error("at most 1000 items"));
    }
    let mut fetch = Fetch { by, set, items, changed_since: None, vanished: false, partial: None };
    if c.take(b" ") {
        let start = c.clone();
        c.list(|c| modifier(c, &mut fetch))?;
        // RFC 7162 §3.2.6: VANISHED without UID or without CHANGEDSINCE is a BAD.
        if fetch.vanished && (by == Addressing::Sequence || fetch.changed_since.is_none()) {
            return Err(start.error("VANISHED with UID FETCH and CHANGEDSINCE only"));
        }
        if fetch.partial.is_some() && by == Addressing::Sequence {
            return Err(start.error("PARTIAL with UID FETCH only"));
        }
    }
    Ok(fetch)
}

/// `fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range`
fn modifier(c: &mut Cursor<'_>, fetch: &mut Fetch) -> Parsed<()> {
    let at = c.clone();
    match c.atom()?.to_ascii_uppercase().as_str() {
        "CHANGEDSINCE" => {
            c.sp()?;
            fetch.changed_since = Some(ModSeq(c.number64()?));
        }
        "VANISHED" => fetch.vanished = true,
        "PARTIAL" => {
            c.sp()?;
            fetch.partial = Some(partial_range(c)?);
        }
        _ => return Err(at.error("CHANGEDSINCE, VANISHED or PARTIAL")),
    }
    Ok(())
}

/// The macros, which stand alone (RFC 9051 §6.4.5).
fn fetch_macro(c: &mut Cursor<'_>) -> Option<Vec<FetchItem>> {
    let fast = [FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size];
    let more: &[FetchItem] = if c.take(b"FAST") {
        &[]
    } else if c.take(b"ALL") {
        &[FetchItem::Envelope]
    } else if c.take(b"FULL") {
        &[FetchItem::Envelope, FetchItem::Body]
    } else {
        return None;
    };
    Some(fast.iter().chain(more).cloned().collect())
}

/// `fetch-att`
pub(super) fn fetch_att(c: &mut Cursor<'_>) -> Parsed<FetchItem> {
    let at = c.clone();
    let name = c.take_while(|b| b.is_ascii_alphanumeric() || b == b'.').to_ascii_uppercase();
    let rfc822 = |text: Option<SectionText>, peek, name| {
        FetchItem::Section(BodyItem { section: Section { part: Vec::new(), text }, partial: None, peek, name })
    };
    Ok(match name.as_slice() {
        b"UID" => FetchItem::Uid,
        b"FLAGS" => FetchItem::Flags,
        b"INTERNALDATE" => FetchItem::InternalDate,
        b"RFC822.SIZE" => FetchItem::Rfc822Size,
        b"ENVELOPE" => FetchItem::Envelope,
        b"BODYSTRUCTURE" => FetchItem::BodyStructure,
        b"BODY" if !c.looking_at(b"[") => FetchItem::Body,
        b"BODY" | b"BODY.PEEK" => {
            let (section, partial) = (section(c)?, partial(c)?);
            FetchItem::Section(BodyItem { section, partial, peek: name.len() > 4, name: BodyName::Body })
        }
        b"BINARY" | b"BINARY.PEEK" => {
            FetchItem::Binary { part: section_binary(c)?, partial: partial(c)?, peek: name.len() > 6 }
        }
        b"BINARY.SIZE" => FetchItem::BinarySize { part: section_binary(c)? },
        b"RFC822" => rfc822(None, false, BodyName::Rfc822),
        b"RFC822.HEADER" => rfc822(Some(SectionText::Header), true, BodyName::Rfc822Header),
        b"RFC822.TEXT" => rfc822(Some(SectionText::Text), false, BodyName::Rfc822Text),
        b"MODSEQ" => FetchItem::ModSeq,
        b"EMAILID" => FetchItem::EmailId,
        b"THREADID" => FetchItem::ThreadId,
        b"SAVEDATE" => FetchItem::SaveDate,
        b"PREVIEW" => {
            let lazy = c.take(b" (");
            if lazy {
                c.expect("LAZY")?;
                c.expect(")")?;
            }
            FetchItem::Preview { lazy }
        }
        _ => return Err(at.error("a data item")),
    })
}
