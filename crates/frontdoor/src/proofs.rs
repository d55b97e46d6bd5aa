//! Passwords that a platform accepted a moment ago, so that a client which logs in for every message does not make the platform
//! log it in each time. Kept as a keyed digest, in memory only, for a short time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sterna_core::AccountId;

/// How long an answer is believed. A password that was changed there works here for so long.
const BELIEVED: Duration = Duration::from_secs(60);

/// Entries at most; then all are forgotten.
const MAX: usize = 100_000;

pub(crate) struct Proofs {
    key: [u8; 32],
    known: Mutex<HashMap<AccountId, (blake3::Hash, Instant)>>,
}

impl Proofs {
    /// `key` should be known to nobody outside this process.
    pub fn new(key: [u8; 32]) -> Proofs {
        Proofs { key, known: Mutex::default() }
    }

    pub fn believes(&self, account: AccountId, password: &[u8]) -> bool {
        let digest = blake3::keyed_hash(&self.key, password);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Digests are compared in constant time.
        known.get(&account).is_some_and(|(hash, at)| at.elapsed() < BELIEVED && *hash == digest)
    }

    pub fn remember(&self, account: AccountId, password: &[u8]) {
        let digest = blake3::keyed_hash(&self.key, password);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(account, (digest, Instant::now()));
    }

    pub fn forget(&self, account: AccountId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_believed_for_its_account_until_another_is_refused() {
        let (proofs, anne, bob) = (Proofs::new([7; 32]), AccountId(1), AccountId(2));
        assert!(!proofs.believes(anne, b"x"));
        proofs.remember(anne, b"x");
        assert!(proofs.believes(anne, b"x") && !proofs.believes(anne, b"y") && !proofs.believes(bob, b"x"));
        proofs.forget(anne);
        assert!(!proofs.believes(anne, b"x"));
    }
}
