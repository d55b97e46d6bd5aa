//! The records that a domain should have: for mail from others, for proof of its own, and for clients that look for it.

use serde::Serialize;
use sterna_http::{Protocol, Security};

use crate::admin::{DkimInfo, DomainInfo};
use crate::config::Config;

/// Seconds that others may keep the records.
const TTL: u32 = 3600;

/// Characters in one string of a TXT record (RFC 1035 §3.3).
const STRING: usize = 255;

/// The port of ManageSieve.
const SIEVE_PORT: u16 = 4190;

/// A record to publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    /// Whose, without the final dot.
    pub name: String,
    /// `MX`, `TXT`, `SRV` or `CNAME`.
    pub kind: &'static str,
    /// As a zone file has it; a TXT record's text as one.
    pub value: String,
    /// What for.
    pub purpose: &'static str,
}

/// A service that clients look for (RFC 6186, RFC 8314 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// `_imaps._tcp.example.org`
    pub name: String,
    /// Where it is.
    pub host: String,
    /// On which port.
    pub port: u16,
}

/// What should be there.
pub(super) struct Plan {
    /// The domain.
    pub domain: String,
    /// This server's name.
    pub hostname: String,
    /// The keys whose records must be there.
    pub keys: Vec<DkimInfo>,
    /// Services.
    pub services: Vec<Service>,
    /// Names for autoconfiguration, and the host that they lead to.
    pub aliases: Vec<(String, String)>,
    /// All as records.
    pub records: Vec<Record>,
}

impl Plan {
    /// For a domain as it is, on a server that is configured so.
    pub fn new(config: &Config, domain: &DomainInfo) -> Plan {
        let name = domain.name.clone();
        let keys: Vec<DkimInfo> = domain.dkim.clone().unwrap_or_default();
        let mut plan = Plan {
            hostname: config.hostname.clone(),
            services: services(config, &name),
            aliases: aliases(config, &name),
            keys,
            records: Vec::new(),
            domain: name,
        };
        plan.records = plan.list(config);
        plan
    }

    fn list(&self, config: &Config) -> Vec<Record> {
        let Plan { domain, hostname, .. } = self;
        let record = |name: &str, kind, value: String, purpose| Record { name: name.to_owned(), kind, value, purpose };
        let relay = config.mail.relay.as_ref().map(|relay| format!(" a:{}", host(&relay.url))).unwrap_or_default();
        let mut records = vec![
            record(domain, "MX", format!("10 {hostname}."), "mail from others comes here"),
            record(domain, "TXT", format!("v=spf1 mx{relay} ~all"), "SPF: who may send for the domain"),
        ];
        for key in &self.keys {
            let purpose = match key.state.as_str() {
                "retired" => "DKIM: a retired key, for a week after its last use",
                "pending" => "DKIM: a key to be activated once this is there",
                _ => "DKIM: the key that mail is signed with",
            };
            records.push(record(&key.record_name, "TXT", key.record.clone(), purpose));
        }
        let dmarc = format!("_dmarc.{domain}");
        records.push(record(&dmarc, "TXT", "v=DMARC1; p=quarantine".into(), "DMARC: what to do with what fails"));
        for (preference, service) in self.services.iter().enumerate() {
            let value = format!("{preference} 1 {} {}.", service.port, service.host);
            records.push(record(&service.name, "SRV", value, "mail clients find the server"));
        }
        for (name, target) in &self.aliases {
            records.push(record(name, "CNAME", format!("{target}."), "mail clients find their settings"));
        }
        records
    }
}

fn services(config: &Config, domain: &str) -> Vec<Service> {
    let clients = &config.clients;
    let mut services: Vec<Service> = clients
        .servers
        .iter()
        .map(|server| {
            let name = match (server.protocol, server.security) {
                (Protocol::Imap, Security::Tls) => "imaps",
                (Protocol::Imap, Security::StartTls) => "imap",
                (Protocol::Pop3, Security::Tls) => "pop3s",
                (Protocol::Pop3, Security::StartTls) => "pop3",
                (Protocol::Smtp, Security::Tls) => "submissions",
                (Protocol::Smtp, Security::StartTls) => "submission",
            };
            Service { name: format!("_{name}._tcp.{domain}"), host: server.host.clone(), port: server.port }
        })
        .collect();
    if !config.listen.sieve.is_empty() {
        let host = config.hostname.clone();
        services.push(Service { name: format!("_sieve._tcp.{domain}"), host, port: SIEVE_PORT });
    }
    if let Some((host, port)) = place(config) {
        services.push(Service { name: format!("_autodiscover._tcp.{domain}"), host, port });
    }
    services
}

