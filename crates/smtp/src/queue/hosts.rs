//! Whom to call for a hop: a domain's exchangers in their order (RFC 5321 §5.1), or the one server of a relay or platform.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::str::FromStr as _;

use super::config::QueueConfig;
use super::schedule::random;
use crate::client::{Failure, Route, Security, Server};
use crate::dns::{Answer, Exchange, Exchanges, Resolver};

/// Addresses that one attempt calls at most.
const MAX_ADDRESSES: usize = 10;
/// Exchangers whose addresses are asked for.
const MAX_EXCHANGERS: usize = 10;
/// Addresses of one family of one exchanger.
const MAX_OF_FAMILY: usize = 2;

/// Whose servers are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    /// A domain's own; `verified`: only with TLS that proves their names.
    Domain { name: String, verified: bool },
    /// A server that we were told.
    Route { route: Route, relay: bool },
}

impl Hop {
    /// What connections are kept and rests counted by.
    pub fn key(&self) -> String {
        match self {
            Hop::Domain { name, verified: false } => format!("mx:{name}"),
            Hop::Domain { name, verified: true } => format!("mx+tls:{name}"),
            Hop::Route { route, relay: false } => route.to_string(),
            Hop::Route { route, relay: true } => format!("relay:{route}"),
        }
    }

    /// Whether all mail of a destination goes there. A platform has some of a domain's mailboxes.
    pub fn is_of_destination(&self) -> bool {
        !matches!(self, Hop::Route { relay: false, .. })
    }

    /// The addresses to call, the best first; never empty.
    pub async fn servers(
        &self,
        resolver: &Resolver,
        hostname: &str,
        config: &QueueConfig,
    ) -> Result<Vec<Server>, Failure> {
        match self {
            Hop::Route { route, relay } => told(route, *relay, config).await,
            Hop::Domain { name, verified } => {
                let mut servers = exchangers(name, resolver, hostname, config).await?;
                if *verified {
                    for server in &mut servers {
                        server.security = Security::StartTls;
                        server.trust = config.trust.clone();
                    }
                }
                Ok(servers)
            }
        }
    }
}

/// A relay or platform is resolved as the system does it, `/etc/hosts` included, and may be anywhere.
async fn told(route: &Route, relay: bool, config: &QueueConfig) -> Result<Vec<Server>, Failure> {
    let lookup = tokio::net::lookup_host((route.host.as_str(), route.port));
    let found = tokio::time::timeout(config.timeouts.connect, lookup).await;
    let away = |why: String| Failure::local("4.4.3", format!("the name {} cannot be resolved ({why})", route.host));
    let found = found.map_err(|_| away("no answer in time".to_owned()))?.map_err(|e| away(e.to_string()))?;
    let credentials = config.credentials.clone().filter(|_| relay);
    // A password is for a server that has proved its name.
    let security = match route.security {
        Security::Opportunistic if credentials.is_some() => Security::StartTls,
        other => other,
    };
    let servers: Vec<Server> = found
        .take(MAX_ADDRESSES)
        .map(|address| Server {
            name: route.host.clone(),
            address,
            protocol: route.protocol,
            security,
            trust: route.trust(),
            credentials: credentials.clone(),
        })
        .collect();
    if servers.is_empty() { Err(away("it has no address".to_owned())) } else { Ok(servers) }
}

async fn exchangers(
    domain: &str,
    resolver: &Resolver,
    hostname: &str,
    config: &QueueConfig,
) -> Result<Vec<Server>, Failure> {
    if let Some(literal) = domain.strip_prefix('[') {
        let address =
            literal_address(literal).ok_or_else(|| Failure::local("5.1.2", "not an address of the internet"))?;
        let addresses = vec![(domain.to_owned(), 0, vec![address])];
        return choose(addresses, false, hostname, config);
    }
    let mut exchanges = match resolver.mx(domain).await {
        Answer::Found(Exchanges::Hosts(hosts)) => hosts,
        // RFC 7505 §4.1.
        Answer::Found(Exchanges::Null) => return Err(Failure::local("5.1.10", format!("{domain} takes no mail"))),
        // RFC 5321 §5.1: the host of that name itself.
        Answer::NoData => vec![Exchange { preference: 0, host: domain.to_owned() }],
        Answer::NoSuchName => return Err(Failure::local("5.1.2", format!("the domain {domain} does not exist"))),
        Answer::Temporary(why) => {
            return Err(Failure::local("4.4.3", format!("the exchangers of {domain} cannot be found out ({why})")));
        }
    };
    shuffle_equals(&mut exchanges);
    exchanges.truncate(MAX_EXCHANGERS);
    let (mut found, mut away) = (Vec::new(), false);
    for Exchange { preference, host } in exchanges {
        match resolver.addresses(&host).await {
            Answer::Found(addresses) => found.push((host, preference, addresses)),
            Answer::Temporary(_) => away = true,
            Answer::NoData | Answer::NoSuchName => {}
        }
    }
    choose(found, away, hostname, config)
}

