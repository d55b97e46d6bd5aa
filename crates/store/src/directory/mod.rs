//! The directory: domains, accounts, credentials, moves. One database beside the accounts'.

mod accounts;
mod domains;
mod lease;
mod moves;
mod password;
mod setting;

pub use accounts::{AccountRecord, AccountStatus};
pub use lease::{Job, JobKind, Lease};
pub use moves::MoveRecord;
pub(crate) use password::{PasswordCache, hash_password};
