//! Compiled scripts by the digest of their text: the same script runs over each message of its account, and compiling takes
//! longer than running.
//!
//! Two generations: when the young one is full it becomes the old one, and what is not asked for until then is forgotten.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Compiled;

/// Weight of a generation. A compiled script takes up to about ten times its weight in memory.
const GENERATION: usize = 4 << 20;

/// A script that weighs more is compiled each time.
const HEAVY: usize = GENERATION / 16;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Cache {
    young: HashMap<blake3::Hash, (Compiled, usize)>,
    weight: usize,
    old: HashMap<blake3::Hash, (Compiled, usize)>,
}

impl Cache {
    fn get(&mut self, key: &blake3::Hash) -> Option<Compiled> {
        if let Some((compiled, _)) = self.young.get(key) {
            return Some(compiled.clone());
        }
        let (compiled, weight) = self.old.remove(key)?;
        self.put(*key, compiled.clone(), weight);
        Some(compiled)
    }

    fn put(&mut self, key: blake3::Hash, compiled: Compiled, weight: usize) {
        if weight > HEAVY {
            return;
        }
        if self.weight + weight > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        if self.young.insert(key, (compiled, weight)).is_none() {
            self.weight += weight;
        }
    }
}

/// The compiled form of a script, if it is at hand.
pub(super) fn get(key: &blake3::Hash) -> Option<Compiled> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner).get(key)
}

/// Keeps one. `weight`: bytes of the text that the evaluator compiled.
pub(super) fn put(key: blake3::Hash, compiled: Compiled, weight: usize) {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner).put(key, compiled, weight);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, compile};

    #[test]
    fn what_is_not_asked_for_is_forgotten_and_no_more_is_held_than_two_generations() {
        let compiled = compile("keep;", &Limits::default()).unwrap();
        let key = |n: usize| blake3::hash(&n.to_le_bytes());
        let mut cache = Cache::default();
        for n in 0..200 {
            cache.put(key(n), compiled.clone(), HEAVY);
            assert!(cache.get(&key(0)).is_some(), "{n}");
            assert!(cache.young.len() + cache.old.len() <= 32);
        }
        assert!(cache.get(&key(1)).is_none() && cache.get(&key(199)).is_some());
        cache.put(key(500), compiled, HEAVY + 1);
        assert!(cache.get(&key(500)).is_none());
    }
}
