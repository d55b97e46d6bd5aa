//! What a cutover was asked to be, and what became of it: a part of the move's record.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sterna_frontdoor::HoldTimes;

use crate::record::Failure;

/// What the administrator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CutoverOptions {
    /// How long sessions wait, and may take to come to their end.
    pub times: HoldTimes,
    /// Holds that may fail before the wish is given up. There are growing pauses between them.
    pub attempts: u32,
    /// For so long after the flip the move can be undone, and what still comes to the old side is brought over.
    pub rollback_window: Duration,
    /// Until then, what changes here is carried back to the old side as it happens, and not only when a rollback is asked for.
    pub back_sync: bool,
}

impl Default for CutoverOptions {
    fn default() -> CutoverOptions {
        CutoverOptions {
            times: HoldTimes::default(),
            attempts: 10,
            rollback_window: Duration::from_secs(14 * 24 * 3600),
            back_sync: false,
        }
    }
}

/// A cutover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cutover {
    /// The choices.
    pub options: CutoverOptions,
    /// The platform that the mailbox was on, as the route names it.
    pub platform: String,
    /// Seconds since 1970, as all times here.
    pub asked_at: i64,
    /// Holds that did not come to the flip.
    pub failed_holds: u32,
    /// Why the last try failed; without a time for the next one, the wish was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Failure>,
    /// What the administrator should know, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The change of route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flip: Option<Flipped>,
    /// What was carried back while nobody had asked for a rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_sync: Option<BackSync>,
    /// The way back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Undone>,
}

/// The flip, and what came after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flipped {
    /// When.
    pub at: i64,
    /// How long sessions were parked, milliseconds.
    pub hold_millis: u64,
    /// Sessions that were parked and handed over, on all nodes.
    pub sessions: u64,
    /// Sessions that had ended before the flip: they could not be parked in time, or left. Of nodes other than the move's, those
    /// that had parked before.
    pub sessions_dropped: u64,
    /// Passes under the hold.
    pub passes: u32,
    /// Messages and bytes that were carried over under the hold.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// MODSEQ of the account then: what has a greater one changed here later.
    pub modseq: u64,
    /// Each folder as both sides were under the hold.
    pub folders: Vec<FlippedFolder>,
    /// When both sides were compared message by message after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<i64>,
    /// What differed then and is not explained by changes since the flip, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Messages that came to the old side afterwards and were brought over, with new UIDs.
    pub stragglers: u64,
    /// Their bytes.
    pub straggler_bytes: u64,
}

/// One folder at the flip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlippedFolder {
    /// As people read it.
    pub name: String,
    /// On both sides.
    pub uid_validity: u32,
    /// Of the old side; 0: not told.
    pub source_uid_next: u32,
    /// Here.
    pub uid_next: u64,
    /// Messages of the old side.
    pub source_messages: u64,
    /// Messages here.
    pub messages: u64,
    /// Of the old side; 0: it keeps none.
    pub source_highest_modseq: u64,
    /// Here.
    pub highest_modseq: u64,
    /// BLAKE3 over UID, flags, date and size of each message of the old side that did not change since the flip.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_digest: String,
    /// The same of this side. Equal digests: equal folders.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Messages that changed, came or went on either side between the flip and the comparison; they are in no digest.
    #[serde(skip_serializing_if = "is_zero")]
    pub changed_since: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A rollback.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Undone {
    /// The choices.
    pub options: CutoverOptions,
    /// When it was asked for.
    pub asked_at: i64,
    /// When the route changed back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// When the copy here was made a mirror of the old side again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirrored_at: Option<i64>,
    /// Holds that did not come to that.
    pub failed_holds: u32,
    /// Why the last try failed; without a time for the next one, the wish was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Failure>,
    /// How long sessions were parked, milliseconds.
    pub hold_millis: u64,
    /// What was carried back for it.
    #[serde(flatten)]
    pub carried: CarriedBack,
    /// Messages that have another UID on the old side than they had here: `folder: UID here is UID there`. And messages that
    /// came to the old side and have a UID there that another message had here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed_uids: Vec<String>,
}

/// What was carried back to the old side, in all passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CarriedBack {
    /// Messages that were carried back.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages whose flags were carried back.
    pub flags: u64,
    /// Messages that were removed on the old side.
    pub expunged: u64,
    /// What was carried back in part, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What could not be carried back, a sentence each: it stays here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Where UIDNEXT or HIGHESTMODSEQ of the old side are less than what was told here, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
}

/// The old side is kept up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackSync {
    /// When both sides were last equal, but for what is told as left.
    pub at: i64,
    /// What was carried back so far.
    #[serde(flatten)]
    pub carried: CarriedBack,
}
