//! Where a server is and how to speak to it: a mail exchanger, a relay, or the platform that an account lies on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sterna_net::Trust;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: an answer for each recipient behind the message.
    Lmtp,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// Not at all: loopback or a trusted network.
    Clear,
    /// STARTTLS where it is offered and succeeds, whoever signed the certificate; in clear otherwise (RFC 7435).
    Opportunistic,
    /// STARTTLS with a verified certificate, or nothing.
    StartTls,
    /// TLS with a verified certificate from the first byte (RFC 8314).
    Implicit,
}

impl Security {
    /// Whether the server has proved its name.
    pub fn is_verified(self) -> bool {
        matches!(self, Security::StartTls | Security::Implicit)
    }
}

/// Name and password for a relay. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Login.
    pub user: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// One address of one server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name, for the certificate and for people.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
    /// What it speaks.
    pub protocol: Protocol,
    /// Protection.
    pub security: Security,
    /// Whose certificates are taken where the name must be proved.
    pub trust: Trust,
    /// For AUTH. Only over verified TLS, or to this machine.
    pub credentials: Option<Credentials>,
}

impl Server {
    /// A mail exchanger: port and address, opportunistic TLS.
    pub fn exchanger(name: &str, address: SocketAddr) -> Server {
        Server {
            name: name.to_owned(),
            address,
            protocol: Protocol::Smtp,
            security: Security::Opportunistic,
            trust: Trust::System,
            credentials: None,
        }
    }
}

impl fmt::Display for Server {
    /// `mx.example.org[192.0.2.1]:25`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]:{}", self.name, self.address.ip(), self.address.port())
    }
}

/// How long to wait, each for one wait (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// TCP connection and TLS handshake: each.
    pub connect: Duration,
    /// The greeting, and the answers to EHLO, STARTTLS, AUTH, MAIL and RCPT: each.
    pub command: Duration,
    /// The answer to DATA.
    pub data: Duration,
    /// That the server takes a piece of the message.
    pub block: Duration,
    /// The answer behind the message. A server may have made it durable already: giving up here makes duplicates.
    pub end: Duration,
    /// The answer to QUIT, which nothing depends on.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(300),
            data: Duration::from_secs(120),
            block: Duration::from_secs(180),
            end: Duration::from_secs(600),
            quit: Duration::from_secs(5),
        }
    }
}

/// A route's text cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write it as smtp://HOST:PORT?tls=starttls, or lmtp://…; tls is none, starttls or implicit, &ca=FILE may follow"
)]
pub struct RouteError(String);

/// `smtp://HOST:PORT?tls=none|starttls|implicit[&ca=FILE]`, or `lmtp://…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Host name or address, without brackets.
    pub host: String,
    /// The port: 25 or 24 (the port that RFC 2033's registration gives LMTP) if the text has none.
    pub port: u16,
    /// Protection; without `tls=`: opportunistic.
    pub security: Security,
    /// A PEM file of authorities instead of the operating system's.
    pub ca: Option<PathBuf>,
}

impl Route {
    /// Whose certificates are taken.
    pub fn trust(&self) -> Trust {
        self.ca.clone().map_or(Trust::System, Trust::File)
    }
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Route, RouteError> {
        let bad = |why: &str| RouteError(format!("the route {text:?} {why}"));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("has no scheme"))?;
        let (protocol, usual) = match scheme {
            "smtp" => (Protocol::Smtp, 25),
            "lmtp" => (Protocol::Lmtp, 24),
            _ => return Err(bad("is neither SMTP nor LMTP")),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = match place.strip_prefix('[') {
            Some(literal) => {
                let (host, behind) = literal.split_once(']').ok_or_else(|| bad("has a bracket open"))?;
                host.parse::<IpAddr>().map_err(|_| bad("has brackets around what is no address"))?;
                (host, behind.strip_prefix(':').or(behind.is_empty().then_some("")))
            }
            None => place.split_once(':').map_or((place, Some("")), |(host, port)| (host, Some(port))),
        };
        let port = match port.ok_or_else(|| bad("has something behind its bracket"))? {
            "" => usual,
            digits => digits.parse().ok().filter(|port| *port != 0).ok_or_else(|| bad("has no valid port"))?,
        };
        let odd = |c: char| c.is_control() || c.is_whitespace() || "/@?#\"<>".contains(c);
        if host.is_empty() || host.len() > 253 || host.contains(odd) {
            return Err(bad("has no valid host"));
        }
        let (mut security, mut ca) = (Security::Opportunistic, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("tls", "none")) => security = Security::Clear,
                Some(("tls", "starttls")) => security = Security::StartTls,
                Some(("tls", "implicit")) => security = Security::Implicit,
                Some(("ca", file)) if !file.is_empty() => ca = Some(PathBuf::from(file)),
                _ => return Err(bad(&format!("has the unknown setting {pair:?}"))),
            }
        }
        if ca.is_some() && !security.is_verified() {
            return Err(bad("names authorities for TLS that it does not ask for"));
        }
        Ok(Route { protocol, host: host.to_ascii_lowercase(), port, security, ca })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Smtp => "smtp",
            Protocol::Lmtp => "lmtp",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port)?,
            false => write!(f, "{scheme}://{}:{}", self.host, self.port)?,
        }
        f.write_str(match self.security {
            Security::Clear => "?tls=none",
            Security::Opportunistic => "",
            Security::StartTls => "?tls=starttls",
            Security::Implicit => "?tls=implicit",
        })?;
        match &self.ca {
            Some(ca) => write!(f, "&ca={}", ca.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_back() {
        for text in [
            "smtp://relay.example.org:587?tls=starttls",
            "lmtp://10.0.0.1:24?tls=none",
            "lmtp://[::1]:2424?tls=implicit&ca=/etc/ca.pem",
            "smtp://mx.example.org:25",
        ] {
            assert_eq!(text.parse::<Route>().unwrap().to_string(), text);
        }
        assert_eq!("smtp://a".parse::<Route>().unwrap().port, 25);
        assert_eq!("lmtp://[::1]".parse::<Route>().unwrap().port, 24);
    }

    #[test]
    fn what_is_no_route_is_told() {
        for bad in [
            "",
            "mx.example.org",
            "http://x:1",
            "smtp://",
            "smtp://:25",
            "smtp://x:0",
            "smtp://x:70000",
            "smtp://x:25?tls=maybe",
            "smtp://x:25?ca=/etc/ca.pem",
            "smtp://user@x:25",
            "smtp://[x]:25",
            "smtp://[::1]x",
            "smtp://[::1",
            "smtp://a b:25",
            "smtp://x:25?tls=starttls&ca=",
        ] {
            assert!(bad.parse::<Route>().is_err(), "{bad}");
        }
    }
}
