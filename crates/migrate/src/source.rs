//! Where a mailbox is moved from, and as whom to log in there: what `--from`, `--user`, `--master` and the like say.
//!
//! A [`SourceSpec`] is written into the move's record; the [`Secret`] is not: the store seals it beside the record.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sterna_imap::client::{Endpoint, Tls};

use crate::error::{Error, Result};

/// How the connection is protected, as the URL's `tls=` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceTls {
    /// Not at all: loopback or a trusted network.
    None,
    /// STARTTLS; refused if the server does not offer it.
    StartTls,
    /// From the first byte.
    #[default]
    Implicit,
}

/// An IMAP source and the login to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub tls: SourceTls,
    /// Whose mailbox.
    pub user: String,
    /// A master user who logs in for `user` (`user*master`); the secret is the master's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// A SASL authorisation identity (RFC 4616): `user` authenticates, this mailbox is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authzid: Option<String>,
    /// A PEM file of authorities to trust instead of the operating system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// What proves who logs in. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// A password, the user's or the master's.
    Password(String),
    /// An OAuth 2.0 access token (SASL XOAUTH2).
    OAuthToken(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Secret::Password(_) => "Password(…)",
            Secret::OAuthToken(_) => "OAuthToken(…)",
        })
    }
}

impl Secret {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::Unreadable { what: "the secret", reason: e.to_string() })
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Secret> {
        // The parser's own words could quote the secret.
        serde_json::from_slice(bytes)
            .map_err(|_| Error::Unreadable { what: "the secret", reason: "it has another form".into() })
    }
}

impl SourceSpec {
    /// Reads `imap://HOST[:PORT][?tls=none|starttls|implicit]`; `imaps://` means implicit TLS.
    ///
    /// Without `tls=`, `imap://` to port 993 means implicit TLS and to any other STARTTLS. Without a port, it follows
    /// from the protection: 993 for implicit TLS, else 143. A login in the URL is refused, because command lines are
    /// public.
    pub fn parse(url: &str, user: &str) -> Result<SourceSpec> {
        let bad = |why: &str| {
            let form = "imap://HOST:PORT?tls=none|starttls|implicit";
            Error::Invalid(format!("the source \"{}\" {why}; write {form}", url.escape_debug()))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("has no scheme"))?;
        let implicit = match scheme.to_ascii_lowercase().as_str() {
            "imap" => false,
            "imaps" => true,
            _ => return Err(bad("is no IMAP source")),
        };
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains('@') {
            return Err(Error::Invalid(
                "the source names a login; give it apart, and the password on standard input".into(),
            ));
        }
        let (host, port) = match authority.strip_prefix('[').map(|v6| v6.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or_else(|| bad("has no port"))?)),
            Some(None) => return Err(bad("has no closing bracket")),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty()
            || host.contains(|c: char| {
                c.is_whitespace() || c.is_control() || "/:#[]".contains(c) && !authority.starts_with('[')
            })
        {
            return Err(bad("has no valid host name"));
        }
        let port = match port {
            Some(text) => Some(text.parse::<u16>().ok().filter(|p| *p > 0).ok_or_else(|| bad("has no valid port"))?),
            None => None,
        };
        let mut tls = implicit.then_some(SourceTls::Implicit);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            tls = Some(match pair {
                "tls=none" if !implicit => SourceTls::None,
                "tls=starttls" if !implicit => SourceTls::StartTls,
                "tls=implicit" => SourceTls::Implicit,
                _ => return Err(bad("has an option that is not known")),
            });
        }
        let tls = tls.unwrap_or(if port == Some(993) { SourceTls::Implicit } else { SourceTls::StartTls });
        let port = port.unwrap_or(if tls == SourceTls::Implicit { 993 } else { 143 });
        if user.is_empty() {
            return Err(Error::Invalid("the source needs a user to log in as".into()));
        }
        Ok(SourceSpec {
            host: host.to_owned(),
            port,
            tls,
            user: user.to_owned(),
            master: None,
            authzid: None,
            ca: None,
        })
    }

    /// The server, as the client connects to it.
    pub fn endpoint(&self) -> Endpoint {
        let tls = match self.tls {
            SourceTls::None => Tls::None,
            SourceTls::StartTls => Tls::StartTls,
            SourceTls::Implicit => Tls::Implicit,
        };
        Endpoint { ca: self.ca.clone(), ..Endpoint::new(self.host.clone(), self.port, tls) }
    }
}

impl fmt::Display for SourceSpec {
    /// Server and mailbox, never a secret: `imaps://mail.example.org:993 (anne@example.org)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.endpoint(), self.authzid.as_ref().unwrap_or(&self.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Option<(String, u16, SourceTls)> {
        SourceSpec::parse(url, "u").ok().map(|s| (s.host, s.port, s.tls))
    }

    #[test]
    fn port_and_tls_follow_from_each_other() {
        let spec = |host: &str, port, tls| Some((host.to_owned(), port, tls));
        assert_eq!(parse("imap://h:1143?tls=none"), spec("h", 1143, SourceTls::None));
        assert_eq!(parse("imap://h"), spec("h", 143, SourceTls::StartTls));
        assert_eq!(parse("imap://h:993"), spec("h", 993, SourceTls::Implicit));
        assert_eq!(parse("imaps://h/"), spec("h", 993, SourceTls::Implicit));
        assert_eq!(parse("IMAP://h?tls=implicit"), spec("h", 993, SourceTls::Implicit));
        assert_eq!(parse("imap://[::1]:143?tls=starttls"), spec("::1", 143, SourceTls::StartTls));
        assert_eq!(parse("imap://[::1]"), spec("::1", 143, SourceTls::StartTls));
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for url in [
            "",
            "h:143",
            "pop3://h",
            "imap://",
            "imap://h:0",
            "imap://h:99999",
            "imap://h:x",
            "imap://h?tls=maybe",
            "imaps://h?tls=none",
            "imap://user:secret@h",
            "imap://[::1",
            "imap://a b",
        ] {
            assert_eq!(parse(url), None, "{url}");
        }
        assert!(SourceSpec::parse("imap://h", "").is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::Password("geheim".into());
        assert!(!format!("{secret:?}").contains("geheim"));
        assert_eq!(Secret::from_bytes(&secret.to_bytes().unwrap()).unwrap(), secret);
        let error = Secret::from_bytes(b"\"geheim\"").unwrap_err().to_string();
        assert!(!error.contains("geheim"));
    }
}
