//! Answers and the events on the way to them. `--json` prints what is inside of an answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sterna_migrate::{Cutover, Failure, Progress, Totals};

use super::aliases::AliasInfo;
use super::dkim::DkimInfo;
use super::platforms::PlatformInfo;
use super::queue::{QueueChanged, QueueStatsInfo, QueuedInfo};
use super::sieve::{SievePut, SieveScriptInfo, SieveText};

/// Something that happens before the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Which account it is about.
    pub address: String,
    /// How far it is.
    pub progress: ProgressInfo,
}

/// How far a long request is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressInfo {
    /// What is being done.
    pub state: String,
    /// The folder at work.
    pub folder: String,
    /// Messages so far, in this run.
    pub messages_done: u64,
    /// Messages in all, as far as known.
    pub messages_total: u64,
    /// Bytes so far, in this run.
    pub bytes_done: u64,
    /// Bytes in all, as far as known.
    pub bytes_total: u64,
    /// Bytes a second over the last few seconds.
    pub bytes_per_second: u64,
    /// Seconds left, if that can be told.
    pub eta_seconds: Option<u64>,
    /// What is being waited for, if anything.
    pub waiting: Option<String>,
}

impl From<&Progress> for ProgressInfo {
    fn from(p: &Progress) -> ProgressInfo {
        ProgressInfo {
            state: p.state.clone(),
            folder: p.folder.clone(),
            messages_done: p.messages_done,
            messages_total: p.messages_total,
            bytes_done: p.bytes_done,
            bytes_total: p.bytes_total,
            bytes_per_second: p.bytes_per_second,
            eta_seconds: p.eta().map(|left| left.as_secs()),
            waiting: p.waiting.clone(),
        }
    }
}

/// What a request ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One domain.
    Domain(DomainInfo),
    /// Several.
    Domains(Vec<DomainInfo>),
    /// One account.
    Account(AccountInfo),
    /// Several.
    Accounts(Vec<AccountInfo>),
    /// DKIM keys of a domain.
    Dkim(Vec<DkimInfo>),
    /// One alias.
    Alias(AliasInfo),
    /// Several.
    Aliases(Vec<AliasInfo>),
    /// One platform.
    Platform(PlatformInfo),
    /// Several.
    Platforms(Vec<PlatformInfo>),
    /// One queued message.
    Queued(QueuedInfo),
    /// A page of the queue.
    Queue(Vec<QueuedInfo>),
    /// What was done to queued messages.
    QueueChanged(QueueChanged),
    /// How much waits.
    QueueStats(QueueStatsInfo),
    /// Sieve scripts of an account.
    Scripts(Vec<SieveScriptInfo>),
    /// One script.
    Script(SieveText),
    /// A script was stored.
    ScriptPut(SievePut),
    /// Something is gone.
    Removed(BTreeMap<String, String>),
    /// Checks of accounts.
    Checks(Vec<CheckInfo>),
    /// An import or export.
    Files(FilesInfo),
    /// Moves.
    Moves(Vec<MoveInfo>),
    /// Receipts.
    Receipts(Vec<ReceiptInfo>),
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainInfo {
    /// Its name.
    pub name: String,
    /// How many accounts it has.
    pub accounts: usize,
    /// How many aliases it has.
    pub aliases: usize,
    /// Who gets mail for addresses that nobody has; `None`: it is refused.
    pub catch_all: Option<String>,
    /// Where its mailboxes are: `platform:NAME`, or the URL of a server; `None`: here.
    pub deliver_to: Option<String>,
    /// Messages of all its accounts in an hour; `None`: no limit.
    pub hourly_limit: Option<u32>,
    /// Seconds since 1970.
    pub created: i64,
    /// Its DKIM keys; `None`: not told in lists.
    pub dkim: Option<Vec<DkimInfo>>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// What the user logs in with.
    pub address: String,
    /// `active` or `suspended`.
    pub status: String,
    /// Limit, bytes; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// In use, bytes.
    pub used_bytes: u64,
    /// Mailboxes.
    pub mailboxes: u64,
    /// Messages in all of them.
    pub messages: u64,
    /// Whether somebody can log in.
    pub has_password: bool,
    /// Seconds since 1970.
    pub created: i64,
    /// The directory with its data; `None`: its rows are in a database that all accounts share.
    pub home: Option<String>,
    /// Further addresses whose mail it gets, and that it may send as.
    pub aliases: Vec<String>,
    /// Where its mail goes on to.
    pub forwards: Vec<String>,
    /// Whether mail that goes on is kept here, too.
    pub keep_copy: bool,
    /// Where the mailbox was said to be: `platform:NAME`, `local`, or the URL of a server; `None`: where its domain's
    /// mailboxes are.
    pub deliver_to: Option<String>,
    /// Where the mailbox is: `platform:NAME`, `local`, or the URL of a server.
    pub place: String,
    /// How often that was changed.
    pub route_epoch: u64,
    /// Of notices; `None`: the configuration's.
    pub language: Option<String>,
    /// Messages in an hour; `None`: the configuration's.
    pub hourly_limit: Option<u32>,
    /// Why it may not send; `None`: it may.
    pub lock: Option<LockInfo>,
    /// Whether IMAP sessions may enable UTF8=ACCEPT (RFC 6855).
    pub utf8_accept: bool,
    /// The Sieve script that is run at delivery.
    pub sieve: Option<String>,
}

