//! The POP3 client: reads another server for the mover, whatever that server can and cannot do.
//!
//! [`open`] gives a logged-in [`Connection`]. Commands go out ahead where the server allows it (PIPELINING), messages
//! come as streams, memory is bounded, every wait is timed. It deletes nothing, and never logs a password or a body.
//!
//! ```no_run
//! # use sterna_pop3::client::*;
//! # async fn example(endpoint: Endpoint, credentials: Credentials) -> Result<(), Error> {
//! let mut connection = open(&endpoint, &credentials).await?;
//! for (number, size) in connection.list().await? {
//!     println!("{number}: {size} octets");
//! }
//! let mut fetch = connection.fetch(vec![1, 2], Part::Top(0))?;
//! while let Some(event) = fetch.next().await? {
//!     if let FetchEvent::Chunk(bytes) = event {
//!         println!("{} bytes of a header", bytes.len());
//!     }
//! }
//! connection.quit().await
//! # }
//! ```

mod auth;
mod capability;
mod connect;
mod connection;
mod endpoint;
mod error;
mod fetch;
mod listing;
pub(crate) mod platform;
#[cfg(test)]
mod tests;

pub use auth::Credentials;
pub use capability::Capabilities;
pub(crate) use connect::enter;
pub use connect::open;
pub use connection::Connection;
pub use endpoint::{Endpoint, Timeouts};
pub use error::{Error, ErrorKind, Retry};
pub use fetch::{Fetch, FetchEvent, Part};
pub use sterna_net::Tls;