/// Names that clients look for, unless the domain's own server has that name.
fn aliases(config: &Config, domain: &str) -> Vec<(String, String)> {
    let Some((host, _)) = place(config) else { return Vec::new() };
    let names = ["autoconfig", "autodiscover"].map(|prefix| format!("{prefix}.{domain}"));
    names.into_iter().filter(|name| *name != host).map(|name| (name, host.clone())).collect()
}

/// Where the HTTP service is reached.
fn place(config: &Config) -> Option<(String, u16)> {
    let url = config.clients.url.as_ref()?;
    let place = url.strip_prefix("https://")?;
    let port = place.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(443);
    Some((host(url).to_owned(), port))
}

/// The host of a URL.
fn host(url: &str) -> &str {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = place.split(['/', '?']).next().unwrap_or_default();
    match place.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    }
}

/// As lines of a zone file, each below what it is for.
pub(super) fn zone(plan: &Plan) -> String {
    let mut text = String::new();
    let mut purpose = "";
    for record in &plan.records {
        if record.purpose != purpose {
            purpose = record.purpose;
            text += &format!("; {purpose}\n");
        }
        let value = if record.kind == "TXT" { quoted(&record.value) } else { record.value.clone() };
        text += &format!("{}. {TTL} IN {} {value}\n", record.name, record.kind);
    }
    if plan.keys.is_empty() {
        text += &format!("; no DKIM key yet: \"sterna domain dkim {} add\" makes one\n", plan.domain);
    }
    text
}

/// A text as strings that a zone file can hold. All of it is ASCII.
fn quoted(text: &str) -> String {
    let escaped: Vec<char> = text.chars().collect();
    let strings = escaped.chunks(STRING).map(|part| {
        let part: String = part.iter().collect();
        format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""))
    });
    strings.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A domain with two keys on a server with everything.
    pub fn plan() -> Plan {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("sterna.toml");
        let text = "data = \"d\"\nhostname = \"mail.example.net\"\n[listen]\nimaps = \"127.0.0.1:0\"\nimap = \"127.0.0.1:0\"\n\
                    submissions = \"127.0.0.1:0\"\nsieve = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"";
        std::fs::write(&file, text).unwrap();
        let key = |selector: &str, state: &str| DkimInfo {
            selector: selector.into(),
            algorithm: "rsa2048".into(),
            state: state.into(),
            record_name: format!("{selector}._domainkey.example.org"),
            record: format!("v=DKIM1; k=rsa; p={}", selector.repeat(100)),
            created: 0,
            changed: 0,
        };
        let domain = DomainInfo {
            name: "example.org".into(),
            accounts: 1,
            aliases: 0,
            catch_all: None,
            deliver_to: None,
            hourly_limit: None,
            created: 0,
            dkim: Some(vec![key("aaa", "active"), key("bbb", "pending")]),
        };
        Plan::new(&Config::load(&file).unwrap(), &domain)
    }

    #[test]
    fn every_service_has_its_record() {
        let plan = plan();
        let zone = zone(&plan);
        for line in [
            "example.org. 3600 IN MX 10 mail.example.net.",
            "example.org. 3600 IN TXT \"v=spf1 mx ~all\"",
            "_dmarc.example.org. 3600 IN TXT \"v=DMARC1; p=quarantine\"",
            "_imaps._tcp.example.org. 3600 IN SRV 0 1 993 mail.example.net.",
            "_imap._tcp.example.org. 3600 IN SRV 1 1 143 mail.example.net.",
            "_submissions._tcp.example.org. 3600 IN SRV 2 1 465 mail.example.net.",
            "_sieve._tcp.example.org. 3600 IN SRV 3 1 4190 mail.example.net.",
            "_autodiscover._tcp.example.org. 3600 IN SRV 4 1 443 mail.example.net.",
            "autoconfig.example.org. 3600 IN CNAME mail.example.net.",
        ] {
            assert!(zone.lines().any(|l| l == line), "{line}\n{zone}");
        }
        assert!(!zone.contains("pop3"), "{zone}");
        // A long text is several strings.
        let key = zone.lines().find(|line| line.starts_with("aaa._domainkey")).unwrap();
        assert_eq!(key.matches('"').count(), 4);
    }

    #[test]
    fn a_host_is_found_in_any_url() {
        for (url, expected) in
            [("smtp://h:25?tls=none", "h"), ("https://[::1]:443", "::1"), ("https://h/x", "h"), ("smtp://h", "h")]
        {
            assert_eq!(host(url), expected);
        }
    }
}
