//! `sterna.toml` (design §7): read once by every command, never written but by `sterna init`.
//!
//! Relative paths in it are relative to the file. What it does not say has a safe default; what it says wrongly is an
//! error that tells the right form.

mod blobs;
mod clients;
mod dns;
mod duration;
mod keys;
mod listen;
mod mail;
mod route;
mod secret;
mod store;
pub mod template;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sterna_core::parse_bytes;
use sterna_http::ClientSettings;
use sterna_net::PlaintextPolicy;
use sterna_smtp::dns::{DnsConfig, Resolver};
use sterna_store::StoreConfig;

use crate::error::{Error, Result};
pub use blobs::Collect;
pub use duration::parse_duration;
pub use listen::Listen;
pub use mail::{LANGUAGES, MailConfig, Relay};
pub use route::check_route;
use secret::Secrets;
pub use store::postgres_host;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Where everything durable lives; its `data` is this node's own directory.
    pub store: StoreConfig,
    /// When bodies that nothing names any more go.
    pub collect: Collect,
    /// In greetings and certificates.
    pub hostname: String,
    /// Where it listens.
    pub listen: Listen,
    /// How mail comes in and goes out.
    pub mail: MailConfig,
    /// Who answers questions about other domains.
    pub dns: DnsConfig,
    /// What mail clients are told.
    pub clients: ClientSettings,
    /// Certificate chain and key, PEM; `None`: a self-signed certificate.
    pub tls: Option<TlsFiles>,
    /// Passwords without TLS.
    pub plaintext: PlaintextPolicy,
    /// The largest message that a client may store, bytes.
    pub max_message: u64,
    /// Connections at the same time.
    pub max_connections: u32,
    /// Messages that an account may submit in an hour, where nothing else is said of it.
    pub hourly_limit: u32,
    /// What the server tells at its start, a sentence each: secrets that everybody can read.
    pub warnings: Vec<String>,
}

/// Where the certificate lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's certificate first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Config {
    /// Reads and checks a file.
    pub fn load(file: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(file).map_err(|e| {
            let hint = if e.kind() == std::io::ErrorKind::NotFound { "; \"sterna init DIR\" writes one" } else { "" };
            Error::new(format!("cannot read the configuration {}: {e}{hint}", file.display()))
        })?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let variable = |name: &str| std::env::var(name).ok();
        parse(&text, file, &directory, &variable).map_err(|why| Error::new(format!("{}: {why}", file.display())))
    }

    /// What asks the DNS.
    pub fn resolver(&self) -> Result<Resolver> {
        Resolver::new(&self.dns).map_err(|e| self.no_resolver(&e))
    }

    /// Why nothing can ask the DNS.
    pub fn no_resolver(&self, why: &dyn std::fmt::Display) -> Error {
        let file = self.file.display();
        Error::new(format!("the name servers of the system are not known ({why}); name some in [dns] of {file}"))
    }

    /// The node's own directory: its lock and its admin socket, and everything durable of an embedded store.
    pub fn data(&self) -> &Path {
        &self.store.data
    }
}

#[derive(Deserialize)]
struct File {
    data: PathBuf,
    hostname: Option<String>,
    #[serde(default)]
    listen: listen::ListenTable,
    #[serde(default)]
    mail: mail::MailTable,
    #[serde(default)]
    dns: dns::DnsTable,
    #[serde(default)]
    clients: clients::ClientsTable,
    #[serde(default)]
    tls: Tls,
    #[serde(default)]
    auth: Auth,
    #[serde(default)]
    store: store::StoreTable,
    #[serde(default)]
    blobs: blobs::BlobsTable,
    #[serde(default)]
    limits: Limits,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    plaintext: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Limits {
    message: Option<String>,
    connections: Option<u32>,
    hourly: Option<u32>,
}

fn parse(
    text: &str,
    file: &Path,
    directory: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> std::result::Result<Config, String> {
    let table: toml::Table = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    if let Some(complaint) = keys::unknown_key(&table) {
        return Err(complaint);
    }
    // From the text once more, so that an error points to its line.
    let read: File = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    let mut secrets = Secrets::new(directory, variable);
    let collect = read.blobs.collect()?;
    let engine = read.store.engine(&mut secrets)?;
    let blobs = read.blobs.kind(&mut secrets)?;
    let tls = match (read.tls.cert, read.tls.key) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert: directory.join(cert), key: directory.join(key) }),
        (None, None) => None,
        _ => return Err("[tls] needs both \"cert\" and \"key\", or neither".into()),
    };
    let max_message = match &read.limits.message {
        Some(size) => parse_bytes(size).map_err(|e| format!("limits.message: {e}"))?,
        None => 2 << 30,
    };
    let hostname = hostname(read.hostname)?;
    let listen = read.listen.read()?;
    Ok(Config {
        file: file.to_owned(),
        store: StoreConfig { data: directory.join(read.data), engine, blobs },
        collect,
        mail: read.mail.read(&mut secrets)?,
        dns: read.dns.read()?,
        clients: read.clients.read(&hostname, &listen)?,
        hostname,
        listen,
        tls,
        plaintext: plaintext(read.auth.plaintext.as_deref())?,
        max_message,
        max_connections: mail::within("limits.connections", read.limits.connections, 20_000, 1, u32::MAX)?,
        hourly_limit: mail::within("limits.hourly", read.limits.hourly, 200, 1, u32::MAX)?,
        warnings: secrets.into_warnings(file),
    })
}

