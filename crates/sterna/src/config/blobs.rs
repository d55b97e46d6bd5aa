//! `[blobs]`: where large bodies live, and when those that nothing names any more are cleared away.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sterna_store::{BlobKind, S3Config};

use super::duration::parse_duration;
use super::secret::Secrets;
use super::store::positive;

/// Where credentials come from when the file has none.
const VARIABLES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// When bodies that nothing names any more go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collect {
    /// How long such a body stays at least, for readers that still see it.
    pub grace: Duration,
    /// Time between two rounds over all accounts.
    pub every: Duration,
}

impl Default for Collect {
    fn default() -> Collect {
        Collect { grace: Duration::from_secs(24 * 3600), every: Duration::from_secs(600) }
    }
}

/// The table as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BlobsTable {
    kind: Option<String>,
    grace: Option<String>,
    collect_every: Option<String>,
    endpoint: Option<String>,
    bucket: Option<String>,
    region: Option<String>,
    prefix: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    secret_access_key_file: Option<PathBuf>,
    timeout: Option<String>,
    retry_for: Option<String>,
}

impl BlobsTable {
    /// How often the collector works. The same for both kinds.
    pub fn collect(&self) -> Result<Collect, String> {
        let default = Collect::default();
        let grace = self.grace.as_deref().map(parse_duration).transpose().map_err(|e| format!("blobs.grace: {e}"))?;
        let every = positive("blobs.collect_every", self.collect_every.as_deref(), default.every)?;
        Ok(Collect { grace: grace.unwrap_or(default.grace), every })
    }

    /// What the store is told.
    pub fn kind(self, secrets: &mut Secrets<'_>) -> Result<BlobKind, String> {
        match self.kind.as_deref() {
            None | Some("file") => match self.s3_key() {
                None => Ok(BlobKind::File),
                Some(key) => Err(format!("blobs.{key} is for object storage; write blobs.kind = \"s3\", or remove it")),
            },
            Some("s3") => self.s3(secrets).map(BlobKind::S3),
            Some(other) => Err(format!("blobs.kind = \"{other}\" is not known; write \"file\" or \"s3\"")),
        }
    }

    /// The first key that files have no use for.
    fn s3_key(&self) -> Option<&'static str> {
        let given = [
            ("endpoint", self.endpoint.is_some()),
            ("bucket", self.bucket.is_some()),
            ("region", self.region.is_some()),
            ("prefix", self.prefix.is_some()),
            ("access_key_id", self.access_key_id.is_some()),
            ("secret_access_key", self.secret_access_key.is_some()),
            ("secret_access_key_file", self.secret_access_key_file.is_some()),
            ("timeout", self.timeout.is_some()),
            ("retry_for", self.retry_for.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(key, _)| key)
    }

    fn s3(mut self, secrets: &mut Secrets<'_>) -> Result<S3Config, String> {
        let (id, secret) = self.credentials(secrets)?;
        let needs = |key: &str, form: &str| format!("blobs.kind = \"s3\" needs blobs.{key}, such as \"{form}\"");
        let endpoint = self.endpoint.ok_or_else(|| needs("endpoint", "https://s3.example.org"))?;
        if !["https://", "http://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
            return Err(format!(
                "blobs.endpoint: \"{endpoint}\" is no URL; write one such as \"https://s3.example.org\""
            ));
        }
        let bucket = self.bucket.filter(|b| !b.is_empty()).ok_or_else(|| needs("bucket", "sterna"))?;
        let mut config = S3Config::new(endpoint.trim_end_matches('/'), &bucket, &id, &secret);
        config.region = self.region.unwrap_or(config.region);
        config.prefix = self.prefix.unwrap_or_default();
        if config.prefix.starts_with('/') {
            return Err("blobs.prefix must not begin with \"/\"; write \"mail/\", or leave it out".into());
        }
        config.timeout = positive("blobs.timeout", self.timeout.as_deref(), config.timeout)?;
        if let Some(retry_for) = &self.retry_for {
            config.retry_for = parse_duration(retry_for).map_err(|e| format!("blobs.retry_for: {e}"))?;
        }
        Ok(config)
    }

