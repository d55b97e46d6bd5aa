//! How far one folder of the old side was brought up to what changed here: JSON in the account's database, beside the
//! messages that it speaks of.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sterna_core::{MailboxId, Uid};
use sterna_imap::client::Connection;
use sterna_imap::codec::mailbox::MailboxName;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{BackFolder, BackMessage, Tx};

use crate::cursor::uid_set;

/// One folder's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// The mailbox's path here when both sides last had the same name for it.
    pub path: String,
    /// The subscription that both sides last had.
    pub subscribed: bool,
    /// UIDVALIDITY on the old side; 0: not asked yet.
    pub uid_validity: u32,
    /// UIDNEXT here at the change of sides: a message with this UID or a greater one came later.
    pub uid_next: u64,
    /// UIDs that the move was answerable for then: the same message on both sides.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub brought: NumberSet,
    /// The old side lost the folder since: nothing of `brought` is there any more.
    pub lost: bool,
    /// Changes here up to this MODSEQ were carried.
    pub modseq: u64,
    /// HIGHESTMODSEQ of the old side at the change of sides; 0: it keeps none.
    pub there_modseq: u64,
    /// UIDs on the old side whose flags were set by us: their MODSEQ tells of no change by others.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub touched: NumberSet,
    /// All messages have to be looked at: some may be here and not there without having changed since.
    pub scan: bool,
    /// UIDs here that the old side refused.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub refused: NumberSet,
    /// UIDNEXT and HIGHESTMODSEQ of the old side when it was last asked for them; what it told never falls.
    pub reached: (u64, u64),
    /// UIDs and steps of MODSEQ that were used up there so that it reaches what was told here.
    #[serde(skip_serializing_if = "is_none")]
    pub spent: (u64, u64),
    /// UIDs here of messages that were appended while MODSEQ there was behind: a client could overlook them.
    #[serde(with = "uid_set", skip_serializing_if = "NumberSet::is_empty")]
    pub low: NumberSet,
    /// It is being made on the old side: after a crash nobody knows whether it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub making: bool,
    /// What it is being called on the old side: after a crash nobody knows whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renaming: Option<Renaming>,
    /// What is being appended: after a crash nobody knows how far that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appending: Option<Appending>,
}

fn is_none(spent: &(u64, u64)) -> bool {
    *spent == (0, 0)
}

/// A new name on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Renaming {
    /// On the wire.
    pub source: Vec<u8>,
    /// [`State::path`] then.
    pub path: String,
    /// When it was announced, seconds since 1970.
    pub at: i64,
}

/// Messages on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Appending {
    /// UIDNEXT on the old side before the first of them.
    pub uid_next: u32,
    /// When they were announced, seconds since 1970.
    pub at: i64,
    pub messages: Vec<Coming>,
    /// Hash and size of the message that only uses up UIDs, if such ones are on their way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler: Option<(String, u64)>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Coming {
    /// Here.
    pub uid: u32,
    pub size: u64,
    /// BLAKE3, in hexadecimal digits.
    pub hash: String,
}

/// A mailbox here with its folder there.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub mailbox: MailboxId,
    /// The folder's name on the wire.
    pub source: Vec<u8>,
    pub state: State,
}

/// Where the messages lie that came after the change of sides: UIDs here to UIDs there.
pub(super) type Places = HashMap<Uid, Uid>;

impl Folder {
    pub fn read(stored: BackFolder) -> sterna_store::Result<Folder> {
        let BackFolder { mailbox, source, state } = stored;
        let state = serde_json::from_str(&state)
            .map_err(|e| sterna_store::Error::Corrupt(format!("a folder's way back: {e}")))?;
        Ok(Folder { mailbox, source, state })
    }

    pub fn all(tx: &Tx<'_>) -> sterna_store::Result<Vec<Folder>> {
        tx.back_folders()?.into_iter().map(Folder::read).collect()
    }

    pub fn write(&self, tx: &Tx<'_>) -> sterna_store::Result<()> {
        let state = serde_json::to_string(&self.state).map_err(|e| sterna_store::Error::Internal(e.to_string()))?;
        tx.put_back_folder(&BackFolder { mailbox: self.mailbox, source: self.source.clone(), state })
    }

    pub fn name(&self, connection: &Connection) -> MailboxName {
        MailboxName::from_wire(&self.source, connection.encoding())
    }

    /// As a person reads it.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.source).into_owned()
    }

    /// Whether the old side may tell a smaller UIDNEXT or HIGHESTMODSEQ than these, or has messages that were appended then.
    pub fn is_behind(&self, told: (u64, u64)) -> bool {
        let (next, modseq) = self.state.reached;
        told.0 > next || told.1 > modseq || !self.state.low.is_empty()
    }

    /// Whether the move brought the message: it need not be carried, whatever the old side did with it since.
    pub fn was_brought(&self, uid: Uid) -> bool {
        u64::from(uid.get()) < self.state.uid_next && self.state.brought.contains(uid.get())
    }

    /// The UID on the old side of a message here, if it was ever there.
    pub fn there(&self, places: &Places, uid: Uid) -> Option<Uid> {
        places.get(&uid).copied().or_else(|| (!self.state.lost && self.was_brought(uid)).then_some(uid))
    }

    /// UIDs there that are accounted for: the same messages are here, or were.
    pub fn accounted(&self, places: &Places) -> NumberSet {
        let ours: NumberSet = places.values().copied().collect();
        // Of a folder that was made by the way back nothing was brought, and it has no UIDNEXT of then.
        let last = u32::try_from(self.state.uid_next.saturating_sub(1)).unwrap_or(u32::MAX);
        if self.state.lost { ours } else { ours.union(&self.state.brought.up_to(last)) }
    }
}

pub(super) fn places(tx: &Tx<'_>, mailbox: MailboxId) -> sterna_store::Result<Places> {
    Ok(tx.back_messages(mailbox)?.into_iter().map(|BackMessage { uid, there }| (uid, there)).collect())
}
