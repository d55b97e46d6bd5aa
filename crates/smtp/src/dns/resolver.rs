//! The resolver: one hickory resolver with its cache, which the verification of mail asks too.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use mail_auth::MessageAuthenticator;

use super::answer::{Answer, Exchange, Exchanges};

/// Answers that are kept, in records; the oldest go first.
const CACHE: u64 = 32_768;
/// The longest that an answer is kept, whatever its TTL says.
const MAX_TTL: Duration = Duration::from_secs(86_400);
/// The longest that "there is none" is kept: a domain that was just set up must not wait for an hour.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(300);
/// Records of one answer that are looked at.
const MAX_RECORDS: usize = 100;
/// Bytes of one TXT record that are looked at.
const MAX_TXT: usize = 16_384;

/// Whom to ask and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig {
    /// Recursive servers, asked over UDP and, when an answer is cut, TCP. Empty: those of the system.
    pub servers: Vec<SocketAddr>,
    /// For one try at one server; a question takes up to four times as long.
    pub timeout: Duration,
}

impl Default for DnsConfig {
    fn default() -> DnsConfig {
        DnsConfig { servers: Vec::new(), timeout: Duration::from_secs(5) }
    }
}

/// Asks the DNS. Clones share the cache.
#[derive(Clone)]
pub struct Resolver {
    asker: MessageAuthenticator,
    patience: Duration,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Fails if the system's configuration is asked for and cannot be read.
    pub fn new(config: &DnsConfig) -> Result<Resolver, NetError> {
        let (servers, mut options) = if config.servers.is_empty() {
            read_system_conf()?
        } else {
            let mut options = ResolverOpts::default();
            options.use_hosts_file = ResolveHosts::Never;
            let servers = config.servers.iter().map(|server| name_server(*server)).collect();
            (ResolverConfig::from_parts(None, Vec::new(), servers), options)
        };
        options.timeout = config.timeout;
        options.attempts = 2;
        options.cache_size = CACHE;
        options.positive_max_ttl = Some(MAX_TTL);
        options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
        let asker = MessageAuthenticator::new(servers, options)?.with_max_negative_ttl(MAX_NEGATIVE_TTL);
        Ok(Resolver { asker, patience: config.timeout * 4 })
    }

    /// The verifier of mail over the same servers and the same cache.
    pub(crate) fn asker(&self) -> &MessageAuthenticator {
        &self.asker
    }

    fn hickory(&self) -> &TokioResolver {
        self.asker.resolver()
    }

    /// Where a domain takes its mail. Without MX records ([`Answer::NoData`]) it is the host of that name itself
    /// (RFC 5321 §5.1).
    pub async fn mx(&self, domain: &str) -> Answer<Exchanges> {
        let answer = self.lookup(domain, RecordType::MX).await;
        answer.and_then(|lookup| {
            let records: Vec<Exchange> = records(&lookup, |data| match data {
                RData::MX(mx) => Some(Exchange { preference: mx.preference, host: host(&mx.exchange) }),
                _ => None,
            });
            if records.is_empty() {
                return None;
            }
            // RFC 7505 §3: a root name beside other exchanges is a mistake and is passed over.
            let mut hosts: Vec<Exchange> = records.into_iter().filter(|mx| !mx.host.is_empty()).collect();
            if hosts.is_empty() {
                return Some(Exchanges::Null);
            }
            hosts.sort_by_key(|mx| mx.preference);
            Some(Exchanges::Hosts(hosts))
        })
    }

    /// The addresses of a host, IPv6 first. [`Answer::Temporary`] only if neither family gave one.
    pub async fn addresses(&self, name: &str) -> Answer<Vec<IpAddr>> {
        let (six, four) = tokio::join!(self.lookup(name, RecordType::AAAA), self.lookup(name, RecordType::A));
        let of = |lookup: Lookup| {
            let addresses: Vec<IpAddr> = records(&lookup, |data| match data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                _ => None,
            });
            (!addresses.is_empty()).then_some(addresses)
        };
        match (six.and_then(of), four.and_then(of)) {
            (Answer::Found(mut addresses), Answer::Found(more)) => {
                addresses.extend(more);
                Answer::Found(addresses)
            }
            (Answer::Found(addresses), _) | (_, Answer::Found(addresses)) => Answer::Found(addresses),
            (Answer::Temporary(error), _) | (_, Answer::Temporary(error)) => Answer::Temporary(error),
            (Answer::NoData, _) | (_, Answer::NoData) => Answer::NoData,
            _ => Answer::NoSuchName,
        }
    }

    /// The texts at a name, each with its character strings put together (RFC 7208 §3.3). A text that is not UTF-8 has
    /// its odd bytes replaced; one above 16 KiB is left out.
    pub async fn txt(&self, name: &str) -> Answer<Vec<String>> {
        let answer = self.lookup(name, RecordType::TXT).await;
        answer.and_then(|lookup| {
            let texts: Vec<String> = records(&lookup, |data| match data {
                RData::TXT(txt) => {
                    let bytes: Vec<u8> = txt.txt_data.iter().flat_map(|part| part.iter().copied()).collect();
                    (bytes.len() <= MAX_TXT).then(|| String::from_utf8_lossy(&bytes).into_owned())
                }
                _ => None,
            });
            (!texts.is_empty()).then_some(texts)
        })
    }

    /// [`Resolver::txt`] past the cache: for a record that somebody has just published.
    pub async fn txt_anew(&self, name: &str) -> Answer<Vec<String>> {
        if let Some(name) = absolute(name) {
            self.hickory().clear_lookup_cache(name, RecordType::TXT);
        }
        self.txt(name).await
    }

    /// The names that an address claims (PTR). Claims only: see [`Resolver::reverse`].
    pub async fn ptr(&self, address: IpAddr) -> Answer<Vec<String>> {
        let answer = self.ask(Name::from(address), RecordType::PTR).await;
        answer.and_then(|lookup| {
            let names: Vec<String> = records(&lookup, |data| match data {
                RData::PTR(name) => Some(host(name)).filter(|name| !name.is_empty()),
                _ => None,
            });
            (!names.is_empty()).then_some(names)
        })
    }

    pub(super) async fn lookup(&self, name: &str, kind: RecordType) -> Answer<Lookup> {
        match absolute(name) {
            Some(name) => self.ask(name, kind).await,
            None => Answer::NoSuchName,
        }
    }

    async fn ask(&self, name: Name, kind: RecordType) -> Answer<Lookup> {
        match tokio::time::timeout(self.patience, self.hickory().lookup(name, kind)).await {
            Ok(Ok(lookup)) => Answer::Found(lookup),
            Ok(Err(error)) => Answer::from_error(error),
            Err(_) => Answer::Temporary("no answer in time".to_owned()),
        }
    }
}

/// A domain as the DNS has it: A-labels, lower case, no final dot. `None`: it is no name.
pub fn ascii(name: &str) -> Option<String> {
    absolute(name).map(|name| host(&name)).filter(|name| !name.is_empty())
}

/// Never subject to the search list of the system.
fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_str_relaxed(name.trim_end_matches('.')).ok()?.to_lowercase();
    name.set_fqdn(true);
    (!name.is_root()).then_some(name)
}

fn host(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn records<T>(lookup: &Lookup, of: impl Fn(&RData) -> Option<T>) -> Vec<T> {
    lookup.answers().iter().filter_map(|record| of(&record.data)).take(MAX_RECORDS).collect()
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    // A recursive server's "there is none" is final; without this hickory asks the next server and takes twice as long.
    NameServerConfig::new(server.ip(), true, connections.into())
}
