//! Limits on failed logins, per address of the client and per account, in a table of bounded size.
//!
//! A guess costs its author time: each failure delays the answer more. An address that failed too often is turned away
//! unheard. An account under attack is not: its owner, who comes from an address without failures, still gets in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures are forgotten after this time without a new one.
const MEMORY: Duration = Duration::from_secs(600);

/// Failures after which an address, or an address that failed before on an account that failed so often, must wait.
const MAX_FAILURES: u32 = 50;

/// Entries at most; beyond, the oldest half goes.
const MAX_ENTRIES: usize = 20_000;

/// Doublings of the delay at most.
const MAX_DOUBLINGS: u32 = 4;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Account(String),
}

/// The failures that are remembered.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<Key, (u32, Instant)>>,
}

/// The part of an address that one customer of a provider has: all of IPv4, 64 bits of IPv6.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

fn account_key(user: &str) -> Key {
    Key::Account(user.chars().take(320).flat_map(char::to_lowercase).collect())
}

impl Throttle {
    /// Whether a login may be tried now.
    pub fn allows(&self, ip: IpAddr, user: &str, now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |key: &Key| failures.get(key).filter(|(_, at)| now - *at < MEMORY).map_or(0, |(n, _)| *n);
        let address = count(&Key::Address(network(ip)));
        address < MAX_FAILURES && (address == 0 || count(&account_key(user)) < MAX_FAILURES)
    }

    /// Remembers a failure; gives how many times the first delay the answer must wait.
    pub fn failed(&self, ip: IpAddr, user: &str, now: Instant) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() + 2 > MAX_ENTRIES {
            let mut times: Vec<Instant> = failures.values().map(|(_, at)| *at).collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            failures.retain(|_, (_, at)| *at > median);
        }
        let mut most = 0;
        for key in [Key::Address(network(ip)), account_key(user)] {
            let (count, at) = failures.entry(key).or_insert((0, now));
            *count = if now - *at < MEMORY { count.saturating_add(1) } else { 1 };
            *at = now;
            most = most.max(*count);
        }
        1 << (most - 1).min(MAX_DOUBLINGS)
    }

    /// A right password clears the account; not the address, which may be trying many accounts.
    pub fn succeeded(&self, user: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&account_key(user));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

    #[test]
    fn an_attack_on_an_account_does_not_lock_its_owner_out() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..MAX_FAILURES {
            assert!(throttle.allows(EVIL, "ada", now));
            throttle.failed(EVIL, "Ada", now);
        }
        assert!(!throttle.allows(EVIL, "ada", now));
        assert!(!throttle.allows(EVIL, "bob", now));
        assert!(throttle.allows(HOME, "ada", now));
        throttle.failed(HOME, "bob", now);
        assert!(!throttle.allows(HOME, "ada", now));
        throttle.succeeded("ada");
        assert!(throttle.allows(HOME, "ada", now));
        assert!(throttle.allows(EVIL, "bob", now + MEMORY));
    }

    #[test]
    fn delays_grow_up_to_a_limit() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let delays: Vec<u32> = (0..7).map(|_| throttle.failed(EVIL, "ada", now)).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 16, 16]);
        assert_eq!(throttle.failed(EVIL, "ada", now + MEMORY), 1);
    }

    #[test]
    fn the_table_is_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for i in 0..30_000u32 {
            let ip = IpAddr::V4(std::net::Ipv4Addr::from_bits(i));
            throttle.failed(ip, &i.to_string(), now + Duration::from_millis(u64::from(i)));
        }
        assert!(throttle.failures.lock().unwrap().len() <= MAX_ENTRIES);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (a, b): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2:3".parse().unwrap());
        assert_eq!(network(a), network(b));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), EVIL);
    }
}
