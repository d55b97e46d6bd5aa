//! Who is spoken to at this moment and who rests: keeps one destination from taking all connections, and one that cannot be
//! reached from costing an attempt for every message.
//!
//! A *hop* is whose servers are called: a domain's exchangers, a relay, a platform. A hop that cannot be reached rests for a
//! growing time; then one claim probes it while the others wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Resting hops and destinations that are remembered; others beyond that are tried at the schedule's times.
const MAX_RESTING: usize = 2000;

/// How long a claim waits for the probe of another.
const PROBE: Duration = Duration::from_secs(30);

pub(super) struct Traffic {
    state: Mutex<State>,
    per_destination: usize,
    rest: (Duration, Duration),
}

#[derive(Default)]
struct State {
    /// Claims by destination.
    under_way: HashMap<String, usize>,
    /// Destinations that are not to be claimed before a time, each with the hop that it waits for.
    waiting: HashMap<String, (Instant, String)>,
    hops: HashMap<String, Hop>,
}

struct Hop {
    failures: u32,
    until: Instant,
    /// Since when a claim tries whether it is back.
    probe: Option<Instant>,
}

/// Whether a hop may be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    Now,
    /// It rests, and its destination will not be claimed before its time.
    Wait,
    /// It rests, and its destination does not, or too many do: try again at the schedule's time.
    Later,
}

/// A claim that is under way; ends when it is dropped.
pub(super) struct UnderWay {
    traffic: Arc<Traffic>,
    destination: String,
}

