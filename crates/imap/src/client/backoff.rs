//! When to try again: exponential with jitter, bounded, and never sooner than the server asks.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Whether and when trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// At once the first time; [`Backoff`] spaces repeated attempts.
    Now,
    /// Not before so much time has passed.
    After(Duration),
    /// Only after somebody changed something.
    Never,
}

/// The longest wait that is taken from a server's word.
const LONGEST_SUGGESTION: Duration = Duration::from_secs(3600);

/// Counts failures in a row and says how long to wait after each.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Default for Backoff {
    /// One second, doubled up to five minutes.
    fn default() -> Self {
        Backoff::new(Duration::from_secs(1), Duration::from_secs(300))
    }
}

impl Backoff {
    /// Waits grow from `base` to `cap`.
    pub fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, failures: 0 }
    }

    /// Something worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure. `None` if trying again is useless.
    ///
    /// The first [`Retry::Now`] waits not at all; then half to all of `base`, doubled each time, up to `cap`. What a
    /// server asked for is waited in full, with up to a tenth more, so that several movers do not come back together.
    pub fn next(&mut self, retry: Retry) -> Option<Duration> {
        let doublings = self.failures.saturating_sub(1).min(30);
        let step = self.base.saturating_mul(1 << doublings).min(self.cap);
        let own = if self.failures == 0 { Duration::ZERO } else { step.mul_f64(0.5 + 0.5 * random()) };
        self.failures = self.failures.saturating_add(1);
        match retry {
            Retry::Never => None,
            Retry::Now => Some(own),
            Retry::After(wait) => Some(own.max(wait.mul_f64(1.0 + 0.1 * random()))),
        }
    }
}

/// From 0 to 1; the standard library's hash seeds are random enough to spread connections.
fn random() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

/// `Suggested Backoff Time: 299961 ms` (Exchange) anywhere in a text; the unit is milliseconds unless it is seconds.
pub(super) fn suggested_wait(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let (_, rest) = lower.split_once("backoff time")?;
    let rest = rest.trim_start_matches([':', ' ']);
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, unit) = rest.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let seconds = unit.starts_with("sec") || unit == "s" || unit.starts_with("s ");
    let wait = if seconds { Duration::from_secs(number) } else { Duration::from_millis(number) };
    Some(wait.min(LONGEST_SUGGESTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
        assert_eq!(backoff.next(Retry::Now), Some(Duration::ZERO));
        for most in [1, 2, 4, 8, 10, 10] {
            let wait = backoff.next(Retry::Now).unwrap().as_secs_f64();
            assert!(wait >= f64::from(most) / 2.0 && wait <= f64::from(most), "{wait} of {most}");
        }
        backoff.reset();
        assert_eq!(backoff.next(Retry::Now), Some(Duration::ZERO));
        assert_eq!(backoff.next(Retry::Never), None);
    }

    #[test]
    fn the_servers_wish_is_a_minimum_even_above_the_cap() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
        let wait = backoff.next(Retry::After(Duration::from_secs(300))).unwrap();
        assert!(wait >= Duration::from_secs(300) && wait <= Duration::from_secs(330));
    }

    #[test]
    fn suggested_waits_are_read() {
        let read = |text| suggested_wait(text);
        assert_eq!(read("Suggested Backoff Time: 299961 ms"), Some(Duration::from_millis(299_961)));
        assert_eq!(read("[x] suggested backoff time: 12 milliseconds."), Some(Duration::from_millis(12)));
        assert_eq!(read("Backoff time 5 seconds"), Some(Duration::from_secs(5)));
        assert_eq!(read("Suggested Backoff Time: 99999999999 ms"), Some(LONGEST_SUGGESTION));
        assert_eq!(read("Suggested Backoff Time: soon"), None);
        assert_eq!(read("slow down"), None);
    }
}
