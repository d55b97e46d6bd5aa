//! Random operations of several nodes on the queue beside a plain model of it: who gets what, what is left, when the next is due.
//! The checker looks after each.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sterna_core::{Clock, ManualClock};
use sterna_store::{Error, NewQueued, NewQueuedRecipient, QueueClaim, QueueId, Settled, Store};
use support::config;
use support::queue::{message, sound};

/// Seconds of a claim's term.
const TERM: i64 = 10;

#[derive(Clone, Debug)]
enum Op {
    /// Recipients: destination, and in how many seconds they are due.
    Enqueue(Vec<(u8, i64)>),
    /// Limit, limit of a destination, and a busy one.
    Claim(usize, usize, u8),
    /// Which of the claims that are not settled, what becomes of each recipient, and whether a notice is queued.
    Settle(usize, Vec<u8>, bool),
    Renew(usize),
    Hold(usize, bool),
    Retry(usize),
    Remove(usize),
    Pass(i64),
    /// The process ends and another begins.
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => prop::collection::vec((0..4u8, 0..20i64), 1..6).prop_map(Op::Enqueue),
        6 => (1..5usize, 1..4usize, 0..6u8).prop_map(|(n, per, busy)| Op::Claim(n, per, busy)),
        6 => (0..8usize, prop::collection::vec(0..5u8, 6), any::<bool>()).prop_map(|(n, fates, notice)| Op::Settle(n, fates, notice)),
        1 => (0..8usize).prop_map(Op::Renew),
        1 => (0..8usize, any::<bool>()).prop_map(|(n, held)| Op::Hold(n, held)),
        1 => (0..8usize).prop_map(Op::Retry),
        1 => (0..8usize).prop_map(Op::Remove),
        3 => (1..12i64).prop_map(Op::Pass),
        1 => Just(Op::Restart),
    ]
}

/// A recipient that is waited for.
#[derive(Clone, Debug)]
struct Waiting {
    destination: String,
    due: i64,
    attempts: u32,
}

/// Who tries the recipients of a message at a destination, and until when.
#[derive(Clone, Debug)]
struct Held {
    claim: usize,
    until: i64,
}

#[derive(Default)]
struct Model {
    /// By message and number.
    waiting: BTreeMap<(QueueId, u64), Waiting>,
    on_hold: BTreeSet<QueueId>,
    /// By message and destination; none has more than a hundred recipients here.
    leases: BTreeMap<(QueueId, String), Held>,
    claims: Vec<QueueClaim>,
}

