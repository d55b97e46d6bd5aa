//! What a FETCH asks for, and what must be read to answer it.

use sterna_core::DateTime;
use sterna_message::StructureRef;
use sterna_store::{IndexEntry, Result, Tx};

use super::flags::FlagNames;
use super::page::Page;
use super::walk::Step;
use super::{body, stream};
use crate::codec::command::Addressing;
use crate::codec::command::fetch::FetchItem;
use crate::codec::write::fetch::FetchLine;
use crate::server::search::structure;
use crate::server::session::Enabled;

/// The items of one FETCH, in the order of the answer.
pub(super) struct Plan {
    items: Vec<FetchItem>,
    /// UIDFETCH instead of FETCH (RFC 9586 §3.3).
    uid_only: bool,
    /// MODSEQ goes with FLAGS that were not asked for (RFC 7162 §3.2).
    condstore: bool,
}

impl Plan {
    /// `changed_since`: the modifier was given, so MODSEQ is told (RFC 7162 §3.1.4.1).
    pub fn new(mut items: Vec<FetchItem>, by: Addressing, changed_since: bool, enabled: &Enabled) -> Plan {
        if enabled.uidonly {
            // RFC 9586 §3.3: the UID stands before the items already.
            items.retain(|item| *item != FetchItem::Uid);
        } else if by == Addressing::Uid && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        if changed_since && !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
        Plan { items, uid_only: enabled.uidonly, condstore: enabled.condstore }
    }

    /// Whether the index does not do.
    pub fn needs_store(&self) -> bool {
        let known = |item: &FetchItem| {
            matches!(item, FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq | FetchItem::EmailId)
        };
        !self.items.iter().all(known)
    }

    /// Whether it asks for bytes of a message more than once: then a small one is read whole.
    pub fn reads_often(&self) -> bool {
        let reads = |item: &&FetchItem| {
            matches!(item, FetchItem::Section(_) | FetchItem::Binary { .. } | FetchItem::BinarySize { .. })
        };
        self.items.iter().filter(reads).count() > 1
    }

    fn begin(&self, out: &mut Vec<u8>, sequence: u32, entry: &IndexEntry) -> FetchLine {
        if self.uid_only { FetchLine::begin_uid(out, entry.uid) } else { FetchLine::begin(out, sequence) }
    }

    /// Appends the response for a message of which only what the index knows is asked for.
    pub fn known(&self, out: &mut Vec<u8>, sequence: u32, entry: &IndexEntry, flags: &mut FlagNames) {
        let mut line = self.begin(out, sequence, entry);
        self.items.iter().for_each(|item| known_item(out, &mut line, item, entry, flags));
        line.end(out);
    }

    /// Appends the response for a message of a page. `entry` has the flags to tell; `seen`: FLAGS are told because
    /// this command changed them.
    pub fn message(
        &self,
        tx: &Tx<'_>,
        page: &mut Page,
        step: &Step<'_>,
        entry: &IndexEntry,
        (flags, seen): (&mut FlagNames, bool),
    ) -> Result<()> {
        let structure = structure(&step.email)?;
        let mut bytes = stream::Source::new(tx, &step.email, self.reads_often())?;
        page.response = page.bytes.len();
        let mut line = self.begin(&mut page.bytes, step.sequence, entry);
        for item in &self.items {
            self.item(page, &mut line, item, step, &structure, &mut bytes)?;
            known_item(&mut page.bytes, &mut line, item, entry, flags);
        }
        if seen && !self.items.contains(&FetchItem::Flags) {
            line.flags(&mut page.bytes, flags.get(entry.flags));
        }
        if seen && self.condstore && !self.items.contains(&FetchItem::ModSeq) {
            line.mod_seq(&mut page.bytes, entry.modseq);
        }
        line.end(&mut page.bytes);
        Ok(())
    }

    /// Appends an item that the index does not know.
    fn item(
        &self,
        page: &mut Page,
        line: &mut FetchLine,
        item: &FetchItem,
        step: &Step<'_>,
        structure: &StructureRef<'_>,
        bytes: &mut stream::Source<'_>,
    ) -> Result<()> {
        let out = &mut page.bytes;
        match item {
            FetchItem::InternalDate => line.internal_date(out, step.email.internaldate),
            FetchItem::Rfc822Size => line.size(out, step.email.size),
            FetchItem::Envelope => line.envelope(out, structure),
            FetchItem::BodyStructure => line.body_structure(out, structure),
            FetchItem::Body => line.body(out, structure),
            FetchItem::ThreadId => line.thread_id(out, Some(&format!("T{}", step.email.thread))),
            FetchItem::SaveDate => line.save_date(out, Some(DateTime::utc(step.row.saved_at))),
            // Previews are made at arrival: LAZY asks for no less.
            FetchItem::Preview { .. } => line.preview(out, Some(structure.preview())),
            FetchItem::Section(section) => body::section(page, line, section, structure, bytes)?,
            FetchItem::Binary { part, partial, .. } => body::binary(page, line, (part, *partial), structure, bytes)?,
            FetchItem::BinarySize { part } => body::binary_size(page, line, part, structure, bytes)?,
            FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq | FetchItem::EmailId => {}
        }
        Ok(())
    }
}

/// Appends an item that the index knows; nothing for another one.
fn known_item(out: &mut Vec<u8>, line: &mut FetchLine, item: &FetchItem, entry: &IndexEntry, flags: &mut FlagNames) {
    match item {
        FetchItem::Uid => line.uid(out, entry.uid),
        FetchItem::Flags => line.flags(out, flags.get(entry.flags)),
        FetchItem::ModSeq => line.mod_seq(out, entry.modseq),
        FetchItem::EmailId => line.email_id(out, &format!("E{}", entry.email)),
        _ => {}
    }
}
