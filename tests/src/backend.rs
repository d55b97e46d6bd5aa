//! Where the fixtures of all crates keep their mail: embedded, or on PostgreSQL and S3 with `STERNA_TEST_STORE=shared`.
//!
//! Every fixture gets a fresh database and a fresh prefix of a bucket. The servers are those that `with-peers` started
//! (it names them in the environment and clears up behind every test process), else this process starts its own, once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::id;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, mpsc};

use sterna_store::{BlobKind, Engine, PostgresConfig, S3Config, StoreConfig};

use crate::janitor::Janitor;
use crate::leftovers::Leftovers;
use crate::postgres::{PostgresOptions, PostgresServer, create_database};
use crate::s3::{S3Place, S3Server};

/// Names the URL of a database of a PostgreSQL where databases may be created.
pub const POSTGRES: &str = "STERNA_TEST_POSTGRES";
/// Names the endpoint of an S3 server with the bucket and the credentials of [`S3Server`].
pub const S3: &str = "STERNA_TEST_S3";
/// Names the directory of that S3 server, so that its objects can be counted.
pub const S3_ROOT: &str = "STERNA_TEST_S3_ROOT";

/// Whether the suites run on PostgreSQL and S3.
///
/// # Panics
/// If `STERNA_TEST_STORE` is neither `shared` nor `embedded` nor absent.
pub fn shared() -> bool {
    match std::env::var("STERNA_TEST_STORE").as_deref() {
        Ok("shared") => true,
        Ok("embedded" | "") | Err(_) => false,
        Ok(other) => panic!("STERNA_TEST_STORE is `shared` or `embedded`, not `{other}`"),
    }
}

/// The URL of a fresh, empty database.
#[track_caller]
pub fn fresh_database() -> String {
    static SERVER: OnceLock<String> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        std::env::var(POSTGRES).unwrap_or_else(|_| {
            keep(|| {
                let server = PostgresServer::with(shared_options());
                (server.url("postgres"), server.path().to_owned(), server)
            })
        })
    });
    create_database(server)
}

