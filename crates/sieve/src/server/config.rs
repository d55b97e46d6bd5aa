//! What the operator decides about the ManageSieve server. Made once by the binary, shared by all connections.

use std::sync::Arc;
use std::time::Duration;

use sterna_net::PlaintextPolicy;

use crate::Limits;

/// Settings of the ManageSieve server.
#[derive(Clone)]
pub struct ServerConfig {
    /// The name in the greeting.
    pub hostname: String,
    /// Certificate and key; `None`: neither STARTTLS nor implicit TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Passwords without TLS.
    pub plaintext: PlaintextPolicy,
    /// What a script may be and do: its `script` is the longest that is taken, bytes.
    pub limits: Limits,
    /// Scripts of one account.
    pub max_scripts: usize,
    /// A client that says nothing for so long is logged out; RFC 5804 §1.2 asks for 30 minutes at least.
    pub idle_timeout: Duration,
    /// The time from the greeting to the login.
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
            limits: Limits::default(),
            max_scripts: 50,
            idle_timeout: Duration::from_secs(30 * 60),
            login_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
        }
    }
}
