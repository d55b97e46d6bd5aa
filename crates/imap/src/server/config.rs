//! What the operator decides about the IMAP server. Made once by the binary, shared by all connections.

use std::sync::Arc;
use std::time::Duration;

use sterna_net::PlaintextPolicy;

use crate::codec::framing::Limits;

/// Settings of the IMAP server.
#[derive(Clone)]
pub struct ServerConfig {
    /// The name in the greeting.
    pub hostname: String,
    /// Certificate and key; `None`: neither STARTTLS nor implicit TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Passwords without TLS.
    pub plaintext: PlaintextPolicy,
    /// The largest message that APPEND takes, bytes (RFC 7889).
    pub append_limit: u64,
    /// What a client that has logged in may make the server hold.
    pub limits: Limits,
    /// The same before it has logged in.
    pub limits_before_login: Limits,
    /// A client that says nothing for so long is logged out; RFC 9051 §5.4 asks for 30 minutes at least.
    pub idle_timeout: Duration,
    /// The time to log in.
    pub login_timeout: Duration,
    /// A client that takes nothing for so long is cut off.
    pub write_timeout: Duration,
}

impl ServerConfig {
    /// Safe settings.
    pub fn new(hostname: &str) -> ServerConfig {
        ServerConfig {
            hostname: hostname.to_owned(),
            tls: None,
            plaintext: PlaintextPolicy::default(),
            append_limit: 2 << 30,
            limits: Limits::default(),
            limits_before_login: Limits { line: 8_192, literal: 4_096, command: 16_384 },
            idle_timeout: Duration::from_secs(30 * 60),
            login_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(5 * 60),
        }
    }
}
