//! The persisted record of one account's move: the state machine of design §4.
//!
//! ```text
//! planned → seeding → following → holding → flipped → verified → settled
//!                        ↑  └─────────┘        └────┬────┘
//!                        └── rolled-back ←── returning      failed(reason, retry at) from any of them, and back
//! ```
//!
//! Written to the directory by every transition; the cursors of the folders are in the account, with its messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sterna_core::AccountId;
use sterna_store::MoveRecord;

use crate::cutover::Cutover;
use crate::error::{Error, Result};
use crate::source::SourceSpec;

/// Where a move stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Known, not begun.
    Planned,
    /// The first copy is being made.
    Seeding,
    /// Everything was copied once; changes are carried over.
    Following,
    /// The account is held for its cutover. A run that finds this state was broken off, and follows.
    Holding,
    /// The mailbox is here. What still comes to the old side is brought over.
    Flipped,
    /// The same, and both sides were compared as they were at the flip.
    Verified,
    /// The rollback window has closed: the move is through.
    Settled,
    /// A rollback is under way: what changed here is carried back. The mailbox is still here.
    Returning,
    /// The mailbox is on its platform again. Another cutover begins with following.
    RolledBack,
}

impl State {
    /// The name in the record and on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Planned => "planned",
            State::Seeding => "seeding",
            State::Following => "following",
            State::Holding => "holding",
            State::Flipped => "flipped",
            State::Verified => "verified",
            State::Settled => "settled",
            State::Returning => "returning",
            State::RolledBack => "rolled-back",
        }
    }

    /// Whether the mailbox is served here.
    pub fn is_here(self) -> bool {
        matches!(self, State::Flipped | State::Verified | State::Settled | State::Returning)
    }
}

/// Why a move does not go on at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One sentence: what, where, and what to do.
    pub reason: String,
    /// When it happened, seconds since 1970.
    pub at: i64,
    /// When it is tried again; `None`: only after somebody changed something.
    pub retry_at: Option<i64>,
}

/// What the administrator may choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MoveOptions {
    /// Connections that fetch at the same time while seeding, 1 to 16. Fewer are used where the source allows fewer.
    pub connections: usize,
    /// Go on following after the first complete copy, until cancelled; else the run ends there.
    pub follow: bool,
    /// Time between two passes while following, where the source does not tell of a change by itself.
    pub interval: Duration,
    /// Failures in a row, without a message carried over between them, after which a run that does not follow gives up.
    pub attempts: u32,
}

impl Default for MoveOptions {
    fn default() -> Self {
        MoveOptions { connections: 3, follow: false, interval: Duration::from_secs(30), attempts: 6 }
    }
}

/// What a move carried over so far, all runs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Messages copied.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Changes of flags carried over.
    pub flags: u64,
    /// Messages removed because the source removed them.
    pub expunged: u64,
    /// Passes over the source, the seeding included.
    pub passes: u64,
}

/// The JSON in [`MoveRecord::record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Form of this record.
    pub version: u32,
    /// The step reached, also while `failure` says that it does not go on.
    pub state: State,
    /// Where from.
    pub source: SourceSpec,
    /// The choices.
    pub options: MoveOptions,
    /// Seconds since 1970, as all times here.
    pub planned_at: i64,
    /// When the first message was asked for.
    pub seeding_at: Option<i64>,
    /// When the first complete copy was there.
    pub following_at: Option<i64>,
    /// When the last pass ended without an error.
    pub last_pass_at: Option<i64>,
    /// Time spent fetching until `following_at`, milliseconds.
    pub seeding_millis: u64,
    /// What was carried over.
    pub totals: Totals,
    /// Set while the move does not go on.
    pub failure: Option<Failure>,
    /// The last cutover that was asked for, and what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutover: Option<Cutover>,
}

/// The present form of [`Record`]. 1 knew no cutover.
const VERSION: u32 = 2;

impl Record {
    pub(crate) fn planned(source: SourceSpec, options: MoveOptions, now: i64) -> Record {
        Record {
            version: VERSION,
            state: State::Planned,
            source,
            options,
            planned_at: now,
            seeding_at: None,
            following_at: None,
            last_pass_at: None,
            seeding_millis: 0,
            totals: Totals::default(),
            failure: None,
            cutover: None,
        }
    }

    /// The state's name, `failed` while a failure stands; a mailbox that is served here is not failed by what its old side
    /// does.
    pub fn state_name(&self) -> &'static str {
        if self.failure.is_some() && !self.state.is_here() { "failed" } else { self.state.as_str() }
    }

    /// It was rolled back, and the copy here is not yet what another move could go on from.
    pub(crate) fn is_still_going_back(&self) -> bool {
        let undone = self.cutover.as_ref().and_then(|cutover| cutover.rollback.as_ref());
        self.state == State::RolledBack && undone.is_some_and(|undone| undone.mirrored_at.is_none())
    }

    /// Whether a run should take it up by itself: it is neither through nor waits for somebody.
    pub(crate) fn goes_on(&self) -> bool {
        let waits_for_somebody = self.failure.as_ref().is_some_and(|f| f.retry_at.is_none());
        let arrived = self.state == State::Following && self.failure.is_none();
        let through = matches!(self.state, State::Settled | State::RolledBack);
        !waits_for_somebody && !through && (self.options.follow || !arrived)
    }

    pub(crate) fn read(stored: &MoveRecord) -> Result<Record> {
        let unreadable = |reason| Error::Unreadable { what: "the record of the move", reason };
        let value: serde_json::Value = serde_json::from_str(&stored.record).map_err(|e| unreadable(e.to_string()))?;
        // First of all: a newer record may have states that this version cannot read.
        if value.get("version").and_then(serde_json::Value::as_u64).is_some_and(|v| v > u64::from(VERSION)) {
            return Err(unreadable("a newer version of Sterna wrote it".into()));
        }
        let record: Record = serde_json::from_value(value).map_err(|e| unreadable(e.to_string()))?;
        Ok(Record { version: VERSION, ..record })
    }

    pub(crate) fn stored(&self, account: AccountId, secret: Option<Vec<u8>>, now: i64) -> Result<MoveRecord> {
        let record = serde_json::to_string(self)
            .map_err(|e| Error::Unreadable { what: "the record of the move", reason: e.to_string() })?;
        Ok(MoveRecord { account, state: self.state_name().to_owned(), record, secret, updated: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_a_failure_shows_in_its_state() {
        let source = SourceSpec::parse("imap://h:1?tls=none", "u").unwrap();
        let mut record = Record::planned(source, MoveOptions::default(), 5);
        assert_eq!(record.state_name(), "planned");
        record.failure = Some(Failure { reason: "x".into(), at: 6, retry_at: Some(7) });
        let stored = record.stored(AccountId(1), None, 8).unwrap();
        assert_eq!(stored.state, "failed");
        assert_eq!(Record::read(&stored).unwrap(), record);
    }
}