    /// Key id and secret: both from the file, or both from the environment.
    fn credentials(&mut self, secrets: &mut Secrets<'_>) -> Result<(String, String), String> {
        let secret = match (self.secret_access_key.take(), self.secret_access_key_file.take()) {
            (Some(_), Some(_)) => {
                return Err(
                    "blobs.secret_access_key and blobs.secret_access_key_file are both given; remove one".into()
                );
            }
            (Some(secret), None) => {
                secrets.written.push("blobs.secret_access_key");
                Some(secret)
            }
            (None, Some(file)) => Some(secrets.file("blobs.secret_access_key_file", &file)?),
            (None, None) => None,
        };
        match (self.access_key_id.take(), secret) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            (None, Some(_)) => Err("blobs.access_key_id is missing beside the secret".into()),
            (Some(_), None) => {
                Err("blobs.secret_access_key_file (or secret_access_key) is missing beside blobs.access_key_id".into())
            }
            (None, None) => {
                let [id, secret] = VARIABLES.map(|name| (secrets.variable)(name).filter(|value| !value.is_empty()));
                id.zip(secret).ok_or_else(|| {
                    let [id, secret] = VARIABLES;
                    format!(
                        "blobs.kind = \"s3\" needs credentials: blobs.access_key_id and blobs.secret_access_key_file, \
                         or {id} and {secret} in the environment"
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read_in(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<BlobKind, String> {
        let table: BlobsTable = toml::from_str(text).unwrap();
        table.kind(&mut Secrets::new(Path::new("/etc"), variable))
    }

    fn read(text: &str) -> Result<BlobKind, String> {
        read_in(text, &|_| None)
    }

    const GOOD: &str = "kind = \"s3\"\nendpoint = \"https://h:9000/\"\nbucket = \"b\"\n";
    const KEY: &str = "access_key_id = \"i\"\nsecret_access_key = \"geheim\"\n";

    #[test]
    fn object_storage_has_defaults_for_all_but_its_place() {
        let Ok(BlobKind::S3(config)) = read(&[GOOD, KEY].concat()) else { panic!("S3 is asked for") };
        assert_eq!(config, S3Config::new("https://h:9000", "b", "i", "geheim"));
        let more = "region = \"fr\"\nprefix = \"mail/\"\ntimeout = \"10s\"\nretry_for = \"0s\"";
        let Ok(BlobKind::S3(config)) = read(&[GOOD, KEY, more].concat()) else { panic!("S3 is asked for") };
        assert_eq!((config.region.as_str(), config.prefix.as_str()), ("fr", "mail/"));
        assert_eq!((config.timeout, config.retry_for), (Duration::from_secs(10), Duration::ZERO));
    }

    #[test]
    fn credentials_may_come_from_the_environment() {
        let environment = |name: &str| Some(name.to_lowercase());
        let Ok(BlobKind::S3(config)) = read_in(GOOD, &environment) else { panic!("S3 is asked for") };
        assert_eq!(config.access_key_id, "aws_access_key_id");
        assert_eq!(config.secret_access_key, "aws_secret_access_key");
        // Half of them are not mixed with what the file says.
        assert!(read_in(&[GOOD, "access_key_id = \"i\""].concat(), &environment).is_err());
    }

    #[test]
    fn what_does_not_fit_the_kind_is_told() {
        for (text, word) in [
            ("endpoint = \"https://h\"", "blobs.endpoint is for object storage"),
            ("kind = \"file\"\nretry_for = \"5s\"", "blobs.retry_for is for object storage"),
            (&[KEY, "kind = \"s3\"\nbucket = \"b\""].concat(), "needs blobs.endpoint"),
            (&[KEY, "kind = \"s3\"\nendpoint = \"https://h\""].concat(), "needs blobs.bucket"),
            (&[KEY, "kind = \"s3\"\nendpoint = \"h:9000\"\nbucket = \"b\""].concat(), "is no URL"),
            (GOOD, "AWS_ACCESS_KEY_ID"),
            (&[GOOD, "access_key_id = \"i\""].concat(), "secret_access_key_file"),
            (&[GOOD, "secret_access_key = \"geheim\""].concat(), "access_key_id is missing"),
            (&[GOOD, KEY, "secret_access_key_file = \"f\""].concat(), "remove one"),
            (&[GOOD, KEY, "prefix = \"/m\""].concat(), "must not begin"),
            (&[GOOD, KEY, "timeout = \"0ms\""].concat(), "blobs.timeout must be more"),
            (&[GOOD, KEY, "retry_for = \"long\""].concat(), "blobs.retry_for: "),
            ("kind = \"ftp\"", "\"file\" or \"s3\""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word) && !error.contains("geheim"), "{text}: {error}");
        }
    }

    #[test]
    fn the_collector_has_its_times() {
        let read = |text: &str| toml::from_str::<BlobsTable>(text).unwrap().collect();
        assert_eq!(read(""), Ok(Collect { grace: Duration::from_secs(86_400), every: Duration::from_secs(600) }));
        let collect = read("grace = \"0s\"\ncollect_every = \"1s\"");
        assert_eq!(collect, Ok(Collect { grace: Duration::ZERO, every: Duration::from_secs(1) }));
        assert!(read("grace = \"24\"").unwrap_err().starts_with("blobs.grace: "));
        assert!(read("collect_every = \"0s\"").is_err());
    }
}
