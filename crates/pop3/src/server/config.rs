//! What the operator decides about the POP3 server. Made once by the binary, shared by all connections.

use std::sync::Arc;
use std::time::Duration;

use sterna_net::PlaintextPolicy;

/// Settings of the POP3 server.
#[derive(Clone)]
pub struct ServerConfig {
    /// The name in the greeting.
    pub hostname: String,
    /// Certificate and key; `None`: neither STLS nor implicit TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Passwords without TLS.
    pub plaintext: PlaintextPolicy,
    /// A client that has logged in and says nothing for so long is cut off without its deletions; RFC 1939 §3 asks for
    /// 10 minutes at least.
    pub idle_timeout: Duration,
    /// The time from the connection to the end of the login, the handshake of TLS included.
    pub login_timeout: Duration,
    /// A client that takes nothing for so long is cut off.
    pub write_timeout: Duration,
    /// Sessions of one account on this node at the same time; further ones are told `[IN-USE]` (RFC 2449 §8.1.1).
    pub sessions_per_account: usize,
}

impl ServerConfig {
    /// Safe settings.
    pub fn new(hostname: &str) -> ServerConfig {
        ServerConfig {
            hostname: hostname.to_owned(),
            tls: None,
            plaintext: PlaintextPolicy::default(),
            idle_timeout: Duration::from_secs(10 * 60),
            login_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(5 * 60),
            sessions_per_account: 16,
        }
    }
}
