//! The move of a mailbox: an IMAP source is copied into an account with every identity kept, then followed.
//!
//! [`Mover::start`] plans a move, [`Mover::run`] drives it: seeding first, then passes that carry over what changed.
//! A server lets [`Mover::serve`] run all moves that no other node runs; each run holds its move by a lease.
//! Everything it does is repeatable: a batch of messages and the folder's cursor commit together, so that a crash
//! neither loses nor repeats a message. [`Mover::receipt`] compares both sides message by message and signs the result.
//! Unique ids of POP3 come with INBOX, and a source that has nothing but POP3 is a source, too.
//! [`files`] imports and exports Maildir and mbox by the same road. Data goes one way: source → mover → store.
//!
//! ```no_run
//! # async fn f(store: sterna_store::Store, account: sterna_core::AccountId) -> sterna_migrate::Result<()> {
//! use sterna_migrate::{Cancel, MoveOptions, Mover, Progress, ReceiptOptions, Secret, SourceSpec};
//! let mover = Mover::new(store);
//! let source = SourceSpec::parse("imap://mail.example.org:143?tls=starttls", "anne@example.org")?;
//! mover.start(account, source, Secret::Password("…".into()), MoveOptions::default()).await?;
//! let (progress, watched) = tokio::sync::watch::channel(Progress::default());
//! mover.run(account, &Cancel::new(), progress).await?;
//! println!("{}", mover.receipt(account, &ReceiptOptions::default()).await?.markdown());
//! # drop(watched); Ok(()) }
//! ```

mod back;
mod cancel;
mod cursor;
mod cutover;
mod delta;
mod error;
pub mod files;
mod folders;
mod heartbeat;
mod mover;
mod pass;
mod patience;
mod pop3;
mod progress;
mod receipt;
mod record;
mod run;
mod serve;
mod session;
mod source;
#[cfg(test)]
mod tests;
mod transfer;

pub use cancel::Cancel;
pub use cutover::{BackSync, CarriedBack, Cutover, CutoverOptions, Flipped, FlippedFolder, Undone};
pub use error::{Error, Result};
pub use mover::{Mover, Status};
pub use pop3::audit::Pop3Comparison;
pub use progress::Progress;
pub use receipt::{Comparison, FolderComparison, Receipt, ReceiptException, ReceiptOptions, Verdict, verify};
pub use record::{Failure, MoveOptions, Record, State, Totals};
pub use source::{Pop3Source, Protocol, Secret, SourceSpec, SourceTls};
