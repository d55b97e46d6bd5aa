//! The address of an account: what a user logs in with.

use std::fmt;

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an address of the form name@domain")]
pub struct AddressError(String);

/// `local@domain`, at most 254 bytes (RFC 5321 §4.5.3.1), in lower case, ASCII or UTF-8.
///
/// The local part is folded too, which the RFC leaves to the host: mail hosting has no two mailboxes that differ in
/// case only, and clients write it as they please.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// Reads and folds an address.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let error = || AddressError(text.chars().take(100).collect());
        let folded = text.trim().to_lowercase();
        let (local, domain) = folded.rsplit_once('@').ok_or_else(error)?;
        let bad = |c: char| c.is_control() || c.is_whitespace() || "()<>[]:;,\\\"@/".contains(c);
        let label_ok = |l: &str| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-');
        let domain_ok = domain.split('.').all(label_ok) && !domain.contains(|c: char| bad(c) || c == '_');
        let local_ok = !local.is_empty() && local.len() <= 64 && !local.contains(bad);
        if !domain_ok || !local_ok || folded.len() > 254 {
            return Err(error());
        }
        Ok(Address(folded))
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the last `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, d)| d)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_folded_and_checked() {
        assert_eq!(Address::parse(" Anne.Martin@Example.ORG ").unwrap().as_str(), "anne.martin@example.org");
        for bad in ["", "anne", "@x.org", "anne@", "a b@x.org", "a@-x.org", "../a@x.org", "a@x..org", "a@x_y.org"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}