/// Why an account may not send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// One sentence.
    pub reason: String,
    /// Seconds since 1970.
    pub since: i64,
}

/// The check of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckInfo {
    /// Which.
    pub address: String,
    /// No invariant is broken.
    pub sound: bool,
    /// Mailboxes looked at.
    pub mailboxes: u64,
    /// Messages looked at.
    pub messages: u64,
    /// Bytes of bodies read.
    pub bytes: u64,
    /// Broken invariants: number and what is wrong.
    pub findings: Vec<(u8, String)>,
}

/// An import or export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesInfo {
    /// Of which account.
    pub address: String,
    /// Folders looked at.
    pub folders: u64,
    /// Messages carried over.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that were there already, from an earlier run.
    pub known: u64,
    /// What was not carried over as it was, a sentence each.
    pub exceptions: Vec<String>,
}

/// Where one move stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveInfo {
    /// Into which account.
    pub address: String,
    /// Server and mailbox.
    pub source: String,
    /// `planned`, `seeding`, `following`, `holding`, `flipped`, `verified`, `settled`, `returning`, `rolled-back`; `failed`
    /// while it does not go on.
    pub state: String,
    /// It is at work now.
    pub running: bool,
    /// By which host and process, if it is another than the one that answers.
    pub holder: Option<String>,
    /// Folders known.
    pub folders: u64,
    /// Folders that were equal when they were last looked at.
    pub folders_equal: u64,
    /// Folders that the source refuses, with its reason.
    pub refused: Vec<(String, String)>,
    /// Messages that the source has and does not give.
    pub missing: u64,
    /// What the receipt lists as exceptions.
    pub exceptions: u64,
    /// What was carried over, all runs together.
    pub totals: Totals,
    /// When the last pass ended well, seconds since 1970.
    pub last_pass_at: Option<i64>,
    /// Why it does not go on.
    pub failure: Option<Failure>,
    /// What it was asked to do and did not yet do: `cutover` or `rollback`.
    pub wanted: Option<String>,
    /// The last cutover that was asked for, and what became of it.
    pub cutover: Option<Cutover>,
    /// How far the present run is.
    pub progress: Option<ProgressInfo>,
    /// Why the run that was waited for ended without success.
    pub error: Option<String>,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptInfo {
    /// Of which account.
    pub address: String,
    /// Both sides are equal.
    pub equal: bool,
    /// For people.
    pub markdown: String,
    /// The signed data, whose form `sterna_migrate::verify` knows.
    pub signed: serde_json::Value,
}

impl Answer {
    /// What `--json` prints. Receipts are printed as they are signed, one by itself, several as a list.
    pub fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        use serde_json::to_value;
        match self {
            Answer::Domain(d) => to_value(d),
            Answer::Domains(d) => to_value(d),
            Answer::Account(a) => to_value(a),
            Answer::Accounts(a) => to_value(a),
            Answer::Dkim(keys) => to_value(keys),
            Answer::Alias(a) => to_value(a),
            Answer::Aliases(a) => to_value(a),
            Answer::Platform(p) => to_value(p),
            Answer::Platforms(p) => to_value(p),
            Answer::Queued(q) => to_value(q),
            Answer::Queue(q) => to_value(q),
            Answer::QueueChanged(c) => to_value(c),
            Answer::QueueStats(s) => to_value(s),
            Answer::Scripts(s) => to_value(s),
            Answer::Script(s) => to_value(s),
            Answer::ScriptPut(s) => to_value(s),
            Answer::Removed(r) => to_value(r),
            Answer::Checks(c) => to_value(c),
            Answer::Files(f) => to_value(f),
            Answer::Moves(m) => to_value(m),
            Answer::Receipts(receipts) => match receipts.as_slice() {
                [one] => Ok(one.signed.clone()),
                several => Ok(several.iter().map(|r| r.signed.clone()).collect()),
            },
        }
    }
}
