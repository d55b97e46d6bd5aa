//! URLs of other mail servers, as relay or as the platform that has a mailbox: checked here, so that a mistake is told to
//! who makes it and not found in a queue that stands still.

use std::net::IpAddr;
use std::path::Path;

use sterna_smtp::client::{Route, RouteError};

use super::is_hostname;

/// The form, for errors.
const FORM: &str = "HOST:PORT?tls=none|starttls|implicit";

/// Checks `SCHEME://HOST[:PORT]?tls=none|starttls|implicit[&ca=FILE]`; gives it whole, with its port and the file's
/// absolute path.
pub fn check_route(text: &str, schemes: &[&str], directory: &Path) -> Result<String, String> {
    let wrong = |why: &str| {
        let forms: Vec<String> = schemes.iter().map(|scheme| format!("\"{scheme}://{FORM}\"")).collect();
        format!("{why}; write {}", forms.join(" or "))
    };
    let mut route: Route = text.parse().map_err(|e: RouteError| wrong(&e.to_string()))?;
    if !schemes.iter().any(|scheme| text.starts_with(&format!("{scheme}://"))) {
        return Err(wrong(&format!("\"{text}\" has another scheme")));
    }
    if !is_hostname(&route.host) && route.host.parse::<IpAddr>().is_err() {
        return Err(wrong(&format!("\"{text}\" names no host")));
    }
    route.ca = route.ca.map(|file| directory.join(file));
    Ok(route.to_string())
}

/// A host name or an address, and the port behind it if there is one.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(nonzero(port)?),
            None if port.is_empty() => None,
            None => return None,
        };
        return Some((text.get(..address.len() + 2)?, port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(nonzero(port)?)),
        None => (text, None),
    };
    is_hostname(host).then_some((host, port))
}

fn nonzero(port: &str) -> Option<u16> {
    port.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_checked_and_files_made_absolute() {
        let check = |text: &str| check_route(text, &["lmtp", "smtp"], Path::new("/etc"));
        for (given, whole) in [
            ("lmtp://old.example.org:24", "lmtp://old.example.org:24"),
            ("smtp://h?tls=none", "smtp://h:25?tls=none"),
            ("smtp://[::1]:26?tls=implicit", "smtp://[::1]:26?tls=implicit"),
            ("lmtp://192.0.2.1/", "lmtp://192.0.2.1:24"),
        ] {
            assert_eq!(check(given).as_deref(), Ok(whole));
        }
        let with_file = check("smtp://h:25?tls=starttls&ca=ca.pem");
        assert_eq!(with_file.as_deref(), Ok("smtp://h:25?tls=starttls&ca=/etc/ca.pem"));
        for bad in [
            "h:25",
            "imap://h",
            "smtp://",
            "smtp://h:0",
            "smtp://h:99999",
            "smtp://a b",
            "smtp://[::1",
            "smtp://[h]:1",
            "smtp://u@h",
            "smtp://h?tls=maybe",
            "smtp://h?tsl=none",
            "smtp://h?ca=",
            "smtp://h?tls=none&ca=f",
            "smtp://[::1]x",
        ] {
            assert!(check(bad).unwrap_err().contains("smtp://HOST:PORT"), "{bad}");
        }
    }
}
