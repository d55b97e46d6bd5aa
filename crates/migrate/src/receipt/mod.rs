//! The receipt of a move: both sides compared message by message, everything odd told, signed.
//!
//! Identity is (folder, UIDVALIDITY, UID): flags, keywords, INTERNALDATE with its zone and size are compared for each,
//! and the bytes where asked for. A person reads it as Markdown, a program as JSON; both are made from the same data.

pub(crate) mod compare;
mod markdown;
mod sides;
mod sign;

use serde::{Deserialize, Serialize};
use sterna_core::{AccountId, ModSeq};
use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_store::{Account, Store};

use crate::cutover::Cutover;
use crate::error::{Error, Result};
use crate::folders::apply::ACCOUNT;
use crate::pop3::audit::{self, Pop3Comparison};
use crate::record::{Record, Totals};
use crate::session::Login;
use crate::source::Protocol;

pub use sign::{Verdict, verify};

/// Choices for a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptOptions {
    /// Reads every body from the source once more and compares its BLAKE3 with what is stored.
    pub verify_bodies: bool,
}

/// One folder on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderComparison {
    /// As people read it.
    pub name: String,
    /// Nothing differs but what the source claims wrongly.
    pub equal: bool,
    /// UIDVALIDITY at the source; 0 if the folder could not be opened.
    pub source_uid_validity: u32,
    /// UIDVALIDITY here; 0 if there is no mailbox.
    pub uid_validity: u32,
    /// UIDNEXT at the source, if told.
    pub source_uid_next: Option<u32>,
    /// UIDNEXT here: not below the source's.
    pub uid_next: u64,
    /// HIGHESTMODSEQ at the source; 0 if it keeps none.
    pub source_highest_modseq: u64,
    /// HIGHESTMODSEQ here: not below the source's.
    pub highest_modseq: u64,
    /// Messages at the source.
    pub source_messages: u64,
    /// Messages here.
    pub messages: u64,
    /// Sum of the sizes that the source claims.
    pub source_bytes: u64,
    /// Sum of the sizes here, in real bytes.
    pub bytes: u64,
    /// Messages that are equal in everything compared.
    pub equal_messages: u64,
    /// Messages of the source that are not here.
    pub only_source: u64,
    /// Messages here that the source does not have.
    pub only_here: u64,
    /// Messages added here, which the move never touches; part of `only_here`.
    pub added_here: u64,
    /// Messages whose flags or keywords differ.
    pub flags_differ: u64,
    /// Messages whose INTERNALDATE differs.
    pub dates_differ: u64,
    /// Messages whose bytes differ; only counted where bodies were verified.
    pub bodies_differ: u64,
    /// Messages for which the source claims another size than that of the bytes it gave.
    pub sizes_claimed_wrongly: u64,
    /// BLAKE3 over the sorted identity lines of the source.
    pub source_digest: String,
    /// The same of this side. Equal digests: equal folders.
    pub digest: String,
    /// Messages that changed, came or went on either side after the flip; they are compared no more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changed_since: u64,
    /// Why the folder could not be compared, if so.
    pub refused: Option<String>,
    /// The first differences, a sentence each.
    pub differences: Vec<String>,
}

/// Something that was not carried over as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptException {
    /// The folder as people read it; empty: the account as a whole.
    pub folder: String,
    /// The UID at the source, if it is about one message.
    pub uid: Option<u32>,
    /// What and why.
    pub reason: String,
    /// Seconds since 1970.
    pub at: i64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Form of this data.
    pub version: u32,
    /// Whose mailbox.
    pub account: String,
    /// From where.
    pub source: String,
    /// Name of the move's state.
    pub state: String,
    /// The last failure, if the move does not go on.
    pub failure: Option<String>,
    /// When this comparison was made, seconds since 1970.
    pub compared_at: i64,
    /// When the first message was asked for.
    pub seeding_at: Option<i64>,
    /// When the first complete copy was there.
    pub following_at: Option<i64>,
    /// Time that the first copy took, milliseconds.
    pub seeding_millis: u64,
    /// What was carried over, all runs together.
    pub totals: Totals,
    /// Bodies were read again from the source and compared.
    pub bodies_verified: bool,
    /// Both sides are equal in every folder.
    pub equal: bool,
    /// The account's own consistency: empty if every invariant holds.
    pub check_findings: Vec<String>,
    /// Each folder.
    pub folders: Vec<FolderComparison>,
    /// The unique ids that POP3 clients know INBOX by, if the source has a POP3 side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pop3: Option<Pop3Comparison>,
    /// The cutover, if one was asked for: the hold, the flip, what came after it, the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutover: Option<Cutover>,
    /// Subscribed names without a folder, on both sides.
    pub dangling_subscriptions: Vec<String>,
    /// What was not carried over as it was.
    pub exceptions: Vec<ReceiptException>,
}

