//! Passwords: Argon2id hashes, and a short memory of what was verified.
//!
//! A mail client logs in again and again, and Argon2id is slow on purpose. A success is remembered for a few minutes
//! as a keyed hash of account, stored hash and password under a key that never leaves the process; a changed password
//! changes the stored hash and so misses the memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sterna_core::AccountId;

use crate::error::{Error, Result};

const REMEMBER: Duration = Duration::from_secs(300);
const MAX_REMEMBERED: usize = 20_000;

/// Hashes a password with Argon2id and a random salt. Blocking, some 20 ms.
pub(crate) fn hash_password(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| Error::Internal(format!("cannot hash a password: {e}")))
}

/// Verifies passwords and remembers successes.
pub(crate) struct PasswordCache {
    key: [u8; 32],
    /// What an unknown account is verified against, so that it takes as long as a known one.
    decoy: String,
    verified: Mutex<HashMap<[u8; 32], Instant>>,
}

impl PasswordCache {
    pub fn new() -> Result<PasswordCache> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::Internal("no random numbers".into()))?;
        Ok(PasswordCache { key, decoy: hash_password("decoy")?, verified: Mutex::default() })
    }

    /// Whether `password` matches `hash`. Blocking; takes as long without a hash.
    pub fn verify(&self, account: AccountId, hash: Option<&str>, password: &str) -> bool {
        let Some(hash) = hash else {
            let _ = Argon2::default().verify_password(password.as_bytes(), self.decoy.as_str());
            return false;
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for field in [&account.0.to_le_bytes()[..], hash.as_bytes(), password.as_bytes()] {
            hasher.update(&(field.len() as u64).to_le_bytes()).update(field);
        }
        let memory = *hasher.finalize().as_bytes();
        let now = Instant::now();
        {
            let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            if verified.get(&memory).is_some_and(|at| now.duration_since(*at) < REMEMBER) {
                return true;
            }
        }
        let matches = Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
        if matches {
            let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
            if verified.len() >= MAX_REMEMBERED {
                verified.retain(|_, at| now.duration_since(*at) < REMEMBER);
            }
            if verified.len() < MAX_REMEMBERED {
                verified.insert(memory, now);
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_success_does_not_outlive_the_password() {
        let cache = PasswordCache::new().unwrap();
        let (old, new) = (hash_password("one").unwrap(), hash_password("two").unwrap());
        assert!(cache.verify(AccountId(1), Some(&old), "one"));
        assert!(cache.verify(AccountId(1), Some(&old), "one"));
        assert!(!cache.verify(AccountId(1), Some(&new), "one"));
        assert!(!cache.verify(AccountId(1), None, "one"));
        assert!(!cache.verify(AccountId(1), Some("not a hash"), "one"));
    }
}
