//! Sieve scripts: compiled, run over a message; ManageSieve.
//!
//! Delivery calls [`compile`] and [`run`], which only say what is to be done with a message and change nothing; the
//! ManageSieve server calls [`check`]. `sieve-rs` evaluates the scripts. It accepts more than the language and differs
//! from the RFCs in places, so that every script is first read by `syntax`, which is strict and knows where an
//! error stands. Both functions block: call them on the blocking pool. A script can neither panic nor stall its caller.

mod action;
mod engine;
mod error;
mod host;
mod limits;
mod message;

pub use action::{Action, Remember};
pub use engine::{Compiled, check, compile, run};
pub use error::{HostError, RunError, ScriptError, Warning};
pub use host::{Host, Location};
pub use limits::Limits;
pub use message::{Message, WHOLE};
