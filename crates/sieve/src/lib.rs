//! Sieve scripts: compiled, run over a message; ManageSieve.
//!
//! Delivery calls [`compile`] and [`run`], which only say what is to be done with a message and change nothing; the
//! ManageSieve server calls [`check`]. `sieve-rs` evaluates the scripts. It accepts more than the language and differs
//! from the RFCs in places, so that every script is first read by `syntax`, which is strict and knows where an
//! error stands. Both functions block: call them on the blocking pool. A script can neither panic nor stall its caller.
//!
//! Where the evaluator still differs from the RFCs:
//!
//! - `i;ascii-casemap` folds all letters, not only those of ASCII (RFC 4790 §9.2).
//! - `i;ascii-numeric` reads a whole value as a number, with a fraction and a sign; a header field that is none counts
//!   as 0, not as infinite, and digits before other characters are not read (RFC 4790 §9.1).
//! - A match variable that an inner block's `:matches` has set is empty behind that block (RFC 5229 §3.2).
//! - `body :content` and `:text` see the first 4 MiB of a message ([`WHOLE`]); parts are not joined (RFC 5173 §5).
//! - `currentdate` asks the system's clock, in UTC if no zone is given.

mod action;
mod engine;
mod error;
mod header;
mod host;
mod letter;
mod limits;
mod message;
mod notify;
pub mod server;
mod syntax;
mod vacation;

pub use action::{Action, Remember};
pub use engine::{Compiled, check, compile, run};
pub use error::{HostError, RunError, ScriptError, Warning};
pub use host::{Host, Location};
pub use limits::Limits;
pub use message::{Message, WHOLE};

/// The extensions that scripts may require, as ManageSieve announces them (RFC 5804 §1.7 SIEVE).
pub fn extensions() -> impl Iterator<Item = &'static str> {
    syntax::capability::announced()
}

/// The methods of `notify` (RFC 5804 §1.7 NOTIFY).
pub const NOTIFY_METHODS: &str = "mailto";

#[cfg(test)]
mod tests;
