//! Where a move stands in one folder: what lies in the account as `move_folder.cursor`, beside the messages it speaks of.
//!
//! `done` covers the UID space, not single messages: a UID in it that the source has is here, one that the source
//! lacks was never to come. So the cursor stays a few ranges long however large and sparse the folder is.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sterna_core::{MailboxId, ModSeq, UidValidity};
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{MoveFolder, Tx};

use crate::error::{Error, Result};

/// The most ranges that a stored set may have; a damaged cursor must not fill the memory.
const MAX_RANGES: usize = 1_000_000;

/// One folder's cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cursor {
    /// UIDVALIDITY of the source that everything below belongs to; 0: nothing was read yet.
    pub uid_validity: u32,
    /// UIDs of the source that were dealt with.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub done: NumberSet,
    /// Among `done`: the source has it but would not give its bytes; asked for again in each pass.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub missing: NumberSet,
    /// Among `done`: messages here that did not come from the source. The move never touches them.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub foreign: NumberSet,
    /// HIGHESTMODSEQ of the source when the state below was read, at the latest; 0: it keeps none.
    pub modseq: u64,
    /// The source as it was when this folder was last equal to it; `None`: it is not known to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Why the folder could not be read in the last pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The move created the mailbox, and may delete it again.
    pub created: bool,
    /// Where both sides were at the flip. From then on `done` and `missing` go on for the source's UIDs alone: what comes
    /// there has other UIDs here. Means nothing before the route has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip: Option<FlipMark>,
}

/// One folder at the flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FlipMark {
    /// UIDNEXT of the source: a message with this UID or a greater one came later.
    pub source_uid_next: u32,
    /// HIGHESTMODSEQ of the source; 0: it keeps none.
    pub source_modseq: u64,
    /// UIDNEXT here.
    pub uid_next: u64,
    /// Messages that came to the source later and were brought over.
    #[serde(default)]
    pub stragglers: u64,
    /// Their bytes.
    #[serde(default)]
    pub straggler_bytes: u64,
}

/// What STATUS told; equal figures mean that nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub messages: u32,
    /// 0: not told.
    pub uid_next: u32,
    pub modseq: u64,
}

impl Cursor {
    pub fn read(text: &str) -> Result<Cursor> {
        serde_json::from_str(text)
            .map_err(|e| Error::Unreadable { what: "the cursor of a folder", reason: e.to_string() })
    }

    pub fn write(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|e| Error::Unreadable { what: "the cursor of a folder", reason: e.to_string() })
    }

    /// UIDs that the move is answerable for: what it brought, or would have.
    pub fn brought(&self) -> NumberSet {
        self.done.difference(&self.foreign)
    }

    /// A cursor for a folder whose UIDs have become void, or that is read for the first time.
    pub fn begin(&self, validity: UidValidity, modseq: ModSeq) -> Cursor {
        Cursor { uid_validity: validity.get(), modseq: modseq.0, created: self.created, ..Cursor::default() }
    }

    /// Whether STATUS shows the very state that was last carried over.
    pub fn is_current(&self, validity: u32, status: Seen) -> bool {
        // Without a MODSEQ a change of flags shows in no figure.
        status.modseq > 0
            && status.uid_next > 0
            && self.uid_validity == validity
            && self.seen == Some(status)
            && self.missing.is_empty()
    }
}

/// A folder's cursor as it was last written.
pub(crate) fn read(tx: &Tx<'_>, source: &[u8]) -> sterna_store::Result<Cursor> {
    Ok(find(tx, source)?.1)
}

/// Changes a folder's cursor inside the transaction of the messages that it speaks of.
pub(crate) fn update(
    tx: &Tx<'_>,
    source: &[u8],
    change: impl FnOnce(&mut Cursor) -> sterna_store::Result<()>,
) -> sterna_store::Result<Cursor> {
    let (mut folder, mut cursor) = find(tx, source)?;
    change(&mut cursor)?;
    folder.cursor = cursor.write().map_err(lost)?;
    tx.put_move_folder(&folder)?;
    Ok(cursor)
}

fn find(tx: &Tx<'_>, source: &[u8]) -> sterna_store::Result<(MoveFolder, Cursor)> {
    let folder = tx
        .move_folder(source)?
        .ok_or_else(|| sterna_store::Error::NotFound(format!("the cursor of folder {}", source.escape_ascii())))?;
    let cursor = Cursor::read(&folder.cursor).map_err(lost)?;
    Ok((folder, cursor))
}

fn lost(error: Error) -> sterna_store::Error {
    sterna_store::Error::Corrupt(error.to_string())
}

/// Writes a folder's first cursor, or replaces it.
pub(crate) fn put(tx: &Tx<'_>, source: &[u8], mailbox: MailboxId, cursor: &Cursor) -> sterna_store::Result<()> {
    let text = cursor.write().map_err(|e| sterna_store::Error::Internal(e.to_string()))?;
    tx.put_move_folder(&MoveFolder { source: source.to_vec(), mailbox: Some(mailbox), cursor: text })
}

/// As on the wire: `1:500,700`.
pub(crate) mod uid_set {
    use super::*;

    pub fn serialize<S: Serializer>(set: &NumberSet, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::new();
        set.write(&mut text);
        serializer.serialize_str(&String::from_utf8_lossy(&text))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NumberSet, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(NumberSet::new());
        }
        NumberSet::parse(text.as_bytes(), MAX_RANGES).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let mut cursor = Cursor { uid_validity: 7, created: true, ..Cursor::default() };
        assert_eq!(Cursor::read(&cursor.write().unwrap()).unwrap(), cursor);
        cursor.done = NumberSet::range(1, 500).union(&NumberSet::range(700, 701));
        cursor.missing = NumberSet::range(4, 4);
        cursor.seen = Some(Seen { messages: 3, uid_next: 9, modseq: 12 });
        assert_eq!(Cursor::read(&cursor.write().unwrap()).unwrap(), cursor);
        assert!(Cursor::read(r#"{"done":"x"}"#).is_err());
    }

    #[test]
    fn a_folder_is_skipped_only_if_no_figure_could_hide_a_change() {
        let seen = Seen { messages: 3, uid_next: 9, modseq: 12 };
        let cursor = Cursor { uid_validity: 7, seen: Some(seen), ..Cursor::default() };
        assert!(cursor.is_current(7, seen));
        assert!(!cursor.is_current(8, seen));
        assert!(!cursor.is_current(7, Seen { messages: 4, ..seen }));
        assert!(!cursor.is_current(7, Seen { modseq: 13, ..seen }));
        let plain = Seen { modseq: 0, ..seen };
        assert!(!Cursor { seen: Some(plain), ..cursor.clone() }.is_current(7, plain));
        assert!(!Cursor { missing: NumberSet::range(1, 1), ..cursor }.is_current(7, seen));
    }
}
