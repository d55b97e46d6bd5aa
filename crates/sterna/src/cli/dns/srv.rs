//! SRV records (RFC 2782), which only this check asks for: mail itself has no use for them.

use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use sterna_smtp::dns::Answer;

use sterna_smtp::dns::DnsConfig;

/// Asks for services.
pub(super) struct Services {
    resolver: TokioResolver,
    patience: Duration,
}

impl Services {
    /// Fails if the system's configuration is asked for and cannot be read.
    pub fn new(config: &DnsConfig) -> Result<Services, NetError> {
        let (servers, mut options) = if config.servers.is_empty() {
            read_system_conf()?
        } else {
            let server = |server: &std::net::SocketAddr| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            };
            let servers = config.servers.iter().map(server).collect();
            (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
        };
        options.timeout = config.timeout;
        let builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        Ok(Services { resolver: builder.with_options(options).build()?, patience: config.timeout * 4 })
    }

    /// Host and port of each record of a name. A target of `.` says that there is no such service, and is none.
    pub async fn of(&self, name: &str) -> Answer<Vec<(String, u16)>> {
        let lookup = self.resolver.lookup(format!("{name}."), RecordType::SRV);
        let lookup = match tokio::time::timeout(self.patience, lookup).await {
            Ok(Ok(lookup)) => lookup,
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => {
                return match none.response_code {
                    ResponseCode::NXDomain => Answer::NoSuchName,
                    ResponseCode::NoError => Answer::NoData,
                    code => Answer::Temporary(code.to_string()),
                };
            }
            Ok(Err(error)) => return Answer::Temporary(error.to_string()),
            Err(_) => return Answer::Temporary("no answer in time".to_owned()),
        };
        let places: Vec<(String, u16)> = lookup
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some((srv.target.to_ascii().trim_end_matches('.').to_lowercase(), srv.port)),
                _ => None,
            })
            .filter(|(host, _)| !host.is_empty())
            .collect();
        if places.is_empty() { Answer::NoData } else { Answer::Found(places) }
    }
}