impl Traffic {
    pub fn new(per_destination: usize, rest: (Duration, Duration)) -> Traffic {
        Traffic { state: Mutex::default(), per_destination: per_destination.max(1), rest }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims that one look may take of a destination, so that with those under way it never has more than its share.
    pub fn per_claim(&self) -> usize {
        self.per_destination.div_ceil(2)
    }

    /// Counts a claim.
    pub fn begin(self: &Arc<Traffic>, destination: &str) -> UnderWay {
        *self.lock().under_way.entry(destination.to_owned()).or_default() += 1;
        UnderWay { traffic: Arc::clone(self), destination: destination.to_owned() }
    }

    /// Destinations that must not be claimed now, and when the first of them may be because its rest is over.
    pub fn busy(&self) -> (Vec<String>, Option<Instant>) {
        let (now, mut state) = (Instant::now(), self.lock());
        state.waiting.retain(|_, (until, _)| *until > now);
        // A hop long rested is as good as unknown.
        let forget = self.rest.1 * 2;
        state.hops.retain(|_, hop| hop.until + forget > now);
        let room = self.per_destination - self.per_claim();
        let full = state.under_way.iter().filter(|(_, n)| **n > room).map(|(name, _)| name);
        let mut busy: Vec<String> = full.chain(state.waiting.keys()).cloned().collect();
        busy.sort_unstable();
        busy.dedup();
        (busy, state.waiting.values().map(|(until, _)| *until).min())
    }

    /// Asks to call a hop on behalf of a destination that has no other; `None`: the destination has, and does not wait.
    pub fn call(&self, hop: &str, destination: Option<&str>) -> Call {
        let (now, mut state) = (Instant::now(), self.lock());
        let Some(known) = state.hops.get_mut(hop) else { return Call::Now };
        let until = match known.probe {
            _ if now < known.until => known.until,
            Some(since) if now < since + PROBE => since + PROBE,
            _ => {
                known.probe = Some(now);
                return Call::Now;
            }
        };
        let Some(destination) = destination.filter(|_| state.waiting.len() < MAX_RESTING) else { return Call::Later };
        state.waiting.insert(destination.to_owned(), (until, hop.to_owned()));
        Call::Wait
    }

    /// The hop answered.
    pub fn reached(&self, hop: &str) {
        let mut state = self.lock();
        if state.hops.remove(hop).is_some() {
            state.waiting.retain(|_, (_, waits_for)| waits_for != hop);
        }
    }

    /// An operator wants everything tried now: whatever rests is as good as unknown.
    pub fn forget_rests(&self) {
        let mut state = self.lock();
        state.hops.clear();
        state.waiting.clear();
    }

    /// The hop, called at `called`, could not be reached; its destination rests with it.
    pub fn unreachable(&self, hop: &str, destination: Option<&str>, called: Instant) {
        let (now, mut guard) = (Instant::now(), self.lock());
        let state = &mut *guard;
        if state.hops.len() >= MAX_RESTING && !state.hops.contains_key(hop) {
            return;
        }
        let known = state.hops.entry(hop.to_owned()).or_insert(Hop { failures: 0, until: called, probe: None });
        // Several claims that called together have failed once.
        if known.failures == 0 || called >= known.until {
            let rest = self.rest.0.saturating_mul(1 << known.failures.min(16)).min(self.rest.1);
            known.failures += 1;
            known.until = now + rest;
            known.probe = None;
        }
        let until = known.until;
        if let Some(destination) = destination.filter(|_| state.waiting.len() < MAX_RESTING) {
            state.waiting.insert(destination.to_owned(), (until, hop.to_owned()));
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.traffic.lock();
        if let Some(n) = state.under_way.get_mut(&self.destination) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                state.under_way.remove(&self.destination);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(200));

    #[tokio::test]
    async fn a_destination_never_has_more_than_its_share() {
        for share in [1, 2, 3, 20] {
            let traffic = Arc::new(Traffic::new(share, REST));
            let mut under_way = Vec::new();
            while traffic.busy().0.is_empty() {
                (0..traffic.per_claim()).for_each(|_| under_way.push(traffic.begin("x.org")));
                assert!(under_way.len() <= share);
            }
            assert!(under_way.len() * 2 >= share);
            under_way.clear();
            assert!(traffic.busy().0.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hop_that_fails_rests_for_a_growing_time_and_is_probed_once() {
        let traffic = Traffic::new(20, REST);
        for rest in [60, 120, 200, 200] {
            assert_eq!(traffic.call("mx", Some("x.org")), Call::Now);
            let called = Instant::now();
            traffic.unreachable("mx", Some("x.org"), called);
            // Those that had called with it.
            traffic.unreachable("mx", Some("x.org"), called);
            assert_eq!(traffic.busy().0, ["x.org"]);
            assert_eq!(traffic.busy().1, Some(called + Duration::from_secs(rest)));
            assert_eq!(traffic.call("mx", Some("y.org")), Call::Wait);
            tokio::time::advance(Duration::from_secs(rest)).await;
            assert_eq!(traffic.busy(), (Vec::new(), None));
        }
        assert_eq!(traffic.call("mx", Some("x.org")), Call::Now);
        assert_eq!(traffic.call("mx", Some("y.org")), Call::Wait);
        assert_eq!(traffic.busy().0, ["y.org"]);
        traffic.reached("mx");
        assert_eq!(traffic.busy(), (Vec::new(), None));
        assert_eq!(traffic.call("mx", Some("y.org")), Call::Now);
        assert_eq!(traffic.call("mx", Some("y.org")), Call::Now);
    }

    #[tokio::test]
    async fn rests_are_forgotten_and_claims_under_way_are_not() {
        let traffic = Arc::new(Traffic::new(1, REST));
        let under_way = traffic.begin("y.org");
        for _ in 0..2 {
            traffic.unreachable("mx", Some("x.org"), Instant::now());
            assert_eq!(
                (traffic.busy().0, traffic.call("mx", None)),
                (vec!["x.org".into(), "y.org".into()], Call::Later)
            );
            traffic.forget_rests();
            assert_eq!((traffic.busy().0, traffic.call("mx", None)), (vec!["y.org".into()], Call::Now));
        }
        drop(under_way);
        assert_eq!(traffic.busy(), (Vec::new(), None));
    }

    #[tokio::test]
    async fn a_platform_that_is_away_does_not_hold_up_the_domain() {
        let traffic = Traffic::new(20, REST);
        traffic.unreachable("lmtp", None, Instant::now());
        assert_eq!(traffic.call("lmtp", None), Call::Later);
        assert_eq!(traffic.busy(), (Vec::new(), None));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_however_many_hops_are_dead() {
        let traffic = Traffic::new(20, REST);
        for n in 0..2 * MAX_RESTING {
            traffic.unreachable(&format!("mx{n}"), Some(&format!("d{n}")), Instant::now());
        }
        assert_eq!(traffic.busy().0.len(), MAX_RESTING);
        assert_eq!(traffic.call("mx0", Some("another")), Call::Later);
        tokio::time::advance(REST.1 * 3).await;
        assert_eq!(traffic.busy().0.len(), 0);
        assert!(traffic.lock().hops.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_ends_keeps_nobody_waiting_for_ever() {
        let traffic = Traffic::new(20, REST);
        traffic.unreachable("mx", Some("x.org"), Instant::now());
        tokio::time::advance(REST.0).await;
        assert_eq!(traffic.call("mx", Some("x.org")), Call::Now);
        assert_eq!(traffic.call("mx", Some("x.org")), Call::Wait);
        tokio::time::advance(PROBE).await;
        assert_eq!(traffic.call("mx", Some("x.org")), Call::Now);
    }
}