/// A fresh, empty place in object storage.
#[track_caller]
pub fn fresh_s3() -> S3Place {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    s3_place(&format!("t{}-{}/", id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

#[track_caller]
fn s3_place(prefix: &str) -> S3Place {
    static SERVER: OnceLock<(String, Option<PathBuf>)> = OnceLock::new();
    let (endpoint, root) = SERVER.get_or_init(|| match std::env::var(S3) {
        Ok(endpoint) => (endpoint, std::env::var_os(S3_ROOT).map(PathBuf::from)),
        Err(_) => keep(|| {
            let server = S3Server::start();
            ((server.endpoint(), Some(server.root())), server.path().to_owned(), server)
        }),
    });
    S3Place::new(endpoint, prefix, root.as_deref())
}

/// What opens the store of a fixture with this data directory, now and again: embedded in it or, in a shared run, at a
/// fresh place.
#[track_caller]
pub fn store_config(directory: &Path) -> StoreConfig {
    match place(directory) {
        Some((database, s3)) => shared_config(directory, &database, &s3),
        None => StoreConfig::embedded(directory),
    }
}

/// The database and the objects of the fixture with this data directory, where a file remembers them; fresh ones at first.
/// `None`: the run is embedded, and everything lies in the directory.
///
/// # Panics
/// If the file cannot be written or read.
#[track_caller]
pub fn place(directory: &Path) -> Option<(String, S3Place)> {
    if !shared() {
        return None;
    }
    let remembered = directory.join("place");
    if !remembered.exists() {
        std::fs::create_dir_all(directory).expect("make the data directory");
        let place = [fresh_database(), fresh_s3().prefix].join("\n");
        std::fs::write(&remembered, place).expect("remember the place of the store");
    }
    let text = std::fs::read_to_string(&remembered).expect("read the place of the store");
    let (database, prefix) = text.split_once('\n').expect("a database and a prefix");
    Some((database.to_owned(), s3_place(prefix)))
}

/// What opens the store at this place in PostgreSQL and S3.
pub fn shared_config(directory: &Path, database: &str, s3: &S3Place) -> StoreConfig {
    let blobs = S3Config::new(&s3.endpoint, &s3.bucket, &s3.access_key, &s3.secret_key);
    StoreConfig {
        engine: Engine::Postgres(PostgresConfig::new(database)),
        blobs: BlobKind::S3(S3Config { prefix: s3.prefix.clone(), ..blobs }),
        ..StoreConfig::embedded(directory)
    }
}

/// The tables `[store]` and `[blobs]` of a `sterna.toml` that lead to a fresh place.
#[track_caller]
pub fn sterna_toml_tables() -> String {
    tables(&fresh_database(), &fresh_s3())
}

/// The tables `[store]` and `[blobs]` of a `sterna.toml` that lead to this place.
pub fn tables(database: &str, s3: &S3Place) -> String {
    format!(
        "\n[store]\nengine = \"postgres\"\nurl = \"{database}\"\n\n[blobs]\nkind = \"s3\"\nendpoint = \"{}\"\n\
         bucket = \"{}\"\nregion = \"us-east-1\"\nprefix = \"{}\"\naccess_key_id = \"{}\"\nsecret_access_key = \"{}\"\n",
        s3.endpoint, s3.bucket, s3.prefix, s3.access_key, s3.secret_key
    )
}

/// The same URL by way of a relay on this port of 127.0.0.1.
///
/// # Panics
/// If the URL names no port.
#[track_caller]
pub fn through(url: &str, port: u16) -> String {
    let (before, after) = around_port(url);
    format!("{before}{port}{after}")
}

/// The port that a URL names: what a relay leads to.
///
/// # Panics
/// If it names none.
#[track_caller]
pub fn port_of(url: &str) -> u16 {
    let (before, after) = around_port(url);
    url[before.len()..url.len() - after.len()].parse().expect("a port")
}

#[track_caller]
fn around_port(url: &str) -> (&str, &str) {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    let colon = url[authority..end].rfind(':').map(|at| authority + at + 1);
    let start = colon.filter(|at| *at < end).unwrap_or_else(|| panic!("no port in {url}"));
    (&url[..start], &url[end..])
}

/// One PostgreSQL and one S3 server for many test processes, as `with-peers` starts them.
#[derive(Debug)]
pub struct SharedPeers {
    // Dropped in this order: the janitor stops before the servers.
    _janitor: Janitor,
    s3: S3Server,
    postgres: PostgresServer,
    _leftovers: [Leftovers; 2],
}

impl SharedPeers {
    /// Starts both.
    pub fn start() -> SharedPeers {
        let (postgres, s3) = (PostgresServer::with(shared_options()), S3Server::start());
        SharedPeers {
            _janitor: Janitor::start(&postgres.url("postgres"), &s3.root()),
            _leftovers: [Leftovers::of(postgres.path()), Leftovers::of(s3.path())],
            s3,
            postgres,
        }
    }

    /// The environment that tells test processes of them.
    pub fn environment(&self) -> [(&'static str, OsString); 3] {
        [
            (POSTGRES, self.postgres.url("postgres").into()),
            (S3, self.s3.endpoint().into()),
            (S3_ROOT, self.s3.root().into()),
        ]
    }
}

/// What the server for many test processes is told.
fn shared_options() -> PostgresOptions {
    // Every fixture has a pool of its own, and a database of which it would be a pity to clean only one a minute.
    let settings = "autovacuum_naptime = '10min'\nmax_wal_size = '512MB'".to_owned();
    PostgresOptions { max_connections: 500, settings, ..PostgresOptions::default() }
}

/// Starts a server that lives as long as this process. Nothing drops it at the end: the kernel kills it with the thread
/// that started it, and its directory is left to [`Leftovers`].
fn keep<T: Send + 'static, S>(start: impl FnOnce() -> (T, PathBuf, S) + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (told, directory, _server) = start();
        let _leftovers = Leftovers::of(&directory);
        let _ = sender.send(told);
        loop {
            std::thread::park();
        }
    });
    receiver.recv().expect("a server for this process starts: see the panic above")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_through_another_port() {
        for (url, expected, port) in [
            ("postgres://a:b@127.0.0.1:5432/db", "postgres://a:b@127.0.0.1:99/db", 5432),
            ("http://127.0.0.1:80", "http://127.0.0.1:99", 80),
        ] {
            assert_eq!((through(url, 99).as_str(), port_of(url)), (expected, port));
        }
    }

    #[test]
    fn the_tables_follow_the_contract() {
        let place = S3Place::new("http://h:1", "p/", None);
        let expected = "\n[store]\nengine = \"postgres\"\nurl = \"postgres://h/d\"\n\n[blobs]\nkind = \"s3\"\n\
            endpoint = \"http://h:1\"\nbucket = \"sterna-mail\"\nregion = \"us-east-1\"\nprefix = \"p/\"\n\
            access_key_id = \"sterna-access-key\"\nsecret_access_key = \"sterna-secret-key\"\n";
        assert_eq!(tables("postgres://h/d", &place), expected);
    }
}
