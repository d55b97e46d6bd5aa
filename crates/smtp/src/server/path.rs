//! Mailboxes and paths as MAIL, RCPT and the From field write them (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! A path is taken exactly or not at all: what two programs could read differently never gets in.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of a domain (RFC 5321 §4.5.3.1.2).
const MAX_DOMAIN: usize = 255;
/// Bytes of a path without the brackets. RFC 5321 §4.5.3.1 asks for 254, and for no limit where there need be none:
/// rewritten senders (SRS, VERP) are longer than its 64 bytes of a local part.
const MAX_PATH: usize = 512;

/// Why a path was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathError {
    /// Not `<...>` at all.
    Syntax,
    /// What stands between the brackets is no mailbox.
    Mailbox,
}

/// Reads `<path>` at the beginning of `text`; gives the mailbox without brackets and route, and what follows.
/// Empty: `<>`. `<Postmaster>` is given as `postmaster`.
pub(super) fn path(text: &str) -> Result<(&str, &str), PathError> {
    let inner = text.strip_prefix('<').ok_or(PathError::Syntax)?;
    let close = end(inner).ok_or(PathError::Syntax)?;
    let (inner, rest) = (inner.get(..close).unwrap_or_default(), inner.get(close + 1..).unwrap_or_default());
    if inner.is_empty() {
        return Ok(("", rest));
    }
    if inner.eq_ignore_ascii_case("postmaster") {
        return Ok(("postmaster", rest));
    }
    // A source route is read and ignored (RFC 5321 §4.1.1.3, appendix C).
    let mailbox = match inner.strip_prefix('@') {
        None => inner,
        Some(route) => {
            let (route, mailbox) = route.split_once(':').ok_or(PathError::Mailbox)?;
            let mut hops =
                route.split(',').enumerate().map(|(i, h)| if i == 0 { Some(h) } else { h.strip_prefix('@') });
            if !hops.all(|hop| hop.is_some_and(is_domain)) {
                return Err(PathError::Mailbox);
            }
            mailbox
        }
    };
    if is_mailbox(mailbox) { Ok((mailbox, rest)) } else { Err(PathError::Mailbox) }
}

/// Where the `>` stands that is not within quotes.
fn end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (i, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(i),
            _ => {}
        }
    }
    None
}

/// `Local-part "@" ( Domain / address-literal )`.
pub(super) fn is_mailbox(text: &str) -> bool {
    let Some((local, domain)) = split(text) else { return false };
    text.len() <= MAX_PATH && is_local(local) && (is_domain(domain) || is_literal(domain))
}

/// The parts on both sides of the `@` that is not within quotes.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    // No domain has an @ within, no quoted local part is followed by a quote.
    text.rsplit_once('@')
}

fn is_local(text: &str) -> bool {
    match text.strip_prefix('"') {
        None => text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)),
        Some(quoted) => quoted.strip_suffix('"').is_some_and(is_quoted_content),
    }
}

/// RFC 5321 §4.1.2 `*QcontentSMTP`.
fn is_quoted_content(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let good = match c {
            '\\' => chars.next().is_some_and(|next| matches!(next, ' '..='~')),
            '"' => false,
            ' '..='~' => true,
            other => is_wide(other),
        };
        if !good {
            return false;
        }
    }
    true
}

/// `atext` of RFC 5322, and beyond ASCII what RFC 6531 adds.
pub(super) fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_wide(c)
}

/// A character beyond ASCII that can stand in an address: nothing invisible that a reader takes for a space or an end.
fn is_wide(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// `sub-domain *("." sub-domain)`, with U-labels.
pub(super) fn is_domain(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || is_wide(c))
    };
    text.len() <= MAX_DOMAIN && text.split('.').all(label)
}

/// RFC 5321 §4.1.3; of the tagged forms only IPv6, the only one there is.
pub(super) fn is_literal(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) else { return false };
    match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => {
            inner.get(5..).is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        _ => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mailboxes_of_every_form_are_read() {
        for mailbox in [
            "ada@example.org",
            "a.b+c=d@x",
            "\"a b\"@example.org",
            "\"a@b\"@example.org",
            "\"a\\\"> b\"@example.org",
            "\"\"@example.org",
            "ada@[192.0.2.1]",
            "ada@[IPv6:2001:db8::1]",
            "用户@例子.广告",
            "!#$%&'*+-/=?^_`{|}~@example.org",
        ] {
            assert_eq!(path(&format!("<{mailbox}> SIZE=1")), Ok((mailbox, " SIZE=1")));
        }
        assert_eq!(path("<>"), Ok(("", "")));
        assert_eq!(path("<PostMaster>"), Ok(("postmaster", "")));
        assert_eq!(path("<@a.example,@b.example:ada@example.org>"), Ok(("ada@example.org", "")));
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        let long = format!("{}@example.org", "a".repeat(MAX_PATH));
        let deep = format!("a@{}org", "example.".repeat(40));
        for bad in [
            "ada",
            "@example.org",
            "ada@",
            "a..b@x",
            ".a@x",
            "a.@x",
            "a b@x",
            "a@b@x",
            "a@-x.org",
            "a@x-.org",
            "a@x_y.org",
            "a@x..org",
            "a@x.",
            "a@[1.2.3]",
            "a@[IPv6:zz]",
            "a@[X:1]",
            "\"a\"b@x",
            "a\"b\"@x",
            "\"a\r\nb\"@x",
            "a\u{0}@x",
            "a@x\u{a0}y",
            "a(c)@x",
            "@a,b:c@d",
            "@a c@d",
            "a,b@x",
            "a@x;b",
            &long,
            &deep,
        ] {
            assert_eq!(path(&format!("<{bad}>")), Err(PathError::Mailbox), "{bad}");
        }
        for bad in ["ada@example.org", "<ada@example.org", "<\"a>@x", " <a@b>"] {
            assert_eq!(path(bad), Err(PathError::Syntax), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_path_that_is_taken_has_no_line_ends_and_no_brackets(text in "[<>@\"\\\\a. \r\n\t:,é\\[\\]]{0,24}") {
            if let Ok((mailbox, rest)) = path(&format!("<{text}>")) {
                prop_assert!(mailbox.chars().all(|c| !c.is_control()));
                prop_assert!(mailbox.len() + rest.len() <= text.len().max("postmaster".len()));
                if !mailbox.contains('"') {
                    prop_assert!(!mailbox.contains(['<', '>', ' ', ',']));
                }
            }
        }
    }
}