impl Model {
    fn messages(&self) -> Vec<QueueId> {
        self.waiting.keys().map(|(id, _)| *id).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// When each group may be claimed; seconds.
    fn groups(&self) -> BTreeMap<(QueueId, String), i64> {
        let mut groups = BTreeMap::new();
        for ((id, _), w) in &self.waiting {
            let key = (*id, w.destination.clone());
            let next = match self.leases.get(&key) {
                Some(held) => held.until,
                None if self.on_hold.contains(id) => continue,
                None => w.due,
            };
            let entry = groups.entry(key).or_insert(next);
            *entry = next.min(*entry);
        }
        groups
    }

    fn is_ours(&self, claim: usize) -> bool {
        self.leases.values().any(|held| held.claim == claim)
    }

    fn forget_leases_of_what_is_gone(&mut self) {
        let left: BTreeSet<_> = self.waiting.iter().map(|((id, _), w)| (*id, w.destination.clone())).collect();
        self.leases.retain(|key, _| left.contains(key));
        let ids: BTreeSet<_> = self.messages().into_iter().collect();
        self.on_hold.retain(|id| ids.contains(id));
    }
}

fn pick<T: Clone>(all: &[T], n: usize) -> Option<T> {
    all.get(n % all.len().max(1)).cloned()
}

async fn run(ops: Vec<Op>) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(1_800_000_000));
    let open = || Store::open_with(config(dir.path()), clock.clone());
    let mut store = open().await.unwrap();
    let mut model = Model::default();
    for op in ops {
        let now = clock.unix();
        match op {
            Op::Enqueue(recipients) => {
                let new = queued(&store, &recipients, now);
                let id = store.enqueue(new).await.unwrap();
                insert(&mut model, id, &recipients, now);
            }
            Op::Claim(limit, per_destination, busy) => {
                let busy = format!("d{busy}");
                let term = Duration::from_secs(TERM as u64);
                let claims = store.claim_queued(limit, per_destination, vec![busy.clone()], term).await.unwrap();
                let mut due: Vec<_> =
                    model.groups().into_iter().filter(|((_, d), next)| *next <= now && *d != busy).collect();
                due.sort_by_key(|(_, next)| *next);
                let mut of = BTreeMap::new();
                let mut first: Vec<i64> = Vec::new();
                for ((_, destination), next) in &due {
                    let n = of.entry(destination.clone()).or_insert(0);
                    *n += 1;
                    if *n <= per_destination && first.len() < limit {
                        first.push(*next);
                    }
                }
                // Which of those that are due equally long is left to the store.
                let due: BTreeMap<_, _> = due.into_iter().collect();
                let key = |claim: &QueueClaim| (claim.message.id, claim.destination.clone());
                let got: Vec<i64> = claims.iter().map(|claim| due[&key(claim)]).collect();
                assert_eq!(got, first);
                let mut claims_of = BTreeMap::new();
                for claim in claims {
                    let key = key(&claim);
                    let of = claims_of.entry(key.1.clone()).or_insert(0);
                    *of += 1;
                    assert!(*of <= per_destination);
                    let got: Vec<_> = claim.recipients.iter().map(|r| (r.id, r.attempts)).collect();
                    let due = model
                        .waiting
                        .iter()
                        .filter(|((id, _), w)| (*id, &w.destination) == (key.0, &key.1) && w.due <= now);
                    assert_eq!(got, due.map(|((_, n), w)| (*n, w.attempts)).collect::<Vec<_>>());
                    model.claims.push(claim);
                    model.leases.insert(key, Held { claim: model.claims.len() - 1, until: now + TERM });
                }
            }
            Op::Settle(n, fates, notice) => {
                let Some((at, claim)) = pick(&model.claims.iter().cloned().enumerate().collect::<Vec<_>>(), n) else {
                    continue;
                };
                let fate = |(n, r): (usize, &sterna_store::QueuedRecipient)| match fates[n % fates.len()] {
                    0 | 1 => Some((r.id, Settled::Done)),
                    2 => {
                        Some((r.id, Settled::Retry { due_ms: (now + 5) * 1000, error: "e".into(), delay_told: false }))
                    }
                    3 => Some((r.id, Settled::Untouched)),
                    _ => None,
                };
                let settled: Vec<_> = claim.recipients.iter().enumerate().filter_map(fate).collect();
                let notices = if notice { vec![queued(&store, &[(0, 0)], now)] } else { vec![] };
                let done = store.settle_queued(&claim, settled.clone(), notices).await;
                if !model.is_ours(at) {
                    assert_eq!(done, Err(Error::LeaseLost));
                    continue;
                }
                done.unwrap();
                model.leases.remove(&(claim.message.id, claim.destination.clone()));
                for (n, settled) in settled {
                    let key = (claim.message.id, n);
                    match settled {
                        Settled::Done => drop(model.waiting.remove(&key)),
                        Settled::Retry { due_ms, .. } => {
                            let waiting = model.waiting.get_mut(&key).unwrap();
                            (waiting.due, waiting.attempts) = (due_ms / 1000, waiting.attempts + 1);
                        }
                        _ => {}
                    }
                }
                if notice {
                    let all = store.queue_list(None, 1000, Default::default()).await.unwrap();
                    insert(&mut model, all.last().unwrap().0.id, &[(0, 0)], now);
                }
            }
            Op::Renew(n) => {
                let Some((at, claim)) = pick(&model.claims.iter().cloned().enumerate().collect::<Vec<_>>(), n) else {
                    continue;
                };
                let renewed = store.renew_queued(&claim, Duration::from_secs(TERM as u64)).await;
                assert_eq!(renewed.is_ok(), model.is_ours(at), "{renewed:?}");
                if let Some(held) = model.leases.values_mut().find(|held| held.claim == at) {
                    held.until = now + TERM;
                }
            }
            Op::Hold(n, held) => {
                let Some(id) = pick(&model.messages(), n) else { continue };
                // What is held while it is tried has a test of its own.
                if model.leases.keys().any(|(i, _)| *i == id) {
                    continue;
                }
                let changed = store.queue_hold(id, held).await.unwrap() == 1;
                assert_eq!(changed, if held { model.on_hold.insert(id) } else { model.on_hold.remove(&id) });
            }
            Op::Retry(n) => {
                let Some(id) = pick(&model.messages(), n) else { continue };
                assert_eq!(store.queue_retry(id).await.unwrap(), 1);
                model.waiting.iter_mut().filter(|((i, _), _)| *i == id).for_each(|(_, w)| w.due = w.due.min(now));
            }
            Op::Remove(n) => {
                let Some(id) = pick(&model.messages(), n) else { continue };
                assert_eq!(store.queue_remove(id).await.unwrap(), 1);
                model.waiting.retain(|(i, _), _| *i != id);
            }
            Op::Pass(seconds) => clock.advance(seconds),
            Op::Restart => {
                drop(store);
                store = open().await.unwrap();
                model.leases.clear();
            }
        }
        model.forget_leases_of_what_is_gone();
        let stats = store.queue_stats().await.unwrap();
        let counts = (model.messages().len() as u64, model.waiting.len() as u64, model.on_hold.len() as u64);
        assert_eq!((stats.messages, stats.recipients, stats.held), counts);
        let next = model.groups().into_values().min().map(|next| next * 1000);
        assert_eq!(store.next_due_ms(vec![]).await.unwrap(), next);
        sound(&store).await;
    }
}

fn queued(store: &Store, recipients: &[(u8, i64)], now: i64) -> NewQueued {
    let recipients = recipients.iter().enumerate().map(|(n, (destination, delay))| NewQueuedRecipient {
        address: format!("u{n}@d{destination}"),
        destination: format!("d{destination}"),
        options: String::new(),
        due_ms: (now + delay) * 1000,
    });
    NewQueued { recipients: recipients.collect(), ..message(store, b"a body", &[]) }
}

fn insert(model: &mut Model, id: QueueId, recipients: &[(u8, i64)], now: i64) {
    for (n, (destination, delay)) in (1..).zip(recipients) {
        let waiting = Waiting { destination: format!("d{destination}"), due: now + delay, attempts: 0 };
        model.waiting.insert((id, n), waiting);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// The clock is the test's: on the embedded engine, whose leases it counts.
    #[test]
    fn random_operations_agree_with_the_model(ops in prop::collection::vec(op(), 1..60)) {
        if !sterna_tests::backend::shared() {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(run(ops));
        }
    }
}
