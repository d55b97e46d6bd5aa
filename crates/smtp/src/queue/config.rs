//! What the runner has to know.

use std::net::IpAddr;
use std::time::Duration;

use sterna_net::Trust;

use crate::client::{Credentials, Route, Timeouts};

/// The settings of the runner; the configuration file fills them. The server's name is delivery's.
#[derive(Clone, Debug)]
pub struct QueueConfig {
    /// When to try again after the first failure, the second, and so on; the last one repeats. Not empty.
    pub retry: Vec<Duration>,
    /// Age at which the sender is told that a message is late.
    pub delay_after: Duration,
    /// Where everything goes that is not ours, instead of to the domains' own servers.
    pub relay: Option<Route>,
    /// For the relay.
    pub credentials: Option<Credentials>,
    /// Whether IPv6 addresses are tried.
    pub ipv6: bool,
    /// Messages on their way to one destination at once, at least 1.
    pub per_destination: usize,
    /// Messages on their way at once, at least 1. Each is a connection and up to 1 MiB of memory.
    pub connections: usize,
    /// The port of mail exchangers: 25.
    pub port: u16,
    /// Whether exchangers at loopback and private addresses are spoken to, this machine's own among them: only in tests
    /// and closed networks, for anybody can publish such addresses.
    pub allow_private: bool,
    /// Addresses under which the world reaches this server and that no interface has (NAT): mail is never sent there.
    /// Those of the interfaces need not be told.
    pub own_addresses: Vec<IpAddr>,
    /// Whose certificates are taken from exchangers where a message requires verified TLS (REQUIRETLS).
    pub trust: Trust,
    /// How long a node that fell silent keeps its claims.
    pub term: Duration,
    /// How long a destination rests whose servers cannot be reached: the first time, and at most (it doubles).
    pub rest: (Duration, Duration),
    /// How long a connection without work is kept for the next message.
    pub warm: Duration,
    /// How long transfers may go on when the server stops.
    pub grace: Duration,
    /// How often the store is asked for what other nodes have queued.
    pub poll: Duration,
    /// Of the connections.
    pub timeouts: Timeouts,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        QueueConfig {
            retry: [5, 15, 30, 60, 120, 240].map(minutes).to_vec(),
            delay_after: minutes(240),
            relay: None,
            credentials: None,
            ipv6: true,
            per_destination: 20,
            connections: 200,
            port: 25,
            allow_private: false,
            own_addresses: Vec::new(),
            trust: Trust::System,
            term: minutes(1),
            rest: (minutes(1), minutes(30)),
            warm: Duration::from_secs(5),
            grace: Duration::from_secs(30),
            poll: Duration::from_secs(15),
            timeouts: Timeouts::default(),
        }
    }
}
