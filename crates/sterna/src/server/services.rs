//! What answers on each port: the service of a protocol, made once and shared by its listeners; and the queue's runner.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sterna_delivery::{Delivery, DeliveryConfig};
use sterna_frontdoor::Door;
use sterna_imap::client::PlatformChecker;
use sterna_net::PortTls;
use sterna_smtp::auth::{AuthConfig, Authenticator};
use sterna_smtp::client::{Credentials, Route};
use sterna_smtp::dns::Resolver;
use sterna_smtp::queue::{QueueConfig, Runner};
use sterna_smtp::server::Kind;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::tls;
use crate::config::{Config, MailConfig};
use crate::error::{Error, Result};

/// How long an unknown sender is kept waiting where greylisting is on.
const GREYLIST: Duration = Duration::from_secs(5 * 60);

/// Who serves the connections of a listener.
#[derive(Clone)]
pub(super) enum Servant {
    /// IMAP.
    Imap(Arc<sterna_imap::server::Service>),
    /// POP3.
    Pop3(Arc<sterna_pop3::server::Service>),
    /// Reception, submission, LMTP.
    Smtp(Arc<sterna_smtp::server::Service>, Kind),
    /// ManageSieve.
    Sieve(Arc<sterna_sieve::server::Service>),
    /// HTTP.
    Http(Arc<sterna_http::Service>),
}

impl Servant {
    /// Serves one connection to its end.
    pub async fn serve(self, stream: TcpStream, peer: SocketAddr, tls: PortTls, shutdown: watch::Receiver<bool>) {
        match self {
            Servant::Imap(service) => {
                sterna_imap::server::serve_connection(service, stream, peer, tls, shutdown).await;
            }
            Servant::Pop3(service) => {
                sterna_pop3::server::serve_connection(service, stream, peer, tls, shutdown).await;
            }
            Servant::Smtp(service, kind) => {
                sterna_smtp::server::serve_connection(service, kind, stream, peer, tls, shutdown).await;
            }
            Servant::Sieve(service) => {
                sterna_sieve::server::serve_connection(service, stream, peer, tls, shutdown).await;
            }
            Servant::Http(service) => sterna_http::serve_connection(service, stream, peer, tls, shutdown).await,
        }
    }
}

/// The services of all protocols.
pub(super) struct Services {
    pub imap: Servant,
    pub pop3: Servant,
    pub smtp: Servant,
    pub submission: Servant,
    pub lmtp: Servant,
    pub sieve: Servant,
    pub http: Servant,
    /// Works the queue off.
    pub runner: Runner,
    /// What all of them ask the DNS by.
    pub resolver: Resolver,
}

impl Services {
    /// For the store behind the door, as the configuration says.
    pub fn new(door: &Door, config: &Config) -> Result<Services> {
        let tls = tls::server_config(config)?;
        let store = door.store();
        door.set_checker(Arc::new(PlatformChecker));
        let resolver = config.resolver()?;
        let authenticator = Arc::new(Authenticator::new(
            resolver.clone(),
            AuthConfig { enforce: config.mail.reject_dmarc, ..AuthConfig::new(&config.hostname) },
        ));
        let delivery = Delivery::signing(store.clone(), delivery(config), authenticator.clone());

        let mut imap = sterna_imap::server::ServerConfig::new(&config.hostname);
        (imap.tls, imap.plaintext, imap.append_limit) = (Some(tls.clone()), config.plaintext, config.max_message);
        let mut pop3 = sterna_pop3::server::ServerConfig::new(&config.hostname);
        (pop3.tls, pop3.plaintext) = (Some(tls.clone()), config.plaintext);
        let mut sieve = sterna_sieve::server::ServerConfig::new(&config.hostname);
        (sieve.tls, sieve.plaintext) = (Some(tls.clone()), config.plaintext);
        let mut http = sterna_http::HttpConfig::new(&config.hostname, config.clients.clone());
        http.tls = Some(tls.clone());
        let mut smtp = sterna_smtp::server::ServerConfig::new(&config.hostname);
        (smtp.tls, smtp.plaintext, smtp.hourly) = (Some(tls), config.plaintext, config.hourly_limit);
        (smtp.max_size, smtp.max_recipients) = (config.mail.max_size, config.mail.max_recipients);
        (smtp.dnsbl, smtp.greylist) = (config.mail.dnsbl.clone(), config.mail.greylist.then_some(GREYLIST));

        let smtp = sterna_smtp::server::Service::new(delivery.clone(), authenticator, door.clone(), smtp);
        Ok(Services {
            imap: Servant::Imap(sterna_imap::server::Service::new(door.clone(), imap)),
            pop3: Servant::Pop3(sterna_pop3::server::Service::new(door.clone(), pop3)),
            smtp: Servant::Smtp(smtp.clone(), Kind::Reception),
            submission: Servant::Smtp(smtp.clone(), Kind::Submission),
            lmtp: Servant::Smtp(smtp, Kind::Lmtp),
            sieve: Servant::Sieve(sterna_sieve::server::Service::new(door.clone(), sieve)),
            http: Servant::Http(sterna_http::Service::new(http, store.clone())),
            runner: Runner::new(delivery, resolver.clone(), queue(&config.mail)?),
            resolver,
        })
    }
}

fn delivery(config: &Config) -> DeliveryConfig {
    DeliveryConfig {
        postmaster: config.mail.postmaster.clone(),
        language: config.mail.language.clone(),
        queue_days: config.mail.queue_days,
        max_size: config.mail.max_size,
        ..DeliveryConfig::new(&config.hostname)
    }
}

fn queue(mail: &MailConfig) -> Result<QueueConfig> {
    let route =
        |relay: &crate::config::Relay| relay.url.parse::<Route>().map_err(|e| Error::new(format!("mail.relay: {e}")));
    let (rest, longest) = QueueConfig::default().rest;
    Ok(QueueConfig {
        retry: mail.retry.clone(),
        relay: mail.relay.as_ref().map(route).transpose()?,
        credentials: mail
            .relay
            .as_ref()
            .and_then(|relay| relay.login.clone())
            .map(|(user, password)| Credentials { user, password }),
        ipv6: mail.outbound_ipv6,
        per_destination: mail.per_destination,
        connections: mail.connections,
        port: mail.outbound_port,
        allow_private: mail.allow_private,
        own_addresses: mail.own_addresses.clone(),
        // A destination rests no longer than a message would after its first failure.
        rest: (rest.min(mail.retry.first().copied().unwrap_or(rest)), longest),
        ..QueueConfig::default()
    })
}
