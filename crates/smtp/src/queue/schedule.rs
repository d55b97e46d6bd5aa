//! When a recipient that failed for the moment is tried again.

use std::time::Duration;

/// Between two looks whether a mailbox has moved. Not less than the clock's step: it would be due at once.
pub(super) const HELD: Duration = Duration::from_secs(1);

/// How long a claim itself waits for that. Moves are shorter than this as a rule; longer ones must not occupy transfers.
pub(super) const HELD_AT_HAND: Duration = Duration::from_millis(300);

/// Between two of its looks.
pub(super) const HELD_LOOK: Duration = Duration::from_millis(20);

/// Milliseconds since 1970 of the next try: the schedule's step for this many earlier failures, spread by a tenth so that
/// what failed together does not come back together; not behind the message's end, which gets a last try.
pub(super) fn next_try(retry: &[Duration], failures: u32, now_ms: i64, expires_ms: i64) -> i64 {
    let step = retry.get(failures as usize).or(retry.last()).copied().unwrap_or(Duration::from_secs(300));
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX / 4);
    let spread = step / 5;
    let at = now_ms.saturating_add(step - spread / 2 + random(spread));
    if now_ms < expires_ms { at.min(expires_ms) } else { at }
}

/// From 0 to `below` - 1.
pub(super) fn random(below: i64) -> i64 {
    let mut bytes = [0; 8];
    // Without random numbers nothing is spread, and nothing is wrong.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    (u64::from_le_bytes(bytes) >> 1).checked_rem(below.max(1).unsigned_abs()).unwrap_or(0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_and_the_last_repeats() {
        let retry = [Duration::from_secs(300), Duration::from_secs(900)];
        for (failures, seconds) in [(0, 300), (1, 900), (2, 900), (1000, 900)] {
            for _ in 0..50 {
                let wait = next_try(&retry, failures, 1_000_000, i64::MAX) - 1_000_000;
                assert!((seconds * 900..=seconds * 1100).contains(&wait), "{wait}");
            }
        }
    }

    #[test]
    fn the_last_try_is_at_the_end() {
        let retry = [Duration::from_secs(300)];
        assert_eq!(next_try(&retry, 0, 1000, 2000), 2000);
        assert!(next_try(&retry, 0, 2000, 2000) > 2000);
    }
}
