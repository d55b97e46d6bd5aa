//! Against a name server on loopback, with Python's `dkim` as the other side.

mod arc;
mod dmarc;
mod hostile;
mod python;
mod rotation;
mod signing;
mod spf;
mod verifying;

use std::net::IpAddr;
use std::time::Duration;

use sterna_delivery::Body;
use sterna_store::{DkimAlgorithm, DkimKey};
use sterna_tests::dns::DnsServer;

use super::{AuthConfig, Authentication, Authenticator, dkim};
use crate::dns::{DnsConfig, Resolver};

/// An address that nobody's SPF permits unless a test says so.
const PEER: &str = "192.0.2.1";

/// A name server and a verifier that asks it.
struct Setup {
    dns: DnsServer,
    auth: Authenticator,
}

impl Setup {
    fn start() -> Setup {
        Setup::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut AuthConfig)) -> Setup {
        let dns = DnsServer::start();
        let servers = DnsConfig { servers: vec![dns.address()], timeout: Duration::from_millis(500) };
        let mut config = AuthConfig::new("mx.sterna.test");
        change(&mut config);
        Setup { auth: Authenticator::new(Resolver::new(&servers).unwrap(), config), dns }
    }

    async fn verify(&self, sender: &str, message: &[u8]) -> Authentication {
        self.verify_from(PEER, "client.test", sender, message).await
    }

    async fn verify_from(&self, peer: &str, helo: &str, sender: &str, message: &[u8]) -> Authentication {
        let peer: IpAddr = peer.parse().unwrap();
        self.auth.verify(peer, helo, sender, &Body::Memory(message.to_vec().into())).await
    }

    /// Publishes a new key.
    fn key(&self, domain: &str, selector: &str, algorithm: DkimAlgorithm) -> DkimKey {
        let key = dkim::generate(domain, selector, algorithm).unwrap();
        let (name, text) = dkim::record(&key);
        self.dns.set(&name, "TXT", 60, &text);
        key
    }
}

fn message(from: &str) -> Vec<u8> {
    format!("From: {from}\r\nTo: you@there.test\r\nSubject: Hello\r\n\r\nThe text.\r\n").into_bytes()
}

/// The lines of a folded field put together.
fn unfolded(header: &str) -> String {
    header.replace("\r\n\t", " ")
}
