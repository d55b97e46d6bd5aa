//! Greylisting (RFC 6647): an unknown peer must try a recipient again before it is believed to be a mail server.
//!
//! What it remembers is in memory, bounded, and this node's own.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::policy::network;

/// Seconds within which the second attempt must come.
const PATIENCE: i64 = 24 * 60 * 60;

/// Seconds for which a network that has passed once is known.
const KNOWN: i64 = 35 * 24 * 60 * 60;

/// Entries of each table; beyond, the older half goes.
const MAX_ENTRIES: usize = 100_000;

/// The memory of one node.
#[derive(Default)]
pub(super) struct Greylist {
    hasher: RandomState,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    /// When a peer came first with a sender and a recipient, by the hash of the three.
    waiting: HashMap<u64, i64>,
    /// When a network was last seen.
    known: HashMap<IpAddr, i64>,
}

impl Greylist {
    /// Seconds that the peer must wait still; `None`: it may go on. `now` in seconds, as `delay`.
    pub fn wait(&self, ip: IpAddr, sender: &str, recipient: &str, delay: i64, now: i64) -> Option<i64> {
        // Large senders retry from a neighbouring address.
        let network = network(ip, 24, 64);
        let key = self.hasher.hash_one((network, sender.to_lowercase(), recipient.to_lowercase()));
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.known.get(&network).is_some_and(|seen| now - seen < KNOWN) {
            tables.known.insert(network, now);
            return None;
        }
        trim(&mut tables.waiting);
        let first = tables.waiting.entry(key).or_insert(now);
        if now - *first >= PATIENCE {
            *first = now;
        }
        let left = *first + delay - now;
        if left > 0 {
            return Some(left);
        }
        tables.waiting.remove(&key);
        trim(&mut tables.known);
        tables.known.insert(network, now);
        None
    }
}

fn trim<K: Eq + std::hash::Hash>(table: &mut HashMap<K, i64>) {
    if table.len() < MAX_ENTRIES {
        return;
    }
    let mut times: Vec<i64> = table.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    table.retain(|_, at| *at > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const NEIGHBOUR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

    #[test]
    fn who_comes_back_in_time_is_known_from_then_on() {
        let list = Greylist::default();
        assert_eq!(list.wait(PEER, "a@b", "c@d", 60, 1000), Some(60));
        assert_eq!(list.wait(NEIGHBOUR, "A@b", "c@d", 60, 1010), Some(50));
        assert_eq!(list.wait(PEER, "a@b", "x@d", 60, 1060), Some(60));
        assert_eq!(list.wait(OTHER, "a@b", "c@d", 60, 1060), Some(60));
        assert_eq!(list.wait(NEIGHBOUR, "a@b", "c@d", 60, 1060), None);
        assert_eq!(list.wait(PEER, "new@b", "new@d", 60, 1061), None);
        assert_eq!(list.wait(PEER, "new@b", "new@d", 60, 1061 + KNOWN), Some(60));
    }

    #[test]
    fn who_comes_back_too_late_begins_again() {
        let list = Greylist::default();
        assert_eq!(list.wait(PEER, "a@b", "c@d", 60, 0), Some(60));
        assert_eq!(list.wait(PEER, "a@b", "c@d", 60, PATIENCE), Some(60));
        assert_eq!(list.wait(PEER, "a@b", "c@d", 60, PATIENCE + 60), None);
    }

    #[test]
    fn the_tables_are_bounded() {
        let list = Greylist::default();
        for i in 0..250_000u32 {
            let ip = IpAddr::V4(std::net::Ipv4Addr::from_bits(i << 8));
            list.wait(ip, "a@b", "c@d", i64::from(i % 2) * 60, i64::from(i));
        }
        let tables = list.tables.lock().unwrap();
        assert!(tables.waiting.len() <= MAX_ENTRIES && tables.known.len() <= MAX_ENTRIES);
        assert!(tables.waiting.len() > 1000 && tables.known.len() > 1000);
    }
}