/// A signed comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What it says.
    pub comparison: Comparison,
    /// Hexadecimal Ed25519 public key of the store.
    pub public_key: String,
    /// Hexadecimal Ed25519 signature over the canonical JSON of the comparison.
    pub signature: String,
}

impl Receipt {
    /// As JSON that [`verify`] reads: `{"receipt": …, "public_key": …, "signature": …}`.
    pub fn json(&self) -> Result<String> {
        sign::envelope(self)
    }

    /// As a page for people.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }
}

const VERSION: u32 = 1;

pub(crate) async fn make(
    store: &Store,
    account: AccountId,
    record: &Record,
    login: &Login,
    options: &ReceiptOptions,
) -> Result<Receipt> {
    let address = store.accounts(None).await?.into_iter().find(|a| a.id == account).map(|a| a.address.to_string());
    let handle = store.account(account).await?;
    let since = record.cutover.as_ref().and_then(|cutover| cutover.flip.as_ref());
    let since = since.filter(|_| record.state.is_here()).map(|flip| ModSeq(flip.modseq));
    let (folders, pop3) = match (record.source.protocol, &login.pop3) {
        (Protocol::Pop3, Some(pop3)) => (vec![audit::only(&handle, pop3, options).await?], None),
        (_, pop3) => {
            let folders = both_sides(&handle, login, options, since).await?;
            let pop3 = match pop3 {
                Some(pop3) => Some(audit::beside(&handle, pop3).await?),
                None => None,
            };
            (folders, pop3)
        }
    };
    let (exceptions, dangling) = handle.read(|tx| Ok((tx.move_exceptions()?, tx.dangling_subscriptions()?))).await?;
    let check = handle.check(sterna_message::check_structure).await?;
    let finding = |f: &sterna_store::Finding| format!("invariant {}: {}", f.invariant, f.detail);
    let check_findings: Vec<String> = check.findings.iter().map(finding).collect();
    let comparison = Comparison {
        version: VERSION,
        account: address.unwrap_or_else(|| account.to_string()),
        source: record.source.to_string(),
        state: record.state_name().to_owned(),
        failure: record.failure.as_ref().map(|f| f.reason.clone()),
        compared_at: store.clock().unix(),
        seeding_at: record.seeding_at,
        following_at: record.following_at,
        seeding_millis: record.seeding_millis,
        totals: record.totals,
        bodies_verified: options.verify_bodies,
        equal: folders.iter().all(|f| f.equal),
        check_findings,
        folders,
        pop3,
        cutover: record.cutover.clone(),
        dangling_subscriptions: dangling,
        exceptions: exceptions
            .into_iter()
            .map(|e| ReceiptException {
                folder: shown(&e.source),
                uid: e.uid.map(sterna_core::Uid::get),
                reason: e.reason,
                at: e.at,
            })
            .collect(),
    };
    sign::sign(store.data(), comparison).await
}

async fn both_sides(
    account: &Account,
    login: &Login,
    options: &ReceiptOptions,
    since: Option<ModSeq>,
) -> Result<Vec<FolderComparison>> {
    let mut connection = login.open().await?;
    let folders = compare::folders(account, &mut connection, options, since).await?;
    // Only a courtesy: everything was read.
    let _ = connection.logout().await;
    Ok(folders.into_iter().map(|(_, folder)| folder).collect())
}

/// A folder's name on the wire as people read it.
pub(crate) fn shown(wire: &[u8]) -> String {
    match wire {
        ACCOUNT => String::new(),
        crate::pop3::NOTES => "INBOX".to_owned(),
        wire => MailboxName::from_wire(wire, NameEncoding::ModifiedUtf7).into_string(),
    }
}

fn unreadable(reason: impl ToString) -> Error {
    Error::Unreadable { what: "the receipt", reason: reason.to_string() }
}
