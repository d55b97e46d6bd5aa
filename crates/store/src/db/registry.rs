//! The databases in use: one value for each, so that one writer of this process serialises its writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sterna_core::AccountId;

use super::Database;

/// Entries up to which values that are not in use any more are not looked for.
const ROOM: usize = 1024;

#[derive(Default)]
pub(crate) struct Registry {
    open: Mutex<HashMap<AccountId, Weak<Database>>>,
}

impl Registry {
    /// The database of an account, if it is in use.
    pub fn get(&self, id: AccountId) -> Option<Arc<Database>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&id).and_then(Weak::upgrade)
    }

    /// The same, or the one that `make` makes.
    pub fn get_or(&self, id: AccountId, make: impl FnOnce() -> Arc<Database>) -> Arc<Database> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = open.get(&id).and_then(Weak::upgrade) {
            return db;
        }
        if open.len() > ROOM && open.len() > 2 * open.values().filter(|w| w.strong_count() > 0).count() {
            open.retain(|_, weak| weak.strong_count() > 0);
        }
        let db = make();
        open.insert(id, Arc::downgrade(&db));
        db
    }

    /// Forgets an account that is removed.
    pub fn remove(&self, id: AccountId) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Every account in use.
    pub fn accounts(&self) -> Vec<AccountId> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().filter(|(_, weak)| weak.strong_count() > 0).map(|(id, _)| *id).collect()
    }
}
