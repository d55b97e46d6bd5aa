//! The turns of an account's scripts. A script may take seconds of a processor, a thread and, on PostgreSQL, a connection:
//! however much mail its account gets, it must not take all of them from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sterna_core::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Scripts of one account that run at a time.
const AT_ONCE: usize = 4;

/// Who has a turn or waits for one.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<AccountId, Weak<Semaphore>>>);

/// A turn; it ends when this is dropped.
pub(crate) struct Turn {
    /// `None` never happens: these semaphores are not closed.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits for a turn, in the order of asking.
    pub async fn take(&self, account: AccountId) -> Turn {
        let turns = self.of(account);
        Turn { _permit: turns.acquire_owned().await.ok() }
    }

    fn of(&self, account: AccountId) -> Arc<Semaphore> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&account).and_then(Weak::upgrade) {
            return known;
        }
        // As many are left as accounts run scripts at this moment.
        all.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        all.insert(account, Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_account_waits_for_its_own_turns_only() {
        let turns = Turns::default();
        let take = |account| turns.take(AccountId(account)).now_or_never();
        let mut taken: Vec<Turn> = (0..AT_ONCE).map(|_| take(1).unwrap()).collect();
        assert!(take(1).is_none());
        assert!(take(2).is_some());
        taken.pop();
        taken.push(take(1).unwrap());
        assert!(take(1).is_none());
        taken.clear();
        assert!(take(3).is_some());
        assert_eq!(turns.0.lock().unwrap().len(), 1, "who has no turn is forgotten");
    }
}
