//! How many sessions an account has on this node: each holds a list of the whole INBOX, so their number is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sterna_core::AccountId;

/// The sessions of all accounts.
pub(super) struct Slots {
    limit: usize,
    taken: Mutex<HashMap<AccountId, usize>>,
}

/// One session's place; given back when it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    account: AccountId,
}

impl Slots {
    pub fn new(limit: usize) -> Arc<Slots> {
        Arc::new(Slots { limit, taken: Mutex::default() })
    }

    /// A place for one more session of an account; `None` if it has too many.
    pub fn take(self: &Arc<Slots>, account: AccountId) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(account).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Slot { slots: self.clone(), account })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_each_account_and_given_back() {
        let slots = Slots::new(1);
        let first = slots.take(AccountId(1)).unwrap();
        assert!(slots.take(AccountId(1)).is_none());
        assert!(slots.take(AccountId(2)).is_some());
        drop(first);
        assert!(slots.take(AccountId(1)).is_some());
        assert!(slots.taken.lock().unwrap().is_empty());
    }
}