/// RFC 5321 §5.1: the load is spread over exchangers of equal preference.
fn shuffle_equals(exchanges: &mut [Exchange]) {
    for last in (1..exchanges.len()).rev() {
        exchanges.swap(last, random(last as i64 + 1) as usize);
    }
    exchanges.sort_by_key(|exchange| exchange.preference);
}

/// From exchangers with their addresses, in order, to what is called. `away`: there are others whose addresses could not be
/// found out.
fn choose(
    mut hosts: Vec<(String, u16, Vec<IpAddr>)>,
    away: bool,
    hostname: &str,
    config: &QueueConfig,
) -> Result<Vec<Server>, Failure> {
    if hosts.is_empty() && !away {
        return Err(Failure::local("5.4.4", "the domain has no server that takes mail"));
    }
    // RFC 5321 §5.1: nobody behind ourselves is called, for they would send it back.
    let own = hosts.iter().filter(|(host, _, addresses)| {
        host.eq_ignore_ascii_case(hostname) || addresses.iter().any(|address| is_own(*address, config))
    });
    if let Some(own) = own.map(|(_, preference, _)| *preference).min() {
        hosts.retain(|(_, preference, _)| *preference < own);
        if hosts.is_empty() && !away {
            let text = "the domain's mail is to come here, but this server does not know the domain";
            return Err(Failure::local("5.4.6", text));
        }
    }
    let mut servers = Vec::new();
    for (host, _, addresses) in &hosts {
        for six in [true, false] {
            let of_family = addresses.iter().filter(|address| address.is_ipv6() == six && (config.ipv6 || !six));
            let good = of_family.filter(|address| config.allow_private || is_public(**address));
            servers.extend(good.take(MAX_OF_FAMILY).map(|a| Server::exchanger(host, SocketAddr::new(*a, config.port))));
        }
    }
    servers.truncate(MAX_ADDRESSES);
    match servers.is_empty() {
        true if away => Err(Failure::local("4.4.3", "the addresses of the domain's servers cannot be found out")),
        true => Err(Failure::local("5.4.4", "the domain's servers have no address that can be reached from here")),
        false => Ok(servers),
    }
}

/// `198.51.100.1]` or `IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
fn literal_address(literal: &str) -> Option<IpAddr> {
    let literal = literal.strip_suffix(']')?;
    match literal.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")) {
        Some(_) => std::net::Ipv6Addr::from_str(literal.get(5..)?).ok().map(IpAddr::V6),
        None => std::net::Ipv4Addr::from_str(literal).ok().map(IpAddr::V4),
    }
}

/// Whether this machine answers there: one of its interfaces has the address, or the configuration says so.
fn is_own(address: IpAddr, config: &QueueConfig) -> bool {
    let address = address.to_canonical();
    config.own_addresses.iter().any(|own| own.to_canonical() == address)
        || !config.allow_private && !address.is_multicast() && UdpSocket::bind((address, 0)).is_ok()
}

