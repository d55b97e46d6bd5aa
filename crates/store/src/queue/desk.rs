//! What the queue's work has in common: its transactions, who wants to be told, and what is about to be queued.

use tokio::sync::watch;

use super::gather::Gathering;
use crate::db::Tx;
use crate::error::Result;
use crate::store::Store;

/// One in a store.
#[derive(Default)]
pub(crate) struct Desk {
    changed: watch::Sender<u64>,
    retried: watch::Sender<u64>,
    pub(super) gathering: Gathering,
}

impl Store {
    /// Tells that this process queued something, settled a claim or made messages due: a reason to look for work. Other
    /// nodes' changes are not told; [`Store::next_due_ms`] knows of them.
    pub fn queue_changed(&self) -> watch::Receiver<u64> {
        self.queue_desk().changed.subscribe()
    }

    /// Tells that somebody asked this process to try messages now ([`Store::queue_retry`]) or again (they were released by
    /// [`Store::queue_hold`]): a reason to forget which destinations did not answer lately. [`Store::queue_changed`] tells it, too.
    pub fn queue_retried(&self) -> watch::Receiver<u64> {
        self.queue_desk().retried.subscribe()
    }

    /// A transaction of the directory that asks about the queue.
    pub(super) async fn queue_read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.directory().read(move |tx| tx.plan_afresh().and_then(|()| f(tx))).await
    }

    /// One that changes it.
    pub(super) async fn queue_write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.directory().write(move |tx| tx.plan_afresh().and_then(|()| f(tx))).await
    }

    pub(super) fn tell_queue_changed(&self) {
        bump(&self.queue_desk().changed);
    }

    pub(super) fn tell_queue_retried(&self) {
        bump(&self.queue_desk().retried);
    }
}

impl Tx<'_> {
    /// Has each statement of this transaction planned for the tables as they are now.
    ///
    /// PostgreSQL keeps the plan of a statement that it has seen a few times until it learns more about a table, which takes it
    /// minutes. A queue is empty in one minute and has a hundred thousand messages in the next: plans that were good for the
    /// first read whole tables, once for every message, in the second.
    fn plan_afresh(&self) -> Result<()> {
        if self.is_shared() {
            self.execute("SET LOCAL plan_cache_mode = force_custom_plan", &[])?;
        }
        Ok(())
    }
}

fn bump(count: &watch::Sender<u64>) {
    count.send_modify(|n| *n = n.wrapping_add(1));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sterna_core::SystemClock;

    use super::*;
    use crate::config::{Engine, PostgresConfig, StoreConfig};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_queue_is_planned_afresh_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::Postgres(PostgresConfig::new(&sterna_tests::backend::fresh_database()));
        let config = StoreConfig { engine, ..StoreConfig::embedded(dir.path()) };
        let store = Store::open_with(config, Arc::new(SystemClock)).await.unwrap();
        let mode =
            |tx: &Tx<'_>| tx.one("SELECT current_setting('plan_cache_mode')", &[], |r| Ok(r.text(0)?.to_owned()));
        let forced = Some("force_custom_plan".to_owned());
        for _ in 0..2 {
            assert_eq!(store.queue_read(mode).await.unwrap(), forced);
            assert_eq!(store.queue_write(mode).await.unwrap(), forced);
            assert_eq!(store.directory().read(mode).await.unwrap().as_deref(), Some("auto"));
        }
    }
}
