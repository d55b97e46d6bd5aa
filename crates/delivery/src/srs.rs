//! The Sender Rewriting Scheme: the envelope sender of a forwarded mail becomes an address of the forwarding domain, so
//! that the next server's SPF check passes and a bounce finds its way back.
//!
//! `SRS0=hash=day=domain=local@forwarder` hides the first sender; a second forwarder that gets such an address makes
//! `SRS1=hash=first-forwarder==…@second` of it, so that it does not grow with every hop. The hash keeps strangers from
//! using the way back as a relay; the day lets it end.

use aws_lc_rs::hmac;
use sterna_store::Store;

use crate::address::{Mailbox, fold_domain};

/// Days for which a bounce is sent back.
const VALID_DAYS: i64 = 21;

/// Days are counted modulo 2¹⁰: two characters.
const DAYS: i64 = 1 << 10;

/// Of RFC 4648 §6, in lower case: survives servers that fold the local part.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Characters of the hash: 50 bits.
const HASH: usize = 10;

/// The scheme under one key.
pub(crate) struct Srs(hmac::Key);

impl Srs {
    /// Under the key of a store, which all its nodes have.
    pub fn of_store(store: &Store) -> Srs {
        // A store that is open has it. If it cannot be read, bounces of forwards find back while this process lives.
        let random = || crate::random_id().into_bytes();
        let secret = std::fs::read(store.data().join("secret.key")).unwrap_or_else(|_| random());
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), b"sterna sender rewriting");
        Srs::new(key.as_ref())
    }

    /// All nodes of a store use the same key.
    pub fn new(key: &[u8]) -> Srs {
        Srs(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The sender under which `domain` forwards a mail of `sender`. The null sender stays, and what is no address too.
    pub fn forward(&self, sender: &str, domain: &str, now: i64) -> String {
        let Some(from) = Mailbox::parse(sender) else { return sender.to_owned() };
        let Mailbox { local, domain: host } = &from;
        let local = if let Some(rest) = tagged(local, "SRS0") {
            // `rest` begins with its separator, which makes the "==".
            format!("SRS1={}={host}={rest}", self.hash(&[host, rest]))
        } else if let Some((first, rest)) = tagged(local, "SRS1").and_then(srs1) {
            format!("SRS1={}={first}={rest}", self.hash(&[first, rest]))
        } else {
            let day = stamp(now);
            format!("SRS0={}={day}={host}={local}", self.hash(&[&day, host, local]))
        };
        Mailbox { local, domain: domain.to_owned() }.to_string()
    }

    /// Where a mail to a rewritten address of ours goes: the sender that it hides, or the forwarder before us. `None`: it
    /// is none, was made with another key, or is too old.
    pub fn reverse(&self, local: &str, now: i64) -> Option<String> {
        if let Some((first, rest)) = tagged(local, "SRS1").and_then(srs1) {
            let hash = tagged(local, "SRS1")?.get(1..)?.split('=').next()?;
            self.check(hash, &[first, rest])?;
            return Some(Mailbox { local: format!("SRS0{rest}"), domain: fold_domain(first)? }.to_string());
        }
        let mut parts = tagged(local, "SRS0")?.get(1..)?.splitn(4, '=');
        let (hash, day, host, user) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        self.check(hash, &[day, host, user])?;
        let age = (now / 86_400 - day_of(day)?).rem_euclid(DAYS);
        let from = Mailbox { local: user.to_owned(), domain: fold_domain(host)? };
        // One day of the future, for a node whose clock is ahead.
        (age <= VALID_DAYS || age == DAYS - 1).then(|| from.to_string())
    }

    fn hash(&self, parts: &[&str]) -> String {
        // A server on the way may have folded the local part.
        let mac = hmac::sign(&self.0, parts.join("=").to_lowercase().as_bytes());
        base32(mac.as_ref()).take(HASH).collect()
    }

    fn check(&self, hash: &str, parts: &[&str]) -> Option<()> {
        let (given, true_one) = (hash.to_lowercase(), self.hash(parts));
        aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), true_one.as_bytes()).ok()
    }
}

/// Whether a local part has the form of a rewritten one.
pub(crate) fn is_rewritten(local: &str) -> bool {
    tagged(local, "SRS0").is_some() || tagged(local, "SRS1").is_some()
}

/// What follows the tag, with the separator that the scheme allows behind it.
fn tagged<'a>(local: &'a str, tag: &str) -> Option<&'a str> {
    let rest = local.get(tag.len()..).filter(|_| local.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag)));
    rest.filter(|rest| rest.starts_with(['=', '+', '-']))
}

