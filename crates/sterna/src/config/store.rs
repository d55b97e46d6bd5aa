//! `[store]`: where rows live. Every key beside `engine` is PostgreSQL's.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sterna_store::{Engine, PostgresConfig};

use super::duration::parse_duration;
use super::secret::Secrets;

/// Connections that one node may hold; a PostgreSQL server serves some hundreds in all.
const MAX_POOL: usize = 1000;

/// The table as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StoreTable {
    engine: Option<String>,
    url: Option<String>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    pool: Option<usize>,
    wait: Option<String>,
    statement_timeout: Option<String>,
}

impl StoreTable {
    /// What the store is told.
    pub fn engine(self, secrets: &mut Secrets<'_>) -> Result<Engine, String> {
        match self.engine.as_deref() {
            None | Some("sqlite") => match self.postgres_key() {
                None => Ok(Engine::Sqlite),
                Some(key) => {
                    Err(format!("store.{key} is for PostgreSQL; write store.engine = \"postgres\", or remove it"))
                }
            },
            Some("postgres") => self.postgres(secrets).map(Engine::Postgres),
            Some(other) => Err(format!("store.engine = \"{other}\" is not known; write \"sqlite\" or \"postgres\"")),
        }
    }

    /// The first key that SQLite has no use for.
    fn postgres_key(&self) -> Option<&'static str> {
        let given = [
            ("url", self.url.is_some()),
            ("password_file", self.password_file.is_some()),
            ("ca", self.ca.is_some()),
            ("pool", self.pool.is_some()),
            ("wait", self.wait.is_some()),
            ("statement_timeout", self.statement_timeout.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(key, _)| key)
    }

    fn postgres(self, secrets: &mut Secrets<'_>) -> Result<PostgresConfig, String> {
        let form = "such as \"postgres://sterna@db.example.org/sterna?sslmode=require\"";
        let url = self.url.ok_or_else(|| format!("store.engine = \"postgres\" needs store.url, {form}"))?;
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            // Not quoted: it may hold a password all the same.
            return Err(format!("store.url must be a URL {form}"));
        }
        let mut config = PostgresConfig::new(&url);
        if has_password(&url) {
            if self.password_file.is_some() {
                return Err("store.url holds a password and store.password_file another; remove one of them".into());
            }
            secrets.written.push("store.url");
        }
        config.password = self.password_file.map(|file| secrets.file("store.password_file", &file)).transpose()?;
        config.ca = self.ca.map(|ca| secrets.directory.join(ca));
        config.pool = match self.pool {
            Some(n) if (1..=MAX_POOL).contains(&n) => n,
            Some(n) => return Err(format!("store.pool = {n} is out of range; write 1 to {MAX_POOL}")),
            None => config.pool,
        };
        config.wait = positive("store.wait", self.wait.as_deref(), config.wait)?;
        config.statement_timeout =
            positive("store.statement_timeout", self.statement_timeout.as_deref(), config.statement_timeout)?;
        Ok(config)
    }
}

/// Whether the URL brings a password along: `user:password@`, or a parameter of that name.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    login.contains(':') || parameters.split('&').any(|parameter| parameter.starts_with("password="))
}

/// Where PostgreSQL is, for a person to read: host and port of the URL, and nothing secret.
pub fn postgres_host(config: &PostgresConfig) -> &str {
    let rest = config.url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// A length of time that must not be nothing.
pub(super) fn positive(key: &str, given: Option<&str>, default: Duration) -> Result<Duration, String> {
    match given.map(parse_duration).transpose().map_err(|why| format!("{key}: {why}"))? {
        Some(Duration::ZERO) => Err(format!("{key} must be more than nothing")),
        Some(duration) => Ok(duration),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<Engine, String> {
        let table: StoreTable = toml::from_str(text).unwrap();
        table.engine(&mut Secrets::new(Path::new("/etc"), &|_| None))
    }

    #[test]
    fn postgresql_has_defaults_for_all_but_its_place() {
        let Ok(Engine::Postgres(config)) = read("engine = \"postgres\"\nurl = \"postgres://u@h/d\"") else {
            panic!("PostgreSQL is asked for");
        };
        assert_eq!(config, PostgresConfig::new("postgres://u@h/d"));
        let text = "engine = \"postgres\"\nurl = \"postgresql://u@h/d\"\nca = \"ca.pem\"\npool = 4\nwait = \"500ms\"\nstatement_timeout = \"2m\"";
        let Ok(Engine::Postgres(config)) = read(text) else { panic!("PostgreSQL is asked for") };
        assert_eq!((config.pool, config.ca.as_deref()), (4, Some(Path::new("/etc/ca.pem"))));
        assert_eq!((config.wait, config.statement_timeout), (Duration::from_millis(500), Duration::from_secs(120)));
    }

    #[test]
    fn what_does_not_fit_the_engine_is_told() {
        for (text, word) in [
            ("url = \"postgres://h\"", "store.url is for PostgreSQL"),
            ("engine = \"sqlite\"\npool = 3", "store.pool is for PostgreSQL"),
            ("engine = \"postgres\"", "needs store.url"),
            ("engine = \"postgres\"\nurl = \"host=h password=geheim\"", "must be a URL"),
            ("engine = \"postgres\"\nurl = \"postgres://h\"\npool = 0", "1 to 1000"),
            ("engine = \"postgres\"\nurl = \"postgres://h\"\nwait = \"0s\"", "store.wait must be more"),
            ("engine = \"postgres\"\nurl = \"postgres://h\"\nwait = \"5\"", "store.wait: \"5\" is no length of time"),
            ("engine = \"postgres\"\nurl = \"postgres://h\"\npassword_file = \"/nonexistent\"", "/nonexistent"),
            ("engine = \"postgres\"\nurl = \"postgres://u:geheim@h\"\npassword_file = \"f\"", "remove one"),
            ("engine = \"mysql\"", "\"sqlite\" or \"postgres\""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word) && !error.contains("geheim"), "{text}: {error}");
        }
    }

    #[test]
    fn the_place_of_postgresql_is_told_without_its_password() {
        for (url, host) in [
            ("postgres://u:p@db.example.org:5433/d?sslmode=require", "db.example.org:5433"),
            ("postgresql://h", "h"),
            ("postgres://u@a,b/d?password=p@q", "a,b"),
        ] {
            assert_eq!(postgres_host(&PostgresConfig::new(url)), host, "{url}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_noticed() {
        for (url, has) in [
            ("postgres://u:p@h/d", true),
            ("postgres://h/d?sslmode=require&password=p", true),
            ("postgres://u@h:5432/d", false),
            ("postgres://h:5432/d?application_name=a:b@c", false),
        ] {
            assert_eq!(has_password(url), has, "{url}");
        }
    }
}
