//! What stops a move, in one sentence that says what and where, and whether trying again can help.
//!
//! The mover writes these sentences into the move's record; the command line and the receipt show them.

use std::path::PathBuf;
use std::time::Duration;

use sterna_core::AccountId;
use sterna_frontdoor::HoldError;
use sterna_imap::client::{self, Retry};

/// An error of a move, an import or an export.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source cannot be reached, refuses, throttles or breaks off.
    #[error("{0}")]
    Source(#[from] client::Error),
    /// The same of its POP3 side.
    #[error("{0}")]
    Pop3(#[from] sterna_pop3::client::Error),
    /// The source answers in a way that nothing may be concluded from.
    #[error("{0}")]
    Doubtful(String),
    /// The account could not be held, or not for long enough.
    #[error("{0}")]
    Hold(#[from] HoldError),
    /// The sides were not equal under the hold.
    #[error("{0}")]
    Unequal(String),
    /// The store cannot take what is given to it.
    #[error("{0}")]
    Store(#[from] sterna_store::Error),
    /// A file of an import or export.
    #[error("cannot {what} {}: {reason}", path.display())]
    File {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        reason: std::io::Error,
    },
    /// What the caller asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// No move of the account is known.
    #[error("no move of account {0} is planned; start one first")]
    NoMove(AccountId),
    /// The account's move runs already, in this process or on another node.
    #[error("the move of account {0} is running already")]
    Running(AccountId),
    /// Stopped by its [`crate::Cancel`]; the next run goes on where this one stopped.
    #[error("stopped; the next run goes on from here")]
    Cancelled,
    /// The record of a move, or a receipt, cannot be read.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// Of what.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How long to wait for a disk to be given space before the next attempt.
const DISK_FULL_WAIT: Duration = Duration::from_secs(60);

impl Error {
    /// Whether trying again can help, and when.
    pub fn retry(&self) -> Retry {
        match self {
            Error::Source(e) => e.retry(),
            Error::Pop3(e) => match e.retry() {
                sterna_pop3::client::Retry::Now => Retry::Now,
                sterna_pop3::client::Retry::After(wait) => Retry::After(wait),
                sterna_pop3::client::Retry::Never => Retry::Never,
            },
            Error::Doubtful(_) | Error::Unequal(_) => Retry::Now,
            Error::Hold(HoldError::Deadline(_) | HoldError::Taken) => Retry::Now,
            Error::Store(sterna_store::Error::DiskFull) => Retry::After(DISK_FULL_WAIT),
            // No such mailbox: its user has removed it meanwhile, and the next pass knows.
            Error::Store(sterna_store::Error::Unavailable(_) | sterna_store::Error::NoSuchMailbox(_)) => Retry::Now,
            _ => Retry::Never,
        }
    }

    /// Our own store cannot be reached or is full. Such an error says nothing about the move, and is waited out.
    pub(crate) fn is_of_our_store(&self) -> bool {
        matches!(self, Error::Store(sterna_store::Error::DiskFull | sterna_store::Error::Unavailable(_)))
    }

    /// Another node has taken the move over, or it was planned anew.
    pub(crate) fn is_lost_lease(&self) -> bool {
        matches!(self, Error::Store(sterna_store::Error::LeaseLost))
    }

    pub(crate) fn file(what: &'static str, path: &std::path::Path, reason: std::io::Error) -> Error {
        Error::File { what, path: path.to_owned(), reason }
    }

    pub(crate) fn join(error: tokio::task::JoinError) -> Error {
        Error::Store(sterna_store::Error::Internal(error.to_string()))
    }
}
