//! Where a server is and how to reach it: what an administrator configures for a platform.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sterna_net::Tls;

/// How long to wait; each applies to one wait, not to a whole transfer.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For name resolution, TCP connection, TLS handshake and greeting: each.
    pub connect: Duration,
    /// Without a byte in either direction while an answer is due. A server that indexes a large mailbox takes long.
    pub response: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Duration::from_secs(30), response: Duration::from_secs(300) }
    }
}

/// One IMAP server.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host name or address; the certificate must be issued for it.
    pub host: String,
    /// 143 or 993 as a rule.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// A PEM file of the authorities to trust, instead of those of the operating system.
    pub ca: Option<PathBuf>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Endpoint {
    /// With the operating system's authorities and default timeouts.
    pub fn new(host: impl Into<String>, port: u16, tls: Tls) -> Endpoint {
        Endpoint { host: host.into(), port, tls, ca: None, timeouts: Timeouts::default() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls == Tls::Implicit { "imaps" } else { "imap" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}
