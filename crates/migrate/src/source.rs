//! Where a mailbox is moved from, and as whom to log in there: what `--from`, `--user`, `--master` and the like say.
//!
//! A [`SourceSpec`] is written into the move's record; the [`Secret`] is not: the store seals it beside the record.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sterna_imap::client::Endpoint;
use sterna_net::{Tls, Trust};
use sterna_pop3::client as pop3;

use crate::error::{Error, Result};

/// What the source speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Everything can be moved.
    #[default]
    Imap,
    /// INBOX alone, without flags: for a server that has no IMAP.
    Pop3,
}

impl Protocol {
    fn is_imap(&self) -> bool {
        *self == Protocol::Imap
    }

    /// Where a server listens as a rule: by what begins in the clear, and within TLS.
    fn ports(self) -> (u16, u16) {
        match self {
            Protocol::Imap => (143, 993),
            Protocol::Pop3 => (110, 995),
        }
    }
}

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

/// The POP3 side of a mailbox that is moved over IMAP: its unique ids are carried over from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pop3Source {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub tls: SourceTls,
}

impl Pop3Source {
    /// Reads `pop3://HOST[:PORT][?tls=none|starttls|implicit]`, by the rules of [`SourceSpec::parse`].
    pub fn parse(url: &str) -> Result<Pop3Source> {
        match Location::parse(url)? {
            Location { protocol: Protocol::Pop3, host, port, tls } => Ok(Pop3Source { host, port, tls }),
            _ => Err(Error::Invalid(format!("\"{}\" is no POP3 server; write {POP3_FORM}", url.escape_debug()))),
        }
    }
}

/// A source and the login to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// What it speaks.
    #[serde(default, skip_serializing_if = "Protocol::is_imap")]
    pub protocol: Protocol,
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
    /// With an IMAP source: where the same login finds the same INBOX over POP3, whose unique ids are to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pop3: Option<Pop3Source>,
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

const IMAP_FORM: &str = "imap://HOST:PORT?tls=none|starttls|implicit";
const POP3_FORM: &str = "pop3://HOST:PORT?tls=none|starttls|implicit";

/// What a URL says.
struct Location {
    protocol: Protocol,
    host: String,
    port: u16,
    tls: SourceTls,
}

impl Location {
    fn parse(url: &str) -> Result<Location> {
        let pop3 = url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("pop3"));
        let form = if pop3 { POP3_FORM } else { IMAP_FORM };
        let bad = |why: &str| Error::Invalid(format!("the source \"{}\" {why}; write {form}", url.escape_debug()));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("has no scheme"))?;
        let (protocol, implicit) = match scheme.to_ascii_lowercase().as_str() {
            "imap" => (Protocol::Imap, false),
            "imaps" => (Protocol::Imap, true),
            "pop3" => (Protocol::Pop3, false),
            "pop3s" => (Protocol::Pop3, true),
            _ => return Err(bad("is neither IMAP nor POP3")),
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
        let (clear_port, tls_port) = protocol.ports();
        let by_port = if port == Some(tls_port) { SourceTls::Implicit } else { SourceTls::StartTls };
        let tls = tls.unwrap_or(by_port);
        let port = port.unwrap_or(if tls == SourceTls::Implicit { tls_port } else { clear_port });
        Ok(Location { protocol, host: host.to_owned(), port, tls })
    }
}

impl SourceSpec {
    /// Reads `imap://HOST[:PORT][?tls=none|starttls|implicit]` or the same with `pop3://`; `imaps://` and `pop3s://` mean
    /// implicit TLS.
    ///
    /// Without `tls=`, port 993 (POP3: 995) means implicit TLS and any other STARTTLS. Without a port, it follows from
    /// the protection: 993 (995) for implicit TLS, else 143 (110). A login in the URL is refused, because command lines
    /// are public.
    pub fn parse(url: &str, user: &str) -> Result<SourceSpec> {
        let Location { protocol, host, port, tls } = Location::parse(url)?;
        if user.is_empty() {
            return Err(Error::Invalid("the source needs a user to log in as".into()));
        }
        let user = user.to_owned();
        Ok(SourceSpec { protocol, host, port, tls, user, master: None, authzid: None, ca: None, pop3: None })
    }

    /// The server, as the client connects to it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { ca: self.ca.clone(), ..Endpoint::new(self.host.clone(), self.port, self.tls.into()) }
    }

    /// The POP3 server, if there is one: the source itself, or beside it.
    pub fn pop3_endpoint(&self) -> Option<pop3::Endpoint> {
        let (host, port, tls) = match (self.protocol, &self.pop3) {
            (Protocol::Pop3, _) => (&self.host, self.port, self.tls),
            (Protocol::Imap, Some(beside)) => (&beside.host, beside.port, beside.tls),
            (Protocol::Imap, None) => return None,
        };
        let trust = self.ca.clone().map_or(Trust::System, Trust::File);
        Some(pop3::Endpoint { trust, ..pop3::Endpoint::new(host.clone(), port, tls.into()) })
    }
}

impl From<SourceTls> for Tls {
    fn from(tls: SourceTls) -> Tls {
        match tls {
            SourceTls::None => Tls::None,
            SourceTls::StartTls => Tls::StartTls,
            SourceTls::Implicit => Tls::Implicit,
        }
    }
}

impl fmt::Display for SourceSpec {
    /// Server and mailbox, never a secret: `imaps://mail.example.org:993 (anne@example.org)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mailbox = self.authzid.as_ref().unwrap_or(&self.user);
        match self.pop3_endpoint() {
            Some(pop3) if self.protocol == Protocol::Pop3 => write!(f, "{pop3} ({mailbox})"),
            Some(pop3) => write!(f, "{} and {pop3} ({mailbox})", self.endpoint()),
            None => write!(f, "{} ({mailbox})", self.endpoint()),
        }
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
    fn a_pop3_server_is_a_source_or_stands_beside_one() {
        let spec = SourceSpec::parse("pop3://h?tls=implicit", "u").unwrap();
        assert_eq!((spec.protocol, spec.port), (Protocol::Pop3, 995));
        assert_eq!(spec.to_string(), "pop3s://h:995 (u)");
        let mut spec = SourceSpec::parse("imaps://h", "u").unwrap();
        assert!(spec.pop3_endpoint().is_none());
        // Records of versions that knew no POP3 are still read.
        assert!(!serde_json::to_string(&spec).unwrap().contains("pop3"));
        spec.pop3 = Some(Pop3Source::parse("pop3://p:1110?tls=none").unwrap());
        assert_eq!(spec.to_string(), "imaps://h:993 and pop3://p:1110 (u)");
        assert_eq!(Pop3Source::parse("pop3://p").unwrap().port, 110);
        assert_eq!(Pop3Source::parse("pop3://p:995").unwrap().tls, SourceTls::Implicit);
        assert!(Pop3Source::parse("imap://p").is_err());
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for url in [
            "",
            "h:143",
            "smtp://h",
            "pop3s://h?tls=none",
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
