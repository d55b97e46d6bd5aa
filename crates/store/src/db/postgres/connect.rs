//! How a connection is made: address, TLS, the settings of its session.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use crate::config::PostgresConfig;
use crate::error::{Error, Result};

type Driver = Pin<Box<dyn Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send>>;

/// Makes connections.
pub(crate) struct Connector {
    config: Config,
    /// `None`: not encrypted.
    tls: Option<MakeRustlsConnect>,
    pub wait: Duration,
    pub statement_timeout: Duration,
}

impl Connector {
    /// Nothing is contacted yet.
    pub fn new(given: &PostgresConfig) -> Result<Connector> {
        let mut config: Config =
            given.url.parse().map_err(|e| Error::Invalid(format!("the URL of the database: {}", super::chain(&e))))?;
        if let Some(password) = &given.password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("sterna");
        }
        config.connect_timeout(given.wait);
        // A server that vanished without a word is noticed though nothing is sent to it.
        config.keepalives_idle(Duration::from_secs(10)).tcp_user_timeout(given.statement_timeout);
        let tls = if encrypts(&mut config) { Some(tls(given.ca.as_deref())?) } else { None };
        Ok(Connector { config, tls, wait: given.wait, statement_timeout: given.statement_timeout })
    }

    /// A connection, and the future that moves its bytes.
    pub async fn connect(&self) -> Result<(Client, Driver)> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(|e| failure(&e))?;
                Ok((client, Box::pin(connection)))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(|e| failure(&e))?;
                Ok((client, Box::pin(connection)))
            }
        }
    }

    /// A commit is on the disk before it is acknowledged; nothing waits for ever, on whatever side a fault is.
    pub fn session_settings(&self) -> String {
        let limit = self.statement_timeout.as_millis().max(1);
        let lock = self.wait.as_millis().max(1);
        format!(
            "SET synchronous_commit = on; SET statement_timeout = {limit}; SET lock_timeout = {lock}; \
             SET idle_in_transaction_session_timeout = {limit}"
        )
    }

    /// The same address, to be told of notifications by its messages.
    pub fn config(&self) -> (&Config, Option<&MakeRustlsConnect>) {
        (&self.config, self.tls.as_ref())
    }
}

/// Passwords and mail cross a network only encrypted, unless `sslmode=disable` is asked for; on the machine itself
/// only if `sslmode=require` is.
fn encrypts(config: &mut Config) -> bool {
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        Host::Unix(_) => true,
    });
    let encrypts = match config.get_ssl_mode() {
        SslMode::Disable => false,
        SslMode::Prefer => !local,
        _ => true,
    };
    config.ssl_mode(if encrypts { SslMode::Require } else { SslMode::Disable });
    encrypts
}

fn tls(ca: Option<&Path>) -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let unreadable = |e: &dyn std::fmt::Display| Error::Io(format!("cannot read {}: {e}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unreadable(&e))? {
                roots.add(certificate.map_err(|e| unreadable(&e))?).map_err(|e| unreadable(&e))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Internal(format!("TLS: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_crossed_encrypted() {
        for (url, expected) in [
            ("postgres://a@127.0.0.1/b", false),
            ("postgres://a@localhost/b?sslmode=require", true),
            ("postgres://a@%2Frun%2Fpostgresql/b", false),
            ("postgres://a@db.example.org/b", true),
            ("postgres://a@localhost,db.example.org/b", true),
            ("postgres://a@db.example.org/b?sslmode=disable", false),
        ] {
            assert_eq!(encrypts(&mut url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_told() {
        assert!(matches!(Connector::new(&PostgresConfig::new("nonsense")), Err(Error::Invalid(_))));
    }
}
