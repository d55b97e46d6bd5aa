//! How accounts behave that send, over the last hour: what tells a stolen password from a busy user.
//!
//! Kept in memory, bounded, and this node's own: it says when to look, [`super::lock`] acts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sterna_core::AccountId;

use super::policy::network;

/// Seconds that count.
const HOUR: i64 = 3_600;

/// Networks (24 bits of IPv4, 48 of IPv6) from which one person may log in within an hour.
const MAX_NETWORKS: usize = 20;

/// Unknown recipients in an hour that are no typing errors any more, if they are more than half of all.
pub(super) const MAX_UNKNOWN: u32 = 50;

/// Accounts at most; beyond, those that were quiet longest go.
const MAX_ACCOUNTS: usize = 10_000;

/// Slices of the hour.
const SLICES: usize = 12;

/// Why an account looks like a spammer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// Messages refused for the hourly limit.
    Limit { refused: u32, limit: u32 },
    /// Recipients that do not exist.
    Unknown(u32),
    /// Networks of its logins.
    Networks(usize),
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Conduct(Mutex<HashMap<AccountId, Hour>>);

#[derive(Debug, Default)]
struct Hour {
    last: i64,
    networks: HashMap<IpAddr, i64>,
    /// Recipients tried and not found, by slice of the hour; the number of the slice beside them.
    slices: [(i64, u32, u32); SLICES],
}

impl Conduct {
    fn with<T>(&self, account: AccountId, now: i64, work: impl FnOnce(&mut Hour) -> T) -> T {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&account) {
            let mut times: Vec<i64> = accounts.values().map(|hour| hour.last).collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            accounts.retain(|_, hour| hour.last > median);
        }
        let hour = accounts.entry(account).or_default();
        hour.last = now;
        work(hour)
    }

    /// Nothing is held against the account any more.
    pub fn forget(&self, account: AccountId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }

    /// A login from `ip`, `now` in seconds.
    pub fn login(&self, account: AccountId, ip: IpAddr, now: i64) -> Option<Suspicion> {
        self.with(account, now, |hour| {
            hour.networks.retain(|_, at| now - *at < HOUR);
            if hour.networks.len() <= MAX_NETWORKS {
                hour.networks.insert(network(ip, 24, 48), now);
            }
            (hour.networks.len() > MAX_NETWORKS).then_some(Suspicion::Networks(hour.networks.len()))
        })
    }

    /// A recipient was tried; whether more than half of the last hour's did not exist.
    pub fn recipient(&self, account: AccountId, unknown: bool, now: i64) -> bool {
        let slice = now.div_euclid(HOUR / SLICES as i64);
        self.with(account, now, |hour| {
            if let Some(place) = hour.slices.get_mut(slice.rem_euclid(SLICES as i64) as usize) {
                if place.0 != slice {
                    *place = (slice, 0, 0);
                }
                place.1 = place.1.saturating_add(1);
                place.2 = place.2.saturating_add(u32::from(unknown));
            }
            let fresh = hour.slices.iter().filter(|(number, ..)| slice - number < SLICES as i64);
            let (tried, unknown) = fresh.fold((0u64, 0u64), |(t, u), s| (t + u64::from(s.1), u + u64::from(s.2)));
            unknown * 2 > tried
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: AccountId = AccountId(1);

    #[test]
    fn many_networks_in_an_hour_are_suspicious() {
        let conduct = Conduct::default();
        let ip = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(n << 8));
        for n in 0..MAX_NETWORKS as u32 {
            assert_eq!(conduct.login(ADA, ip(n), 1000), None);
            assert_eq!(conduct.login(ADA, ip(n), 1001), None);
        }
        assert_eq!(conduct.login(AccountId(2), ip(99), 1001), None);
        assert_eq!(conduct.login(ADA, ip(99), 1001), Some(Suspicion::Networks(21)));
        assert_eq!(conduct.login(ADA, ip(99), 1001 + HOUR), None);
    }

    #[test]
    fn more_unknown_recipients_than_known_ones_are_suspicious_for_an_hour() {
        let conduct = Conduct::default();
        let base = 100 * HOUR;
        assert!(conduct.recipient(ADA, true, base));
        assert!(!conduct.recipient(ADA, false, base + 1));
        assert!(conduct.recipient(ADA, true, base + 600));
        assert!(!conduct.recipient(ADA, false, base + 3 * HOUR));
    }

    #[test]
    fn the_table_is_bounded() {
        let conduct = Conduct::default();
        for n in 0..25_000 {
            conduct.recipient(AccountId(n), false, n as i64);
        }
        assert!(conduct.0.lock().unwrap().len() <= MAX_ACCOUNTS);
        assert!(conduct.0.lock().unwrap().contains_key(&AccountId(24_999)));
    }
}