/// Whether strangers may publish the address for their mail: nothing of this machine's or its network's own.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || a == 0
                || a >= 240
                // RFC 6598, RFC 2544.
                || a == 100 && b & 0xc0 == 64
                || a == 198 && b & 0xfe == 18)
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let embedded = match (first, v6.to_ipv4()) {
                // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address within.
                (0x64, _) if second == 0xff9b => Some(v6.octets().last_chunk::<4>().copied().unwrap_or_default()),
                (0x2002, _) => v6.octets().get(2..6).and_then(|o| <[u8; 4]>::try_from(o).ok()),
                (_, v4) => v4.map(|v4| v4.octets()),
            };
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || embedded.is_some_and(|v4| !is_public(IpAddr::from(v4))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> QueueConfig {
        QueueConfig { own_addresses: vec!["203.0.113.9".parse().unwrap()], ..QueueConfig::default() }
    }

    fn host(name: &str, preference: u16, addresses: &[&str]) -> (String, u16, Vec<IpAddr>) {
        (name.to_owned(), preference, addresses.iter().map(|a| a.parse().unwrap()).collect())
    }

    fn names(chosen: Result<Vec<Server>, Failure>) -> Vec<String> {
        chosen.unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn exchangers_are_called_in_order_and_ipv6_first() {
        let hosts = vec![
            host("a", 5, &["198.51.100.1", "2001:db8::1"]),
            host("b", 10, &["198.51.100.2", "198.51.100.3", "198.51.100.4"]),
        ];
        let called = names(choose(hosts.clone(), false, "me", &config()));
        assert_eq!(called, ["a[2001:db8::1]:25", "a[198.51.100.1]:25", "b[198.51.100.2]:25", "b[198.51.100.3]:25"]);
        let four = QueueConfig { ipv6: false, ..config() };
        assert_eq!(names(choose(hosts, false, "me", &four)).len(), 3);
    }

    #[test]
    fn nobody_behind_ourselves_is_called() {
        let hosts = |own: &str, address: &str| {
            vec![host("a", 5, &["198.51.100.1"]), host("b", 10, &["198.51.100.2"]), host(own, 10, &[address])]
        };
        for (own, address) in [("ME", "198.51.100.7"), ("c", "203.0.113.9"), ("c", "127.0.0.1")] {
            assert_eq!(names(choose(hosts(own, address), false, "me", &config())), ["a[198.51.100.1]:25"]);
        }
        let alone = choose(vec![host("me", 0, &["198.51.100.1"])], false, "me", &config());
        assert_eq!(alone.unwrap_err().status, "5.4.6");
    }

    #[test]
    fn private_addresses_are_nobodys_exchangers() {
        for bad in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:0a00:0001::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(bad.parse().unwrap()), "{bad}");
        }
        for good in ["198.51.100.1", "8.8.8.8", "2001:db8::1", "64:ff9b::808:808"] {
            assert!(is_public(good.parse().unwrap()), "{good}");
        }
        let hosts = vec![host("a", 0, &["10.9.8.7"])];
        assert_eq!(choose(hosts.clone(), false, "me", &config()).unwrap_err().status, "5.4.4");
        assert_eq!(choose(hosts.clone(), true, "me", &config()).unwrap_err().status, "4.4.3");
        let open = QueueConfig { allow_private: true, port: 2525, ..config() };
        assert_eq!(names(choose(hosts, false, "me", &open)), ["a[10.9.8.7]:2525"]);
    }

    #[test]
    fn without_servers_it_is_for_good_unless_the_dns_was_away() {
        assert_eq!(choose(Vec::new(), false, "me", &config()).unwrap_err().status, "5.4.4");
        assert_eq!(choose(Vec::new(), true, "me", &config()).unwrap_err().status, "4.4.3");
    }

    #[test]
    fn address_literals_are_read() {
        assert_eq!(literal_address("198.51.100.1]"), Some("198.51.100.1".parse().unwrap()));
        assert_eq!(literal_address("ipv6:2001:db8::1]"), Some("2001:db8::1".parse().unwrap()));
        for bad in ["198.51.100.1", "x]", "2001:db8::1]", "IPv6:198.51.100.1]", "]", "é é é]"] {
            assert_eq!(literal_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn equal_preferences_are_shuffled_and_others_kept() {
        let all: Vec<Exchange> = (0..6).map(|n| Exchange { preference: n / 3, host: format!("h{n}") }).collect();
        let mut firsts = std::collections::HashSet::new();
        for _ in 0..200 {
            let mut shuffled = all.clone();
            shuffle_equals(&mut shuffled);
            assert!(shuffled.is_sorted_by_key(|e| e.preference));
            firsts.insert(shuffled[0].host.clone());
        }
        assert_eq!(firsts.len(), 3);
    }
}
