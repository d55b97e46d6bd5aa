//! Support for the black-box suites: real peers, a real Sterna, and a wire-level client that shares no code with either.
//!
//! Used by the suites in the folders beside this one and by the runners of `bench/`. Everything here fails by panicking
//! with a sentence that says what to do: in a test or a measurement a missing peer is a failure, never a skip.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a support call that cannot do its work is a failed test; there is nobody else to hand the error to"
)]

pub mod backend;
mod cyrus;
pub mod dns;
mod dovecot;
mod guard;
mod janitor;
mod leftovers;
pub mod live;
mod maildir;
pub mod malformed;
mod mbsync;
mod memory;
mod mutt;
mod offlineimap;
pub mod peer;
pub mod pop3_clients;
mod ports;
mod postfix;
mod postgres;
mod process;
mod python;
mod s3;
mod snapshot;
mod sterna;
mod tap;
mod thunderbird;
pub mod wire;

pub use cyrus::{Cyrus, CyrusOptions};
pub use dovecot::{Certificate, Dovecot, DovecotOptions, Storage, User};
pub use live::LiveClient;
pub use maildir::MaildirTree;
pub use mbsync::{Mbsync, MbsyncOptions, MbsyncReport};
pub use memory::{Memory, tree_memory};
pub use mutt::{Mutt, MuttReport};
pub use offlineimap::{OfflineImap, OfflineImapReport};
pub use ports::Port;
pub use postfix::{Postfix, PostfixOptions};
pub use postgres::{PostgresOptions, PostgresServer, psql};
pub use process::{Outcome, Process, run};
pub use python::{imaplib, python};
pub use s3::{S3Place, S3Server};
pub use snapshot::{Folder, Ignore, Mailboxes, Message, snapshot};
pub use sterna::{SternaConfig, SternaServer, sterna_binary};
pub use tap::{Fault, Tap};
pub use thunderbird::{Kept, Thunderbird, ThunderbirdReport};
pub use wire::{ImapWire, LineWire, SmtpReply};
