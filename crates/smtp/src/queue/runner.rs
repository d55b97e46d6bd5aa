//! The loop: claims as the connections allow it, one task for each claim, sleep until something is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sterna_delivery::Delivery;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::config::QueueConfig;
use super::pool::{Pool, quit};
use super::traffic::Traffic;
use super::work::work;
use crate::dns::Resolver;

/// The least time between two looks at the store: what comes together is looked at together.
const BREATH: Duration = Duration::from_millis(10);
/// After the store failed.
const STORE_AWAY: Duration = Duration::from_secs(2);

/// Works the queue off. One in a process.
pub struct Runner {
    shared: Arc<Shared>,
}

/// What all claims share.
pub(super) struct Shared {
    pub delivery: Delivery,
    pub resolver: Resolver,
    pub config: QueueConfig,
    pub traffic: Arc<Traffic>,
    pub pool: Pool,
    stop: AtomicBool,
}

impl Shared {
    /// Nothing new is begun any more.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Milliseconds since 1970, to the second, by the store's clock.
    pub fn now_ms(&self) -> i64 {
        self.delivery.store().clock().unix().saturating_mul(1000)
    }
}

impl Runner {
    /// For the queue of delivery's store.
    pub fn new(delivery: Delivery, resolver: Resolver, config: QueueConfig) -> Runner {
        let traffic = Arc::new(Traffic::new(config.per_destination, config.rest));
        let pool = Pool::new(config.warm);
        let stop = AtomicBool::new(false);
        Runner { shared: Arc::new(Shared { delivery, resolver, config, traffic, pool, stop }) }
    }

    /// Works until shutdown, and then as long as the transfers under way need, up to `grace`. Dropped instead, it leaves its
    /// claims to the end of their terms.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let shared = &self.shared;
        let mut changed = shared.delivery.store().queue_changed();
        let mut retried = shared.delivery.store().queue_retried();
        let mut tasks = JoinSet::new();
        loop {
            // Seen before the look, so that what comes during it is not missed.
            changed.mark_unchanged();
            if retried.has_changed().unwrap_or(false) {
                retried.mark_unchanged();
                shared.traffic.forget_rests();
            }
            let wait = self.look(&mut tasks).await;
            let stopped = tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => true,
                () = self.idle(wait, &mut changed, &mut tasks) => false,
            };
            if stopped {
                break;
            }
            reap(&mut tasks);
            quit(shared.pool.expired(false)).await;
        }
        shared.stop.store(true, Ordering::Relaxed);
        let rest = async { while tasks.join_next().await.is_some() {} };
        if timeout(shared.config.grace, rest).await.is_err() {
            tracing::warn!(transfers = tasks.len(), "ending transfers of the queue that took too long");
        }
        tasks.shutdown().await;
        quit(shared.pool.expired(true)).await;
    }

    /// Claims what it can and sets tasks to work; gives how long nothing else will be due, as far as is known.
    async fn look(&self, tasks: &mut JoinSet<()>) -> Duration {
        let (shared, config) = (&self.shared, &self.shared.config);
        let room = config.connections.max(1).saturating_sub(tasks.len());
        if room == 0 {
            return config.poll;
        }
        let (busy, rested) = shared.traffic.busy();
        let (store, per_claim) = (shared.delivery.store(), shared.traffic.per_claim());
        let since = Instant::now();
        let claims = match store.claim_queued(room, per_claim, busy.clone(), config.term).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::warn!(%error, "cannot take mail from the queue; trying again");
                return STORE_AWAY;
            }
        };
        if !claims.is_empty() {
            for claim in claims {
                let under_way = shared.traffic.begin(&claim.destination);
                let shared = Arc::clone(shared);
                tasks.spawn(async move {
                    work(shared, claim, since).await;
                    drop(under_way);
                });
            }
            return Duration::ZERO;
        }
        let due = match store.next_due_ms(busy).await {
            Ok(due) => due.map(|due| Duration::from_millis(u64::try_from(due - shared.now_ms()).unwrap_or(0))),
            Err(_) => Some(STORE_AWAY),
        };
        let rested = rested.map(|until| until.saturating_duration_since(Instant::now()));
        // Something that is due and cannot be had is being taken by another node.
        let due = due.map(|due| due.max(Duration::from_millis(200)));
        [due, rested].into_iter().flatten().min().unwrap_or(config.poll).min(config.poll)
    }

    /// Waits for a reason to look again.
    async fn idle(&self, wait: Duration, changed: &mut watch::Receiver<u64>, tasks: &mut JoinSet<()>) {
        let pool = &self.shared.pool;
        let wait = if pool.is_empty() { wait } else { wait.min(self.shared.config.warm) };
        sleep(BREATH).await;
        tokio::select! {
            () = sleep(wait.saturating_sub(BREATH)) => {}
            // The sender lives as long as the store.
            Ok(()) = changed.changed() => {}
            Some(ended) = tasks.join_next() => told(ended),
        }
    }
}

/// Takes note of the tasks that have ended.
fn reap(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.try_join_next() {
        told(ended);
    }
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a transfer of the queue broke off; it will be tried again when its claim ends");
    }
}
