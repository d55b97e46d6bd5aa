//! What a running script may ask about the account it runs for. Delivery implements it over the account's transaction.

use sterna_core::Role;

use crate::{Compiled, HostError};

/// Where an included script lies (RFC 6609 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// Among the user's own.
    Personal,
    /// Among the provider's.
    Global,
}

/// The script's view of its account. Calls may block; an error ends the run as [`crate::RunError::Host`].
pub trait Host {
    /// RFC 5490 §3.1: there is such a mailbox, and mail can be filed there. `name` is UTF-8.
    fn mailbox_exists(&self, name: &str) -> Result<bool, HostError>;

    /// RFC 8579 §3: a mailbox has the role; with `mailbox`: that one has it.
    fn special_use_exists(&self, mailbox: Option<&str>, role: Role) -> Result<bool, HostError>;

    /// Whether it is remembered and has not run out; [`crate::Remember`] says what kinds and keys there are.
    fn remembered(&self, kind: &str, key: &[u8]) -> Result<bool, HostError>;

    /// A script to be included. `None`: there is none.
    fn include(&self, location: Location, name: &str) -> Result<Option<Compiled>, HostError>;
}
