//! URLs of other mail servers, as relay or as the platform that has a mailbox: checked here, so that a mistake is told to
//! who makes it and not found in a queue that stands still.

use std::path::Path;

use super::is_hostname;

/// The form, for errors.
const FORM: &str = "HOST:PORT?tls=none|starttls|implicit";

/// Checks `SCHEME://HOST[:PORT]?tls=none|starttls|implicit[&ca=FILE]`; gives it with the file's path made absolute.
pub fn check_route(text: &str, schemes: &[&str], directory: &Path) -> Result<String, String> {
    let wrong = |why: &str| {
        let forms: Vec<String> = schemes.iter().map(|scheme| format!("\"{scheme}://{FORM}\"")).collect();
        format!("\"{text}\" {why}; write {}", forms.join(" or "))
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is no URL"))?;
    if !schemes.contains(&scheme) {
        return Err(wrong("has another scheme"));
    }
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, port) = host_and_port(place.trim_end_matches('/')).ok_or_else(|| wrong("names no host"))?;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let mut route = format!("{scheme}://{host}{port}");
    let (mut verified, mut authorities, mut separator) = (false, false, '?');
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let value = match parameter.split_once('=') {
            Some(("tls", tls @ ("none" | "starttls" | "implicit"))) => {
                verified = tls != "none";
                parameter.to_owned()
            }
            Some(("ca", file)) if !file.is_empty() => {
                authorities = true;
                format!("ca={}", directory.join(file).display())
            }
            _ => return Err(wrong(&format!("has a parameter \"{parameter}\" that is not known"))),
        };
        route = format!("{route}{separator}{value}");
        separator = '&';
    }
    if authorities && !verified {
        return Err(wrong("names authorities for TLS that it does not ask for"));
    }
    Ok(route)
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
        for good in
            ["lmtp://old.example.org:24", "smtp://h?tls=none", "smtp://[::1]:25?tls=implicit", "lmtp://192.0.2.1"]
        {
            assert_eq!(check(good).as_deref(), Ok(good));
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
