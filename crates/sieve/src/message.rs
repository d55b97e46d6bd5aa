//! A message as a script sees it.

use sterna_core::Address;

/// The most bytes of a message that are worth handing over: scripts look at its header and the beginning of its body. No
/// run holds more than a few times as much in memory.
pub const WHOLE: u64 = 4 << 20;

/// A message and its envelope.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The header and the body, or of a message larger than [`WHOLE`] its first [`WHOLE`] bytes.
    pub bytes: &'m [u8],
    /// The size of the whole message, for the `size` test.
    pub size: u64,
    /// The reverse-path without brackets; empty: `<>`.
    pub sender: &'m str,
    /// The recipient as the envelope has it now, with its detail: `anne+lists@example.org`.
    pub recipient: &'m str,
    /// The addresses of the account: its own first, then those of its aliases. A reply goes out only if the message is
    /// addressed to one of them (RFC 5230 §4.5); the first is its sender.
    pub identities: &'m [String],
    /// The account's user as replies name him, if that is known.
    pub full_name: Option<&'m str>,
    /// This server's name: Message-IDs of replies end with it, and `environment "host"` tells it.
    pub hostname: &'m str,
    /// Further items of the environment (RFC 5183): `remote-ip`, `vnd.sterna.external` (`yes` or empty), …
    pub environment: &'m [(&'static str, String)],
    /// What the sender's domain is allowed to be answered: `false` for a message whose sender is not authentic, so that
    /// nobody is made to receive replies to what he never sent.
    pub may_reply: bool,
    /// Seconds since 1970, for the dates of replies.
    pub now: i64,
}

/// The address in `local@domain` or `Name <local@domain>` (RFC 5228 §2.4.2.3); `None` if it is neither.
pub(crate) fn bare_address(text: &str) -> Option<&str> {
    let bare = match text.trim().strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<')?.1,
        None => text.trim(),
    };
    Address::parse(bare).ok().map(|_| bare)
}

/// Whether `address` is `own`, or `own` with a detail behind a plus (RFC 5233). Both in lower case.
pub(crate) fn is_own(address: &str, own: &str) -> bool {
    let without_detail = |(local, domain): (&str, &str)| {
        let (user, _) = local.split_once('+')?;
        own.strip_prefix(user)?.strip_prefix('@').filter(|d| *d == domain).map(|_| ())
    };
    address == own || address.rsplit_once('@').and_then(without_detail).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_bare_or_within_brackets() {
        assert_eq!(bare_address("a@x.org"), Some("a@x.org"));
        assert_eq!(bare_address("\"A, B\" <A@x.org>"), Some("A@x.org"));
        for bad in ["", "a", "a@x.org, b@x.org", "<a@x.org", "a@x.org\r\nBcc: b@x.org", "a b@x.org"] {
            assert_eq!(bare_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_detail_does_not_make_it_another_address() {
        assert!(is_own("anne@x.org", "anne@x.org") && is_own("anne+y@x.org", "anne@x.org"));
        assert!(!is_own("anna+y@x.org", "anne@x.org") && !is_own("anne+y@y.org", "anne@x.org"));
    }
}
