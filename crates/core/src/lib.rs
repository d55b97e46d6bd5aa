//! The ground floor of Sterna: identifiers, flags, dates and small text rules that every other room shares.
//!
//! Nothing here reads a socket, a file or the wall clock; the one exception is [`SystemClock`], which exists so that
//! nobody else has to ask the operating system for the time.

mod address;
mod date;
mod flags;
mod ids;
mod role;
mod size;
mod time;

pub use address::{Address, AddressError};
pub use date::{CivilDate, DateTime, InvalidDate};
pub use flags::{Flag, Flags, KEYWORD_MAX, Keyword, SystemFlags};
pub use ids::{AccountId, BlobHash, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid, UidValidity};
pub use role::Role;
pub use size::{InvalidSize, format_bytes, parse_bytes};
pub use time::{Clock, ManualClock, SystemClock};
