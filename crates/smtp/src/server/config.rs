//! What the operator decides about taking mail in. Made once by the binary, shared by all connections.

use std::sync::Arc;
use std::time::Duration;

use sterna_net::PlaintextPolicy;

/// Settings of reception, submission and LMTP.
#[derive(Clone)]
pub struct ServerConfig {
    /// The name in greetings and trace fields: a host name that the DNS knows.
    pub hostname: String,
    /// Certificate and key; `None`: neither STARTTLS nor implicit TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Passwords without TLS (submission).
    pub plaintext: PlaintextPolicy,
    /// Bytes of one message, announced with SIZE (RFC 1870).
    pub max_size: u64,
    /// Recipients of one message; RFC 5321 §4.5.3.1.8 asks for 100 at least.
    pub max_recipients: usize,
    /// Messages of one connection; then the client must connect again.
    pub max_messages: u32,
    /// Commands of one connection that are none or stand in the wrong place.
    pub max_errors: u32,
    /// Recipients of one connection that are refused: beyond, somebody is trying addresses out.
    pub max_refused: u32,
    /// Connections at a time from one network (an IPv4 address, 64 bits of IPv6) to reception.
    pub connections_per_network: u32,
    /// The same to submission, where a whole office may share an address.
    pub submissions_per_network: u32,
    /// Messages that are being received at a time, over all connections: each holds at most
    /// [`sterna_delivery::IN_MEMORY`] and a little more.
    pub max_receiving: usize,
    /// How long the greeting of reception waits for a client that talks first, which no mail server does.
    pub greeting_delay: Duration,
    /// Peers on this machine do not wait for the greeting, are not counted by network, not looked up in blocklists and
    /// not greylisted.
    pub trust_loopback: bool,
    /// For a whole command line, and for the next bytes of a message (RFC 5321 §4.5.3.2.7 asks for 5 minutes).
    pub command_timeout: Duration,
    /// The time to log in, and for the handshake of TLS.
    pub login_timeout: Duration,
    /// A client that takes no replies for so long is cut off.
    pub write_timeout: Duration,
    /// A connection ends after this time, whatever it does.
    pub session_timeout: Duration,
    /// Bytes a second that a message must come with, on the average behind its first [`ServerConfig::command_timeout`].
    pub min_rate: u64,
    /// Blocklists in the DNS that decide about peers of reception (RFC 5782).
    pub dnsbl: Vec<String>,
    /// Unknown senders must try again after this time (RFC 6647); `None`: no greylisting. The memory of it is this
    /// node's own: of several nodes behind one name, each asks once.
    pub greylist: Option<Duration>,
    /// Messages of an account in an hour, where neither account nor domain say otherwise.
    pub hourly: u32,
    /// Whether a submitted message tells the recipients the address of the client in its Received field.
    pub show_client: bool,
}

impl ServerConfig {
    /// Safe settings.
    pub fn new(hostname: &str) -> ServerConfig {
        ServerConfig {
            hostname: hostname.to_owned(),
            tls: None,
            plaintext: PlaintextPolicy::default(),
            max_size: 50 << 20,
            max_recipients: 1_000,
            max_messages: 100,
            max_errors: 20,
            max_refused: 100,
            connections_per_network: 20,
            submissions_per_network: 100,
            max_receiving: 1_000,
            greeting_delay: Duration::from_millis(300),
            trust_loopback: true,
            command_timeout: Duration::from_secs(5 * 60),
            login_timeout: Duration::from_secs(2 * 60),
            write_timeout: Duration::from_secs(5 * 60),
            session_timeout: Duration::from_secs(2 * 60 * 60),
            min_rate: 1_024,
            dnsbl: Vec::new(),
            greylist: None,
            hourly: 200,
            show_client: false,
        }
    }
}
