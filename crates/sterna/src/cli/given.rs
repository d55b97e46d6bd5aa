//! Values of the command line that may also be "none", and those that are checked before anything is asked.

use std::path::Path;

use sterna_core::{Address, parse_bytes};
use sterna_net::ServerUrl;
use sterna_store::Route;

use crate::config::{LANGUAGES, check_route};

/// The word for no value.
const NONE: &str = "none";

/// A value, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given<T>(pub Option<T>);

fn given<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Given<T>, String> {
    if text.eq_ignore_ascii_case(NONE) {
        return Ok(Given(None));
    }
    parse(text).map(|value| Given(Some(value)))
}

/// An address; gives it folded.
pub(super) fn address(text: &str) -> Result<String, String> {
    Address::parse(text).map(|address| address.to_string()).map_err(|e| e.to_string())
}

/// An address, or none.
pub(super) fn address_or_none(text: &str) -> Result<Given<String>, String> {
    given(text, address)
}

/// A size, or none.
pub(super) fn size(text: &str) -> Result<Given<u64>, String> {
    given(text, |text| parse_bytes(text).map_err(|e| e.to_string()))
}

/// A number from 1, or none.
pub(super) fn limit(text: &str) -> Result<Given<u32>, String> {
    let number = |text: &str| text.parse().ok().filter(|n| *n > 0);
    given(text, |text| number(text).ok_or_else(|| format!("write a number from 1, or {NONE}")))
}

/// The URL of where mail goes, or none; an empty text is none.
pub(super) fn route(text: &str) -> Result<Given<String>, String> {
    url(text, |text| {
        let here = std::env::current_dir().unwrap_or_default();
        check_route(text, &["lmtp", "smtp"], Path::new(&here))
    })
}

/// The URL of a server that people use, or none; an empty text is none.
pub(super) fn server(text: &str) -> Result<Given<String>, String> {
    url(text, |text| {
        let mut server: ServerUrl = text.parse().map_err(|e: sterna_net::ServerUrlError| e.to_string())?;
        server.ca = server.ca.map(std::path::absolute).transpose().map_err(|e| e.to_string())?;
        Ok(server.to_string())
    })
}

/// The URL of web pages, or none; an empty text is none.
pub(super) fn web(text: &str) -> Result<Given<String>, String> {
    url(text, |text| {
        let is_web = text.starts_with("https://") || text.starts_with("http://");
        is_web.then(|| text.to_owned()).ok_or_else(|| format!("write https://…, or {NONE}"))
    })
}

fn url(text: &str, parse: impl FnOnce(&str) -> Result<String, String>) -> Result<Given<String>, String> {
    if text.is_empty() { Ok(Given(None)) } else { given(text, parse) }
}

/// A platform's name, as accounts and domains have it for a place.
pub(super) fn platform(text: &str) -> Result<String, String> {
    match text {
        "" => Err("write the name of a platform, or --here".to_owned()),
        name => Ok(Route::Platform(name.to_owned()).to_string()),
    }
}

/// A language of notices, or none.
pub(super) fn language(text: &str) -> Result<Given<String>, String> {
    given(text, |text| {
        let known = LANGUAGES.contains(&text);
        known.then(|| text.to_owned()).ok_or_else(|| format!("write {} or {NONE}", LANGUAGES.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_a_value_and_nonsense_is_none() {
        assert_eq!(size("none"), Ok(Given(None)));
        assert_eq!(size("5G"), Ok(Given(Some(5 << 30))));
        assert_eq!(limit("None"), Ok(Given(None)));
        assert!(limit("0").is_err() && limit("-1").is_err() && limit("many").is_err());
        assert_eq!(address_or_none("Anne@Example.org"), Ok(Given(Some("anne@example.org".into()))));
        assert!(address_or_none("anne").is_err() && language("de").is_err() && route("old.example.org").is_err());
        assert_eq!(server(""), Ok(Given(None)));
        assert_eq!(server("imap://h"), Ok(Given(Some("imap://h:143?tls=starttls".into()))));
        let with_file = server("imaps://h?ca=f").unwrap().0.unwrap();
        assert!(with_file.contains("&ca=/") && with_file.ends_with("/f"), "{with_file}");
        assert!(server("h:143").is_err() && web("ftp://h").is_err() && platform("").is_err());
        assert_eq!(platform("old"), Ok("platform:old".into()));
        assert_eq!(route("lmtp://h:24?tls=none"), Ok(Given(Some("lmtp://h:24?tls=none".into()))));
    }
}
