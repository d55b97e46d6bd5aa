//! Values of the command line that may also be "none", and those that are checked before anything is asked.

use std::path::Path;

use sterna_core::{Address, parse_bytes};

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

/// The URL of a platform, or none.
pub(super) fn route(text: &str) -> Result<Given<String>, String> {
    given(text, |text| {
        let here = std::env::current_dir().unwrap_or_default();
        check_route(text, &["lmtp", "smtp"], Path::new(&here))
    })
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
        assert_eq!(route("lmtp://h:24?tls=none"), Ok(Given(Some("lmtp://h:24?tls=none".into()))));
    }
}