fn hostname(given: Option<String>) -> std::result::Result<String, String> {
    let name = given.unwrap_or_else(|| "localhost".to_owned());
    if !is_hostname(&name) {
        return Err(format!("hostname: \"{name}\" is not a host name; write one such as \"mail.example.org\""));
    }
    Ok(name)
}

/// Whether a text can be a host name.
pub fn is_hostname(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    !text.is_empty() && text.len() <= 253 && text.chars().all(good)
}

fn plaintext(given: Option<&str>) -> std::result::Result<PlaintextPolicy, String> {
    match given {
        None | Some("loopback") => Ok(PlaintextPolicy::Loopback),
        Some("never") => Ok(PlaintextPolicy::Never),
        Some("always") => Ok(PlaintextPolicy::Always),
        Some(other) => Err(format!("auth.plaintext: \"{other}\" is not known; write never, loopback or always")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::{BlobKind, Engine};

    fn read(text: &str) -> std::result::Result<Config, String> {
        parse(text, Path::new("/etc/sterna.toml"), Path::new("/etc"), &|_| None)
    }

    #[test]
    fn a_minimal_file_has_safe_defaults() {
        let config = read("data = \"d\"").unwrap();
        assert_eq!(config.store, StoreConfig::embedded(Path::new("/etc/d")));
        assert_eq!((config.hostname.as_str(), config.plaintext), ("localhost", PlaintextPolicy::Loopback));
        assert_eq!((config.listen, config.mail, config.dns), Default::default());
        assert_eq!((config.tls, config.hourly_limit, config.clients.servers), (None, 200, vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_with_the_right_form() {
        for (text, word) in [
            ("", "data"),
            ("data = 1", "string"),
            ("data = \"d\"\n[listen]\nimap = \"localhost\"", "127.0.0.1:143"),
            ("data = \"d\"\nhostname = \"a b\"", "mail.example.org"),
            ("data = \"d\"\n[auth]\nplaintext = \"yes\"", "never, loopback or always"),
            ("data = \"d\"\n[store]\nengine = \"postgres\"", "needs store.url"),
            ("data = \"d\"\n[store]\npool = \"many\"", "invalid type"),
            ("data = \"d\"\n[blobs]\nkind = \"s3\"", "needs credentials"),
            ("data = \"d\"\n[tls]\ncert = \"x\"", "both"),
            ("data = \"d\"\n[limits]\nmessage = \"big\"", "limits.message"),
            ("data = \"d\"\n[limits]\nconnections = 0", "out of range; write 1 to"),
            ("data = \"d\"\n[limits]\nhourly = 0", "limits.hourly"),
            ("data = \"d\"\n[mail]\nlanguage = 5", "invalid type"),
            ("data = \"d\"\n[mail]\nqueue_day = 5", "mail.queue_days"),
            ("data = \"d\"\n[dns]\nservers = [\"x\"]", "dns.servers"),
            ("data = \"d\"\n[clients]\nimaps = \"\"", "clients.imaps"),
            ("data = \"d\"\n[listen]\nsmtp = \"25\"", "0.0.0.0:25"),
            ("data = \"d\"\ndata = \"e\"", "duplicate"),
            ("data = \"d\"\n[listen]\nimpas = \"\"", "did you mean"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn the_file_that_init_writes_is_good() {
        let config = read(&template::text("mail.example.org")).unwrap();
        assert_eq!(config.hostname, "mail.example.org");
        assert_eq!(config.listen.imap, ["127.0.0.1:1143".parse().unwrap()]);
        assert_eq!(config.store, StoreConfig::embedded(Path::new("/etc/data")));
        assert_eq!(config.collect, Collect::default());
    }

    #[test]
    fn a_few_lines_of_the_file_that_init_writes_switch_to_postgresql_and_object_storage() {
        // As an operator would: the lines of the embedded store go out, those below them come in.
        let text =
            template::text("mail.example.org").replace("engine = \"sqlite\"", "# ").replace("kind = \"file\"", "# ");
        let (top, stores) = text.split_once("[store]").unwrap();
        let text = [top, "[store]", &stores.replace("\n# ", "\n")].concat();
        let directory = tempfile::tempdir().unwrap();
        let text = text.replace("/etc/sterna/", &format!("{}/", directory.path().display()));
        for secret in ["postgres.password", "s3.secret", "relay.password"] {
            std::fs::write(directory.path().join(secret), "geheim").unwrap();
        }
        let config = read(&text).unwrap();
        let Engine::Postgres(postgres) = &config.store.engine else { panic!("{text}") };
        let BlobKind::S3(s3) = &config.store.blobs else { panic!("{text}") };
        assert_eq!((postgres.password.as_deref(), s3.secret_access_key.as_str()), (Some("geheim"), "geheim"));
        assert!(!format!("{config:?}").contains("geheim"));
        // The rest of the file says what holds anyway, but for what has no default.
        let relay = config.mail.relay.clone().map(|relay| relay.url);
        assert_eq!(relay.as_deref(), Some("smtp://smart.example.net:587?tls=starttls"));
        let MailConfig { postmaster, dnsbl, relay, own_addresses, .. } = config.mail.clone();
        assert_eq!(config.mail, MailConfig { postmaster, dnsbl, relay, own_addresses, ..MailConfig::default() });
        assert_eq!((config.hourly_limit, config.dns.timeout), (200, DnsConfig::default().timeout));
        assert_eq!(config.clients.servers[0].host, "imap.example.org");
    }

    #[test]
    fn a_missing_file_names_init() {
        let error = Config::load(Path::new("/nonexistent/sterna.toml")).unwrap_err().to_string();
        assert!(error.contains("sterna init"), "{error}");
    }
}
