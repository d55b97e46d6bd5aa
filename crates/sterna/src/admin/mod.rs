//! What an administrator can ask for: one value for each request, one handler for all of them.
//!
//! The handler runs in the server when one is running, reached through its local socket, and in the command's own process
//! when none is. So every command does the same in both cases, and only one process ever has the store open.

mod accounts;
mod aliases;
mod answer;
mod checks;
mod client;
mod cutovers;
mod dkim;
mod domains;
mod files;
mod handler;
mod jobs;
mod moves;
mod places;
mod platform;
mod platforms;
mod queue;
mod request;
mod sieve;
mod socket;

use std::time::Duration;

pub use aliases::AliasInfo;
pub use answer::{AccountInfo, Answer, CheckInfo, DomainInfo, Event, FilesInfo, MoveInfo, ProgressInfo};
pub use client::ask;
pub use cutovers::CutoverRequest;
pub use dkim::{DkimInfo, DkimRequest};
pub use platform::Platform;
pub use platforms::{LoginWay, PlatformChange, PlatformInfo, PlatformRequest, PlatformServer};
pub use queue::{QueueAction, QueueChanged, QueueRequest, QueueStatsInfo, QueueWhich, QueuedInfo};
pub use request::{AccountChange, DomainChange, FileFormat, FilesRequest, Hidden, MoveStart, Request};
pub use sieve::{SievePut, SieveRequest, SieveScriptInfo};
pub use socket::AdminSocket;

/// The socket's file name in the data directory.
const SOCKET: &str = "admin.sock";

/// How long a store may be locked by a process that does not answer: a server that is starting, a command at its end.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Time between two tries.
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// The longest request or answer on the socket, bytes. Receipts of large mailboxes are long.
const LINE_MAX: usize = 64 << 20;
