//! Message identifiers (RFC 5322 §3.6.4) as threading compares them (RFC 5256 §3, "normalized message ID").

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// The identifiers of a Message-ID, In-Reply-To or References value, without angle brackets, in their order.
///
/// Text outside brackets (phrases, RFC 5322 §4.5.4) is skipped; quotes and backslashes of a quoted left side are
/// removed, and blanks dropped, so that two spellings of one identifier are equal. A value without any bracket is one
/// identifier if it is one word with an `@`: such Message-IDs exist.
pub fn message_ids(value: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = value;
    let mut bare = memchr(b'<', value).is_none();
    std::iter::from_fn(move || {
        if bare {
            bare = false;
            let word = value.trim_ascii();
            return (memchr(b'@', word).is_some() && !word.iter().any(u8::is_ascii_whitespace)).then(|| normal(word));
        }
        loop {
            let start = memchr(b'<', rest)? + 1;
            let inner = &rest[start..];
            // A bracket that is never closed ends at the next one.
            let end = memchr2(b'>', b'<', inner).unwrap_or(inner.len());
            rest = &inner[end..];
            let id = normal(&inner[..end]);
            if !id.is_empty() {
                return Some(id);
            }
        }
    })
}

fn normal(id: &[u8]) -> Cow<'_, [u8]> {
    let drop = |b: &u8| matches!(b, b'"' | b'\\') || b.is_ascii_whitespace();
    match id.iter().any(drop) {
        false => Cow::Borrowed(id),
        true => Cow::Owned(id.iter().copied().filter(|b| !drop(b)).collect()),
    }
}

/// FNV-1a, 64 bits: stored values depend on it, so it never changes.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(s: &[u8]) -> Vec<String> {
        message_ids(s).map(|i| String::from_utf8_lossy(&i).into_owned()).collect()
    }

    #[test]
    fn ids_are_normalised() {
        assert_eq!(ids(b"<a@b> text <\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>"), ["a@b", "01KF8JCEOCBS0045PS@xxx.yyy.com"]);
        assert_eq!(ids(b"<a@b><c @ d> <> <e@f <g@h>"), ["a@b", "c@d", "e@f", "g@h"]);
        assert_eq!(ids(b" bare@example "), ["bare@example"]);
        assert!(ids(b"Your message of Monday").is_empty());
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
