//! Where a server is and how to reach it.

use std::fmt;
use std::time::Duration;

use sterna_net::{Tls, Trust};

/// How long to wait; each applies to one wait, not to a whole transfer.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For name resolution, TCP connection, TLS handshake and greeting: each.
    pub connect: Duration,
    /// Without a byte while an answer is due. A server that reads a large mailbox at login takes long.
    pub response: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Duration::from_secs(30), response: Duration::from_secs(180) }
    }
}

/// One POP3 server.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host name or address; the certificate must be issued for it.
    pub host: String,
    /// 110 or 995 as a rule.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// Whose certificates are taken.
    pub trust: Trust,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Endpoint {
    /// With the operating system's authorities and default timeouts.
    pub fn new(host: impl Into<String>, port: u16, tls: Tls) -> Endpoint {
        Endpoint { host: host.into(), port, tls, trust: Trust::System, timeouts: Timeouts::default() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls == Tls::Implicit { "pop3s" } else { "pop3" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}
