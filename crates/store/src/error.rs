//! What can go wrong in the store, in the words of the caller's field rather than the engine's.

use sterna_core::MailboxId;

/// A store error. Cloneable, because one failed commit answers every write that shared it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No space left where the store lives. Nothing of the transaction was kept; trying again later is right.
    #[error("the disk that holds the store is full; free some space and try again")]
    DiskFull,
    /// The engine reported a fault; the transaction was rolled back.
    #[error("database error: {0}")]
    Database(String),
    /// The database or the object storage cannot be reached, or is too busy. Nothing was acknowledged; trying again
    /// later is right. Protocols answer with their temporary refusal.
    #[error("the store cannot be reached for the moment ({0}); try again later")]
    Unavailable(String),
    /// Another node has taken this work over; what this one still held of it is not written.
    #[error("another node has taken this work over")]
    LeaseLost,
    /// The hold of an account has ended, or its time has passed: its route must not change under it any more.
    #[error("the hold is over")]
    HoldOver,
    /// A file beside the database could not be read or written.
    #[error("{0}")]
    Io(String),
    /// Stored data breaks an invariant. `sterna check` tells more.
    #[error("stored data is damaged: {0}; run \"sterna check\"")]
    Corrupt(String),
    /// The store was written by a newer version of Sterna.
    #[error("{path} has schema version {found}, this program knows up to {known}; install a newer Sterna")]
    NewerSchema {
        /// The database file.
        path: String,
        /// Version found in it.
        found: i64,
        /// Newest version this program can read.
        known: i64,
    },
    /// Another process has the store open.
    #[error("{0} is in use by another Sterna process; stop it, or use its admin socket")]
    Locked(String),
    /// No such mailbox (it may have been deleted meanwhile).
    #[error("mailbox {0} does not exist")]
    NoSuchMailbox(MailboxId),
    /// A mailbox of that name exists at that place.
    #[error("a mailbox named \"{0}\" exists already")]
    MailboxExists(String),
    /// The mailbox may not be renamed, deleted or given that parent.
    #[error("{0}")]
    NotPermitted(String),
    /// The account's quota would be exceeded.
    #[error("the mailbox is full: {used} of {limit} bytes are in use and {wanted} more were asked for")]
    OverQuota {
        /// Bytes in use.
        used: u64,
        /// The limit, bytes.
        limit: u64,
        /// Bytes that the operation would have added.
        wanted: u64,
    },
    /// UIDs of this mailbox are used up, or an import names a UID that is taken.
    #[error("UID {uid} is not free in mailbox {mailbox}")]
    UidTaken {
        /// Where.
        mailbox: MailboxId,
        /// Which; 2³² stands for "no UID left".
        uid: u64,
    },
    /// The directory has no such entry.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The directory has such an entry already.
    #[error("{0} exists already")]
    Exists(String),
    /// A value that the caller gave is out of its range.
    #[error("{0}")]
    Invalid(String),
    /// The store is shutting down, or a transaction closure panicked.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The store's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Error {
        match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Error::DiskFull,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Error::Corrupt(e.to_string())
            }
            _ => Error::Database(e.to_string()),
        }
    }
}

impl Error {
    /// Wraps an I/O error with what was being done to which file.
    pub(crate) fn io(what: &str, path: &std::path::Path, e: &std::io::Error) -> Error {
        match e.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Error::DiskFull,
            _ => Error::Io(format!("cannot {what} {}: {e}", path.display())),
        }
    }
}
