//! How many connections a network may hold at a time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The networks that are connected; bounded by the connections themselves.
#[derive(Debug, Default)]
pub(super) struct Networks(Mutex<HashMap<IpAddr, u32>>);

/// One connection's place; dropped with it.
#[derive(Debug)]
pub(super) struct Place {
    networks: Arc<Networks>,
    network: IpAddr,
}

/// An address with only so many bits of it: `v4` of IPv4, `v6` of IPv6.
pub(super) fn network(ip: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & u32::MAX.checked_shl(32 - v4.min(32)).unwrap_or(0)).into(),
        IpAddr::V6(ip) => {
            Ipv6Addr::from_bits(ip.to_bits() & u128::MAX.checked_shl(128 - v6.min(128)).unwrap_or(0)).into()
        }
    }
}

impl Networks {
    /// A place for a connection from `ip`, if its network holds fewer than `limit`.
    pub fn enter(self: &Arc<Networks>, ip: IpAddr, limit: u32) -> Option<Place> {
        let network = network(ip, 32, 64);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_insert(0);
        if *count >= limit {
            if *count == 0 {
                counts.remove(&network);
            }
            return None;
        }
        *count += 1;
        Some(Place { networks: self.clone(), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.networks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_so_many_places_and_gets_them_back() {
        let networks = Arc::new(Networks::default());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = networks.enter(ip("2001:db8::1"), 2).unwrap();
        let _second = networks.enter(ip("2001:db8::2:1"), 2).unwrap();
        assert!(networks.enter(ip("2001:db8::3"), 2).is_none());
        assert!(networks.enter(ip("2001:db8:0:1::3"), 2).is_some());
        drop(first);
        drop(networks.enter(ip("2001:db8::3"), 2).unwrap());
        assert!(networks.enter(ip("192.0.2.1"), 0).is_none());
        assert_eq!(networks.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn networks_are_cut_at_their_bits() {
        let cut = |text: &str, v4, v6| network(text.parse().unwrap(), v4, v6).to_string();
        assert_eq!(cut("192.0.2.77", 24, 48), "192.0.2.0");
        assert_eq!(cut("::ffff:192.0.2.77", 24, 48), "192.0.2.0");
        assert_eq!(cut("2001:db8:1:2::3", 24, 48), "2001:db8:1::");
        assert_eq!(cut("192.0.2.77", 0, 0), "0.0.0.0");
        assert_eq!(cut("192.0.2.77", 32, 128), "192.0.2.77");
    }
}
