//! What the servers of all line protocols share: the connection, TLS on both sides, logins and their limits.
//!
//! IMAP, POP3, SMTP and ManageSieve stand on it. It knows none of their words.

mod login;
mod policy;
mod relay;
mod sasl;
mod server_url;
mod stream;
mod tcp;
mod throttle;
mod tls;
mod wire;

pub use login::{Login, LoginRefused};
pub use policy::{PlaintextPolicy, PortTls};
pub use relay::{Passing, RelayTimes, Relayed, relay};
pub use sasl::{Plain, plain};
pub use server_url::{ServerUrl, ServerUrlError};
pub use stream::ClientStream;
pub use tcp::{TcpError, Tls, tcp_connect};
pub use throttle::Throttle;
pub use tls::{CertificateProblem, TlsError, Trust, tls_connect};
pub use wire::{FULL as WIRE_FULL, Wire};
