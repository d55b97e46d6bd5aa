//! The front door: whose login it is, on which platform the mailbox lies, and the holds under which it moves.
//!
//! Every protocol asks its one [`Door`] who comes in. [`Entry::Local`] is served here; [`Entry::Remote`] is a [`Guest`] whose
//! session the protocol's own room relays to the guest's [`Platform`], with the credentials that the platform wants. Both carry
//! a [`Stay`]: the session's line in the list of who must wait when the account's route changes. The mover takes a [`Held`],
//! asks for rounds, flips the route in the store, and lets go. What is said in a protocol is not known here.

mod credentials;
mod door;
mod floor;
mod held;
mod keeper;
mod platform;
mod proofs;
pub mod step;
#[cfg(test)]
mod tests;

pub use credentials::Identity;
pub use door::{Checked, Checker, Door, Entry, Guest, Refused};
pub use floor::{Ask, Kind, Signal, Stay};
pub use held::{Held, HoldError, HoldTimes};
pub use platform::{Platform, PlatformError, PlatformLogin, Settings, UserForm};
