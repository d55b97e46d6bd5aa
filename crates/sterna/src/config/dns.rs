//! `[dns]`: who answers questions about other domains.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use sterna_smtp::dns::DnsConfig;

use super::store::positive;

/// The table as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DnsTable {
    servers: Vec<String>,
    timeout: Option<String>,
}

impl DnsTable {
    pub fn read(self) -> Result<DnsConfig, String> {
        let default = DnsConfig::default();
        let servers: Result<Vec<SocketAddr>, String> = self.servers.iter().map(|text| server(text)).collect();
        Ok(DnsConfig { servers: servers?, timeout: positive("dns.timeout", self.timeout.as_deref(), default.timeout)? })
    }
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let with_port = text.parse().ok();
    let without = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
    let wrong = || format!("dns.servers: \"{text}\" is no address; write \"192.0.2.53\" or \"127.0.0.1:5353\"");
    with_port.or_else(without).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        let read = |text: &str| toml::from_str::<DnsTable>(text).unwrap().read();
        assert_eq!(read(""), Ok(DnsConfig::default()));
        let dns = read("servers = [\"192.0.2.53\", \"[::1]:5353\"]\ntimeout = \"2s\"").unwrap();
        assert_eq!(dns.servers, ["192.0.2.53:53".parse().unwrap(), "[::1]:5353".parse().unwrap()]);
        assert_eq!(dns.timeout, Duration::from_secs(2));
        assert!(read("servers = [\"localhost\"]").unwrap_err().contains("127.0.0.1:5353"));
        assert!(read("timeout = \"0s\"").unwrap_err().starts_with("dns.timeout"));
    }
}
