//! A million recipients that wait: nothing that the runner or an operator does may depend on how many they are.
//!
//! Run by hand: `cargo test --release -p sterna-store --test queue_million -- --ignored --nocapture`; `STERNA_QUEUE_MESSAGES`
//! may ask for fewer than 100,000 messages of ten recipients. Debug builds keep the limits, too.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // A measurement.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_core::SystemClock;
use sterna_store::{NewQueued, QueueFilter, Settled, Store};
use support::config;
use support::queue::{TERM, all, message, recipient};

const RECIPIENTS: usize = 10;

fn messages() -> usize {
    std::env::var("STERNA_QUEUE_MESSAGES").map_or(100_000, |n| n.parse().unwrap())
}

/// More than any of them takes, and much less than a walk through the queue.
const CHEAP: Duration = Duration::from_millis(50);

async fn timed<T>(what: &str, limit: Duration, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let result = work.await;
    let took = begun.elapsed();
    println!("{what}: {took:?}");
    assert!(took < limit, "{what} took {took:?}");
    result
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by hand"]
async fn a_million_waiting_recipients_stay_cheap() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open_with(config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    let begun = Instant::now();
    let mut enqueueing = tokio::task::JoinSet::new();
    let (tenth, mut since) = (messages() / 10, begun);
    for n in 0..messages() {
        if n > 0 && n % tenth == 0 {
            println!("{n} messages wait; {:.0}/s", tenth as f64 / since.elapsed().as_secs_f64());
            since = Instant::now();
        }
        // A tenth of all recipients are at one destination; the others at a hundred thousand.
        let to = (0..RECIPIENTS).map(|r| {
            if r == 0 {
                recipient(&format!("u{n}@big.org"))
            } else {
                recipient(&format!("u{r}@d{}.org", (n * 9 + r) % 100_000))
            }
        });
        let new = NewQueued { recipients: to.collect(), ..message(&store, &(n as u32).to_le_bytes(), &[]) };
        let store = store.clone();
        enqueueing.spawn(async move { store.enqueue(new).await.unwrap() });
        if enqueueing.len() >= 64 {
            enqueueing.join_next().await.unwrap().unwrap();
        }
    }
    enqueueing.join_all().await;
    println!("enqueued at {:.0} messages/s", messages() as f64 / begun.elapsed().as_secs_f64());

    drop(store);
    store = timed("open", Duration::from_secs(1), Store::open_with(config(dir.path()), Arc::new(SystemClock)))
        .await
        .unwrap();
    let stats = timed("stats", 4 * CHEAP, store.queue_stats()).await.unwrap();
    assert_eq!((stats.messages, stats.recipients), (messages() as u64, (messages() * RECIPIENTS) as u64));
    assert_eq!(stats.by_destination[0].destination, "big.org");
    let busy = || vec!["big.org".to_owned()];
    timed("next_due", CHEAP, store.next_due_ms(busy())).await.unwrap().unwrap();
    let claims = timed("claim 200", 2 * CHEAP, store.claim_queued(200, 20, busy(), TERM)).await.unwrap();
    assert_eq!(claims.len(), 200);
    let begun = Instant::now();
    for (n, claim) in claims.iter().enumerate() {
        let settled = if n % 2 == 0 { Settled::Done } else { support::queue::retry(4_000_000_000_000) };
        store.settle_queued(claim, all(claim, &settled), vec![]).await.unwrap();
    }
    println!("settle, one by one: {:?} each", begun.elapsed() / 200);
    let claims = timed("claim of a full destination", CHEAP, store.claim_queued(20, 20, vec![], TERM)).await.unwrap();
    assert_eq!(claims.len(), 20);
    timed("next_due", CHEAP, store.next_due_ms(busy())).await.unwrap().unwrap();
    timed("list", CHEAP, store.queue_list(None, 50, QueueFilter::default())).await.unwrap();
    for filter in [
        QueueFilter { recipient: Some("u77777@big.org".into()), ..Default::default() },
        QueueFilter { destination: Some("d777.org".into()), ..Default::default() },
        QueueFilter { sender: Some("nobody@example.org".into()), ..Default::default() },
        QueueFilter { held: Some(true), ..Default::default() },
    ] {
        timed(&format!("list {filter:?}"), CHEAP, store.queue_list(None, 50, filter)).await.unwrap();
    }
    timed("stats", 4 * CHEAP, store.queue_stats()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by hand"]
async fn a_backlog_is_worked_off_at_an_even_rate() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    // What the engine's statistics say of an almost empty queue is true of nothing that comes later.
    let few = (0..1000).map(|n| recipient(&format!("u{n}@big.org")));
    store.enqueue(NewQueued { recipients: few.collect(), ..message(&store, b"first", &[]) }).await.unwrap();
    store.enqueue(message(&store, b"second", &["a@big.org"])).await.unwrap();
    if let Some((database, _)) = sterna_tests::backend::place(dir.path()) {
        sterna_tests::psql(&database, "ANALYZE");
    }
    for claim in support::queue::claim(&store, 20).await {
        store.settle_queued(&claim, all(&claim, &Settled::Done), vec![]).await.unwrap();
    }
    let waiting = messages() / 5;
    let enqueueing = (0..64).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in (worker..waiting).step_by(64) {
                store.enqueue(message(&store, &n.to_le_bytes(), &["a@big.org"])).await.unwrap();
            }
        })
    });
    futures_util::future::join_all(enqueueing).await.into_iter().for_each(|worker| worker.unwrap());
    let (mut rates, mut since, mut done) = (Vec::new(), Instant::now(), 0);
    while done < waiting {
        for claim in store.claim_queued(20, 20, vec![], TERM).await.unwrap() {
            store.settle_queued(&claim, all(&claim, &Settled::Done), vec![]).await.unwrap();
            done += 1;
            if done % (waiting / 10) == 0 {
                rates.push((waiting / 10) as f64 / since.elapsed().as_secs_f64());
                since = Instant::now();
                println!("{done} worked off; {:.0}/s", rates.last().unwrap());
            }
        }
    }
    assert!(rates.iter().all(|rate| *rate > rates[0] / 4.0), "{rates:?}");
}
