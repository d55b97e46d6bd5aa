//! What is known about the host at the other end: its name, and what blocklists say of it. Asked while it waits for the
//! greeting, so that nobody waits twice.

use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Service;
use crate::dns::{Resolver, Reverse};

/// How long a name or a blocklist is waited for, behind the greeting.
const PATIENCE: Duration = Duration::from_secs(5);

/// The other end.
pub(super) struct Peer {
    pub ip: IpAddr,
    /// Is on this machine, and this machine is trusted.
    pub trusted: bool,
    lookup: Option<JoinHandle<Found>>,
    found: Found,
}

#[derive(Clone, Debug, Default)]
struct Found {
    name: Option<String>,
    /// The text of the refusal.
    listed: Option<String>,
}

impl Peer {
    /// Of whom nothing is known yet.
    pub fn new(service: &Service, ip: IpAddr) -> Peer {
        let trusted = service.config.trust_loopback && ip.to_canonical().is_loopback();
        Peer { ip, trusted, lookup: None, found: Found::default() }
    }

    /// Begins to ask, unless the peer is trusted.
    pub fn ask(&mut self, service: &Service) {
        if self.trusted {
            return;
        }
        let (resolver, zones, ip) = (service.auth.resolver().clone(), service.config.dnsbl.clone(), self.ip);
        self.lookup = Some(tokio::spawn(async move {
            let (name, listed) = tokio::join!(resolver.reverse(ip), listed(&resolver, &zones, ip));
            let name = match name {
                Reverse::Confirmed(name) => Some(name),
                _ => None,
            };
            Found { name, listed }
        }));
    }

    async fn found(&mut self) -> &Found {
        if let Some(mut lookup) = self.lookup.take() {
            match timeout(PATIENCE, &mut lookup).await {
                Ok(found) => self.found = found.unwrap_or_default(),
                Err(_) => lookup.abort(),
            }
        }
        &self.found
    }

    /// Its name, if the DNS confirms it.
    pub async fn name(&mut self) -> Option<String> {
        self.found().await.name.clone()
    }

    /// Why a blocklist refuses it.
    pub async fn listed(&mut self) -> Option<String> {
        self.found().await.listed.clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(lookup) = &self.lookup {
            lookup.abort();
        }
    }
}

/// The first list that names the address. A list that does not answer refuses nobody.
async fn listed(resolver: &Resolver, zones: &[String], ip: IpAddr) -> Option<String> {
    for zone in zones {
        if let Some(listing) = resolver.dnsbl(zone, ip).await.found() {
            let reason = listing.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            return Some(format!("{ip} is listed by {zone}{reason}"));
        }
    }
    None
}
