//! The directory: domains, accounts, aliases, credentials, moves, limits and keys of outgoing mail. One database beside the
//! accounts'.

mod accounts;
mod aliases;
mod dkim;
mod domains;
mod holds;
mod lease;
mod lookup;
mod moves;
mod password;
mod platforms;
mod routes;
mod setting;
mod submission;

use sterna_core::Address;

pub use accounts::{AccountRecord, AccountStatus, SendingLock};
pub use aliases::AliasRecord;
pub use dkim::{DkimAlgorithm, DkimKey, DkimState};
pub use domains::{DomainChange, DomainRecord};
pub use holds::Hold;
pub use lease::{Job, JobKind, Lease};
pub use lookup::Found;
pub use moves::MoveRecord;
pub(crate) use password::{PasswordCache, hash_password};
pub use platforms::PlatformRecord;
pub use routes::{Flip, Route, Routed};
pub use submission::{SubmissionLimits, SubmissionVerdict};

use crate::db::Row;
use crate::error::{Error, Result};

/// An address as the directory has it.
fn stored_address(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|e| Error::Corrupt(e.to_string()))
}

/// A limit of messages; one that is too large to be read is none that anybody reaches.
fn stored_limit(r: &Row<'_>, column: usize) -> Result<Option<u32>> {
    Ok(r.opt_int(column)?.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
}
