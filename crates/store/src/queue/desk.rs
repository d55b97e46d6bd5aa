//! What one process keeps of the queue in memory: who wants to be told, and what is about to be queued.

use tokio::sync::watch;

use super::gather::Gathering;
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

    pub(super) fn tell_queue_changed(&self) {
        bump(&self.queue_desk().changed);
    }

    pub(super) fn tell_queue_retried(&self) {
        bump(&self.queue_desk().retried);
    }
}

fn bump(count: &watch::Sender<u64>) {
    count.send_modify(|n| *n = n.wrapping_add(1));
}
