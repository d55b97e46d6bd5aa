//! A platform: where mailboxes are that are not here, or not here yet.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sterna_net::ServerUrl;
use sterna_store::{PlatformRecord, Store};

/// How Sterna logs in there for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "as")]
pub enum PlatformLogin {
    /// With what the user says: the platform knows whether it is right.
    #[default]
    User,
    /// As a master user, by a combined name (`user*master`); the password was checked here.
    Master {
        /// Who logs in.
        login: String,
        /// Between the two names.
        separator: String,
    },
    /// By SASL PLAIN with an authorisation identity (RFC 4616); the password was checked here.
    Authzid {
        /// Who logs in.
        login: String,
    },
    /// By XOAUTH2 with a token that is good for every user; the password was checked here.
    OAuth2,
}

/// What users are called there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserForm {
    /// By their address.
    #[default]
    Address,
    /// By its local part.
    Local,
}

/// What an operator says of a platform. URLs are texts of [`ServerUrl`] but `deliver`, which is a route of the queue
/// (`lmtp://…`, `smtp://…`), and `dav` and `web`, which are for browsers and clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// IMAP. Logins of protocols that have no server of their own are checked there, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imap: Option<String>,
    /// POP3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pop3: Option<String>,
    /// ManageSieve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sieve: Option<String>,
    /// Where mail for its mailboxes goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver: Option<String>,
    /// Its submission server. Sterna's own serves everybody; this is written down for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission: Option<String>,
    /// Calendars and contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dav: Option<String>,
    /// Its webmail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<String>,
    /// How Sterna logs in.
    pub login: PlatformLogin,
    /// What users are called there.
    pub user: UserForm,
    /// It may be told the client's address (IMAP ID, POP3 XCLIENT): it trusts Sterna's.
    pub tell_client: bool,
    /// A password that it accepts becomes the account's here, as a hash, if the account has none.
    pub learn: bool,
    /// Sessions that may be relayed to it at a time; `None`: as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u32>,
    /// Seconds that connecting and logging in may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}

/// Settings that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlatformError(String);

/// A platform, ready for use.
#[derive(Clone, Debug)]
pub struct Platform {
    /// What routes call it.
    pub name: String,
    /// IMAP.
    pub imap: Option<ServerUrl>,
    /// POP3.
    pub pop3: Option<ServerUrl>,
    /// ManageSieve.
    pub sieve: Option<ServerUrl>,
    /// All that was said.
    pub settings: Settings,
    /// Of the login that stands for all users.
    pub(crate) secret: Option<String>,
}

/// The longest that connecting and logging in may take, where the settings say nothing.
const TIMEOUT: Duration = Duration::from_secs(20);

impl Settings {
    /// Checks everything that can be checked without the platform; `has_secret`: a password for all users is known.
    pub fn check(&self, has_secret: bool) -> Result<(), PlatformError> {
        for (name, url) in [("imap", &self.imap), ("pop3", &self.pop3), ("sieve", &self.sieve)] {
            server(name, url.as_deref())?;
        }
        if let Some(url) = &self.submission {
            server("submission", Some(url))?;
        }
        for (name, url) in [("dav", &self.dav), ("web", &self.web)] {
            if url.as_deref().is_some_and(|url| !is_web(url)) {
                return Err(PlatformError(format!("{name} must be an https:// or http:// URL")));
            }
        }
        if self.login != PlatformLogin::User && !has_secret {
            return Err(PlatformError("a login for all users needs its password".into()));
        }
        Ok(())
    }
}

fn is_web(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !url.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

fn server(name: &'static str, url: Option<&str>) -> Result<Option<ServerUrl>, PlatformError> {
    let Some(url) = url else { return Ok(None) };
    let parsed: ServerUrl = url.parse().map_err(|e| PlatformError(format!("{name}: {e}")))?;
    match parsed.scheme == name {
        true => Ok(Some(parsed)),
        false => Err(PlatformError(format!("{name} must be a URL that begins with {name}://"))),
    }
}

impl Platform {
    /// From what the store has.
    pub fn read(store: &Store, record: &PlatformRecord) -> Result<Platform, PlatformError> {
        let broken = |e: &dyn std::fmt::Display| PlatformError(format!("platform {}: {e}", record.name));
        let settings: Settings = serde_json::from_str(&record.settings).map_err(|e| broken(&e))?;
        let secret = match &record.secret {
            Some(sealed) => {
                let bytes = store.unseal(sealed).map_err(|e| broken(&e))?;
                Some(String::from_utf8(bytes).map_err(|_| broken(&"its password is no text"))?)
            }
            None => None,
        };
        Ok(Platform {
            name: record.name.clone(),
            imap: server("imap", settings.imap.as_deref())?,
            pop3: server("pop3", settings.pop3.as_deref())?,
            sieve: server("sieve", settings.sieve.as_deref())?,
            settings,
            secret,
        })
    }

    /// The longest that connecting and logging in may take.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.clamp(1, 300).into()))
    }

    /// Whether the platform itself knows if a password is right.
    pub fn knows_passwords(&self) -> bool {
        self.settings.login == PlatformLogin::User
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_before_they_are_stored() {
        let imap = |url: &str| Settings { imap: Some(url.into()), ..Settings::default() };
        assert_eq!(imap("imaps://old").check(false), Ok(()));
        assert!(imap("pop3://old").check(false).is_err());
        assert!(imap("old").check(false).is_err());
        let master = PlatformLogin::Master { login: "m".into(), separator: "*".into() };
        let settings = Settings { login: master, ..imap("imap://old") };
        assert!(settings.check(false).is_err() && settings.check(true).is_ok());
        let web = |url: &str| Settings { web: Some(url.into()), ..Settings::default() };
        assert!(web("https://mail.old.example/owa").check(false).is_ok());
        assert!(web("javascript:alert(1)").check(false).is_err() && web("https:///x").check(false).is_err());
    }

    #[test]
    fn settings_read_back_and_unknown_ones_are_refused() {
        let settings = Settings {
            imap: Some("imaps://old".into()),
            login: PlatformLogin::Authzid { login: "admin".into() },
            learn: true,
            ..Settings::default()
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
        assert!(serde_json::from_str::<Settings>(r#"{"imapp":"x"}"#).is_err());
    }
}
