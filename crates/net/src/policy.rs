//! How a port begins, and when it takes passwords.

use std::net::SocketAddr;

/// How a port begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortTls {
    /// In the clear; STARTTLS is offered if there is a certificate.
    Plain,
    /// With TLS at once (RFC 8314).
    Implicit,
}

/// When a password is taken on a connection without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlaintextPolicy {
    /// Never: the client must start TLS first.
    Never,
    /// Only where both ends are on this machine.
    #[default]
    Loopback,
    /// Always.
    Always,
}

impl PlaintextPolicy {
    /// Whether a password may come from `peer` over a connection without TLS.
    pub fn allows(self, peer: SocketAddr) -> bool {
        match self {
            PlaintextPolicy::Never => false,
            PlaintextPolicy::Loopback => peer.ip().to_canonical().is_loopback(),
            PlaintextPolicy::Always => true,
        }
    }
}
