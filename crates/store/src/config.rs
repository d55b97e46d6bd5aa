//! Where the store lives: embedded in files, or in PostgreSQL and object storage. Made by whoever reads `sterna.toml`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What [`crate::Store::open_with`] needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// The node's own directory: lock, key, bodies on their way; everything, if the store is embedded.
    pub data: PathBuf,
    /// Where rows live.
    pub engine: Engine,
    /// Where large bodies live.
    pub blobs: BlobKind,
}

impl StoreConfig {
    /// Everything in files below `data`.
    pub fn embedded(data: &Path) -> StoreConfig {
        StoreConfig { data: data.to_owned(), engine: Engine::Sqlite, blobs: BlobKind::File }
    }
}

/// Where rows live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One SQLite file for each account and one for the directory.
    Sqlite,
    /// One PostgreSQL database for all.
    Postgres(PostgresConfig),
}

/// How PostgreSQL is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// `postgres://user@host:port/database?sslmode=…`, as libpq writes it. `sslmode` is `disable`, `prefer` (the
    /// default) or `require`; the latter verifies the server's certificate.
    pub url: String,
    /// In place of a password in the URL.
    pub password: Option<String>,
    /// Certificates (PEM) that the server's must come from; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Connections at most.
    pub pool: usize,
    /// How long a transaction waits for one of them, and for a new one to be made.
    pub wait: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

impl PostgresConfig {
    /// With 16 connections, 5 seconds for one to be free, 30 seconds for a statement.
    pub fn new(url: &str) -> PostgresConfig {
        PostgresConfig {
            url: url.to_owned(),
            password: None,
            ca: None,
            pool: 16,
            wait: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("PostgresConfig").field("pool", &self.pool).field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// Where large bodies live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobKind {
    /// Files in the account's directory.
    File,
    /// Objects of an S3-compatible service.
    S3(S3Config),
}

/// How the object storage is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Config {
    /// `https://host:port`, or `http://` on a trusted network.
    pub endpoint: String,
    /// It must exist.
    pub bucket: String,
    /// What requests are signed for.
    pub region: String,
    /// In front of every key, for instance `mail/`; may be empty.
    pub prefix: String,
    /// Who signs.
    pub access_key_id: String,
    /// With what.
    pub secret_access_key: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a failed request is tried again before the caller is told.
    pub retry_for: Duration,
}

impl S3Config {
    /// With 30 seconds for a request, tried again for 20 seconds.
    pub fn new(endpoint: &str, bucket: &str, access_key_id: &str, secret_access_key: &str) -> S3Config {
        S3Config {
            endpoint: endpoint.to_owned(),
            bucket: bucket.to_owned(),
            region: "us-east-1".to_owned(),
            prefix: String::new(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            timeout: Duration::from_secs(30),
            retry_for: Duration::from_secs(20),
        }
    }
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the secret.
        let S3Config { endpoint, bucket, prefix, .. } = self;
        f.debug_struct("S3Config")
            .field("endpoint", endpoint)
            .field("bucket", bucket)
            .field("prefix", prefix)
            .finish_non_exhaustive()
    }
}
