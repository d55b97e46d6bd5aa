//! Everything durable: accounts, the directory, bodies, moves, the queue; and the checker that proves it sound.
//!
//! ```text
//! data/
//!   lock                     held by the process that has the store open
//!   secret.key               seals the passwords of sources
//!   directory.db             domains, accounts, aliases, credentials, moves, the queue, limits and keys of outgoing mail
//!   blobs/<blake3>-<once>    large bodies of queued messages
//!   incoming/                large bodies on their way in; emptied at start
//!   accounts/2a/42/          one account is one directory: copy it, check it, delete it
//!     account.db             mailboxes, messages, structures, small bodies, the change log, Sieve scripts
//!     blobs/<blake3>-<once>  large bodies, compressed
//! ```
//!
//! or, shared by several nodes, one PostgreSQL database for all rows and S3 objects for large bodies ([`StoreConfig`]);
//! a node's directory then holds the lock, the key and bodies on their way in.
//!
//! Callers run closures over a transaction: [`Account::read`] and [`Account::write`]. A write returns when it is
//! fsynced; writes that wait together share the fsync. Every write takes one number from the account's clock, which
//! is IMAP's MODSEQ, and later JMAP's state and DAV's sync token. No protocol is known here.

mod account;
mod blob;
mod check;
mod config;
mod copy;
mod db;
mod directory;
mod error;
mod queue;
mod schema;
mod secret;
mod store;

pub use account::{
    Account, AccountState, Appended, BackFolder, BackMessage, Changed, Copied, Email, FlagChange, FlagsChanged, Import,
    Imported, IndexEntry, Keysets, Mailbox, MailboxIndex, MailboxTree, MessageRow, MoveException, MoveFolder, NewEmail,
    NewMailbox, SieveScript, Stored, StoredFlags, UidRange,
};
pub use blob::{BlobWriter, Blobs, CHUNK, Collected, PreparedBlob};
pub use check::{CheckReport, Finding, MAX_FINDINGS, StructureCheck};
pub use config::{BlobKind, Engine, PostgresConfig, S3Config, StoreConfig};
pub use copy::{AccountCopy, CopyProgress, StoreCopy, TableComparison};
pub use db::Tx;
pub use directory::{
    AccountRecord, AccountStatus, AliasRecord, DkimAlgorithm, DkimKey, DkimState, DomainChange, DomainRecord, Flip,
    Found, Hold, Job, JobKind, Lease, MoveRecord, PlatformRecord, Route, Routed, SendingLock, SubmissionLimits,
    SubmissionVerdict,
};
pub use error::{Error, Result};
pub use queue::{
    BATCH_RECIPIENTS, DestinationStats, NewQueued, NewQueuedRecipient, QueueClaim, QueueEntry, QueueFilter, QueueId,
    QueueSelection, QueueStats, QueuedMessage, QueuedRecipient, Settled,
};
pub use store::Store;
