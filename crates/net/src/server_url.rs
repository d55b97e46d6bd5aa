//! Where a server is, as people write it: `imap://HOST[:PORT][?tls=none|starttls|implicit][&ca=FILE]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Tls, Trust};

/// The schemes that are known: name, ports in the clear and within TLS (0: there is none).
const SCHEMES: [(&str, u16, u16); 4] =
    [("imap", 143, 993), ("pop3", 110, 995), ("sieve", 4190, 0), ("submission", 587, 465)];

/// A server of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// `imap`, `pop3`, `sieve` or `submission`.
    pub scheme: &'static str,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// A PEM file of authorities to trust instead of the operating system's.
    pub ca: Option<PathBuf>,
}

/// A text that names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{url}\" {why}; write SCHEME://HOST[:PORT][?tls=none|starttls|implicit][&ca=FILE], with imap, pop3, sieve or submission"
)]
pub struct ServerUrlError {
    url: String,
    why: &'static str,
}

impl ServerUrl {
    /// Whose certificates are taken.
    pub fn trust(&self) -> Trust {
        self.ca.clone().map_or(Trust::System, Trust::File)
    }

    fn read(text: &str) -> Result<ServerUrl, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("has no scheme")?;
        let scheme = scheme.to_ascii_lowercase();
        let known = |name: &str| SCHEMES.iter().find(|(known, ..)| *known == name);
        let (found, named_implicit) = match known(&scheme) {
            Some(found) => (found, false),
            None => (scheme.strip_suffix('s').and_then(known).ok_or("has a scheme that is not known")?, true),
        };
        let (scheme, clear_port, tls_port) = *found;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = match authority.strip_prefix('[').map(|v6| v6.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or("has no port behind the colon")?)),
            Some(None) => return Err("has no closing bracket"),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let v6 = authority.starts_with('[') && host.parse::<std::net::Ipv6Addr>().is_ok();
        let named = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
        if !(v6 || named && !authority.starts_with('[')) {
            return Err("has no valid host name");
        }
        let port = match port {
            Some(text) => Some(text.parse::<u16>().ok().filter(|p| *p > 0).ok_or("has no valid port")?),
            None => None,
        };
        let (mut tls, mut ca) = (named_implicit.then_some(Tls::Implicit), None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("tls", "none")) if !named_implicit => tls = Some(Tls::None),
                Some(("tls", "starttls")) if !named_implicit => tls = Some(Tls::StartTls),
                Some(("tls", "implicit")) => tls = Some(Tls::Implicit),
                Some(("ca", file)) if !file.is_empty() => ca = Some(PathBuf::from(file)),
                _ => return Err("has an option that is not known"),
            }
        }
        let tls = tls.unwrap_or(if tls_port != 0 && port == Some(tls_port) { Tls::Implicit } else { Tls::StartTls });
        let usual = if tls == Tls::Implicit && tls_port != 0 { tls_port } else { clear_port };
        Ok(ServerUrl { scheme, host: host.to_owned(), port: port.unwrap_or(usual), tls, ca })
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    /// Without `tls=`, the port for TLS means implicit TLS and any other STARTTLS; without a port, it follows from the
    /// protection. A login in the URL is refused: command lines are public.
    fn from_str(text: &str) -> Result<ServerUrl, ServerUrlError> {
        ServerUrl::read(text).map_err(|why| ServerUrlError { url: text.escape_debug().to_string(), why })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerUrl { scheme, host, port, tls, ca } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        let tls = match tls {
            Tls::None => "none",
            Tls::StartTls => "starttls",
            Tls::Implicit => "implicit",
        };
        write!(f, "{scheme}://{open}{host}{close}:{port}?tls={tls}")?;
        ca.as_ref().map_or(Ok(()), |file| write!(f, "&ca={}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        for (text, whole) in [
            ("imap://h", "imap://h:143?tls=starttls"),
            ("IMAPS://h/", "imap://h:993?tls=implicit"),
            ("imap://h:993", "imap://h:993?tls=implicit"),
            ("pop3://[::1]:1110?tls=none", "pop3://[::1]:1110?tls=none"),
            ("pop3://h?tls=implicit", "pop3://h:995?tls=implicit"),
            ("sieve://old.example.org", "sieve://old.example.org:4190?tls=starttls"),
            ("submissions://h?ca=/etc/ca.pem", "submission://h:465?tls=implicit&ca=/etc/ca.pem"),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), whole);
            assert_eq!(whole.parse::<ServerUrl>().unwrap(), url);
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for bad in [
            "",
            "h",
            "smtp://h",
            "imap://",
            "imap://h:0",
            "imap://h:x",
            "imaps://h?tls=none",
            "imap://u:p@h",
            "imap://[::1",
            "imap://[h]",
            "imap://a b",
            "imap://h?tls=maybe",
            "imap://h?ca=",
            "imap://[::1]x",
        ] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad}");
        }
    }
}