/// Of `=hash=host=rest`: host and rest, which begins with the first forwarder's separator.
fn srs1(text: &str) -> Option<(&str, &str)> {
    let (_, behind_hash) = text.get(1..)?.split_once('=')?;
    behind_hash.split_once('=').filter(|(_, rest)| rest.starts_with(['=', '+', '-']))
}

fn stamp(now: i64) -> String {
    let day = (now / 86_400).rem_euclid(DAYS) as usize;
    [day >> 5, day & 31].iter().filter_map(|d| BASE32.get(*d)).map(|b| char::from(*b)).collect()
}

fn day_of(stamp: &str) -> Option<i64> {
    let digit = |b: u8| BASE32.iter().position(|c| *c == b.to_ascii_lowercase());
    match stamp.as_bytes() {
        [high, low] => Some((digit(*high)? << 5 | digit(*low)?) as i64),
        _ => None,
    }
}

fn base32(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |b| usize::from(b >> (7 - i % 8) & 1));
    let digit = move |n: usize| (0..5).fold(0, |d, i| d << 1 | bit(n * 5 + i));
    (0..bytes.len() * 8 / 5).filter_map(move |n| BASE32.get(digit(n))).map(|b| char::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000;

    fn local(address: &str) -> String {
        Mailbox::parse(address).unwrap().local
    }

    #[test]
    fn a_bounce_finds_its_way_back_through_two_forwarders() {
        let (one, two) = (Srs::new(b"one"), Srs::new(b"two"));
        let first = one.forward("Ada@example.org", "first.example", NOW);
        assert!(first.starts_with("SRS0=") && first.ends_with("=example.org=Ada@first.example"), "{first}");
        let second = two.forward(&first, "second.example", NOW);
        assert!(second.starts_with("SRS1=") && second.contains("=first.example=="), "{second}");
        assert_eq!(two.reverse(&local(&second), NOW).as_deref(), Some(first.as_str()));
        assert_eq!(one.reverse(&local(&first), NOW).as_deref(), Some("Ada@example.org"));
        let third = Srs::new(b"three").forward(&second, "third.example", NOW);
        assert_eq!(Srs::new(b"three").reverse(&local(&third), NOW).as_deref(), Some(first.as_str()));
    }

    #[test]
    fn the_way_back_ends() {
        let srs = Srs::new(b"key");
        let rewritten = local(&srs.forward("ada@example.org", "x.example", NOW));
        assert!(srs.reverse(&rewritten, NOW + VALID_DAYS * 86_400).is_some());
        assert!(srs.reverse(&rewritten, NOW + (VALID_DAYS + 1) * 86_400).is_none());
    }

    #[test]
    fn a_forged_address_leads_nowhere() {
        let srs = Srs::new(b"key");
        let rewritten = local(&srs.forward("ada@example.org", "x.example", NOW));
        assert!(srs.reverse(&rewritten.replace("ada", "eve"), NOW).is_none());
        assert!(Srs::new(b"other").reverse(&rewritten, NOW).is_none());
        for bad in ["SRS0", "SRS0=", "SRS0=a=b=c", "SRS1=a=b=c", "SRS1==b==", "srs0=a=aa=b=c", "ada"] {
            assert!(srs.reverse(bad, NOW).is_none(), "{bad}");
        }
        // A hash holds for a server that folds the local part.
        assert_eq!(srs.reverse(&rewritten.to_lowercase(), NOW).as_deref(), Some("ada@example.org"));
    }

    #[test]
    fn the_null_sender_is_not_rewritten() {
        assert_eq!(Srs::new(b"key").forward("", "x.example", NOW), "");
    }

    proptest! {
        #[test]
        fn every_sender_comes_back(local in "[a-z=+\" -]{1,30}", host in "[a-z]{1,9}\\.example") {
            let srs = Srs::new(b"key");
            let sender = Mailbox { local, domain: host }.to_string();
            let rewritten = Mailbox::parse(&srs.forward(&sender, "x.example", NOW)).unwrap();
            prop_assert_eq!(srs.reverse(&rewritten.local, NOW), Some(sender));
        }

        #[test]
        fn any_local_part_is_read_without_harm(local in "(SRS[01])?[=+-]?[a-z=é+-]{0,40}") {
            Srs::new(b"key").reverse(&local, NOW);
        }
    }
}
