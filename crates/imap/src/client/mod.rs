//! The IMAP client: reads another server for the mover, and later talks to it for the front door.
//!
//! [`open`] gives a logged-in [`Connection`]; its methods are the commands. Commands are pipelined, bodies are slices of
//! the read buffer or streams, memory is bounded, every wait is timed. It never logs a password or a body.
//!
//! ```no_run
//! # use sterna_imap::client::*;
//! # use sterna_imap::codec::mailbox::MailboxName;
//! # async fn example(endpoint: Endpoint, credentials: Credentials) -> Result<(), Error> {
//! let mut connection = open(&endpoint, &credentials).await?;
//! connection.select(&MailboxName::inbox(), true, None).await?;
//! let uids = connection.uid_search("ALL").await?;
//! let mut bodies = connection.bodies()?;
//! bodies.request(uids);
//! while let Some(event) = bodies.next().await? {
//!     if let BodyEvent::Message(message) = event {
//!         println!("{:?}", message.uid);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod append;
mod auth;
mod backoff;
mod bodies;
mod change;
mod check;
mod command;
mod connect;
mod connection;
mod endpoint;
mod error;
mod event;
mod fetch;
mod folders;
mod idle;
mod output;
pub mod platform;
mod resume;
mod run;
mod select;
mod session;
mod stream;
#[cfg(test)]
mod tests;

pub use crate::codec::response_parser::Capabilities;
pub use append::{Appended, NewMessage};
pub use auth::Credentials;
pub use backoff::{Backoff, Retry};
pub use bodies::{Bodies, BodyEvent};
pub use change::{CopyUid, StoreMode};
pub use check::PlatformChecker;
pub use command::{Command, RANGES_MAX, pieces};
pub use connect::connect;
pub use connection::Connection;
pub use endpoint::{Endpoint, Timeouts};
pub use error::{CertificateProblem, Error, ErrorKind};
pub use event::{Event, Tag};
pub use folders::Folder;
pub use idle::{Idle, LONGEST as IDLE_LONGEST};
pub use resume::{open, reopen};
pub use select::{Known, Selected};
pub use sterna_net::Tls;
pub use stream::{Stream, Transport};
