//! The queue of several nodes: what two look for is given to one, what a silent node had is taken over, nothing is lost and
//! nothing is done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use sterna_store::{Error, QueueId, Settled, Store};

use crate::Place;
use crate::support::queue::{all, claim, message, retry, sound};

/// What a node's claims came to: who was settled for good, and how often who was to be tried again.
type Account = BTreeMap<(QueueId, u64), (u32, u32)>;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_work_try_again_and_fall_silent_settle_every_recipient_once() {
    let mut place = Place::fresh();
    let nodes = [place.open().await, place.open().await, place.open().await];
    let mut expected = 0;
    for n in 0..60 {
        let addresses: Vec<String> = (0..1 + n % 4).map(|r| format!("u{r}@d{}.org", (n * 7 + r) % 5)).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        nodes[n % 3].enqueue(message(&nodes[n % 3], &[n as u8], &addresses)).await.unwrap();
        expected += addresses.len();
    }
    let workers = nodes.clone().map(|node| tokio::spawn(work(node)));
    let mut sum = Account::new();
    for worker in workers {
        for (key, (done, again)) in worker.await.unwrap() {
            let entry = sum.entry(key).or_default();
            *entry = (entry.0 + done, entry.1 + again);
        }
    }
    assert_eq!(sum.len(), expected);
    assert!(sum.values().all(|(done, _)| *done == 1), "{sum:?}");
    assert!(sum.values().any(|(_, again)| *again > 0));
    assert_eq!(nodes[0].queue_stats().await.unwrap(), Default::default());
    sound(&nodes[0]).await;
}

/// Claims and settles until nothing waits; now and then it says nothing, or says it too late.
async fn work(store: Store) -> Account {
    let (mut account, mut turn) = (Account::new(), 0u32);
    while store.next_due_ms(vec![]).await.unwrap().is_some() {
        let claims = store.claim_queued(4, 2, vec![], Duration::from_millis(200)).await.unwrap();
        if claims.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for claim in claims {
            turn += 1;
            let settled = match turn % 7 {
                0 => continue,
                1 => Settled::Untouched,
                2 | 3 => retry(0),
                4 => {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    Settled::Done
                }
                _ => Settled::Done,
            };
            match store.settle_queued(&claim, all(&claim, &settled), vec![]).await {
                Ok(()) => {
                    for recipient in &claim.recipients {
                        let entry = account.entry((claim.message.id, recipient.id)).or_default();
                        entry.0 += u32::from(settled == Settled::Done);
                        entry.1 += u32::from(matches!(settled, Settled::Retry { .. }));
                    }
                }
                Err(e) => assert_eq!(e, Error::LeaseLost),
            }
        }
    }
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_gives_back_its_own_claims_only() {
    let mut place = Place::fresh();
    let config = place.node();
    let open = || Store::open_with(config.clone(), std::sync::Arc::new(sterna_core::SystemClock));
    let (first, second) = (open().await.unwrap(), place.open().await);
    for address in ["a@x.org", "b@y.org"] {
        first.enqueue(message(&first, b"x", &[address])).await.unwrap();
    }
    let (mine, theirs) = (claim(&first, 1).await, claim(&second, 1).await);
    assert_eq!((mine.len(), theirs.len()), (1, 1));
    drop(first);
    let first = open().await.unwrap();
    let again = claim(&first, 9).await;
    assert_eq!(again.iter().map(|c| c.message.id).collect::<Vec<_>>(), [mine[0].message.id]);
    second.settle_queued(&theirs[0], all(&theirs[0], &Settled::Done), vec![]).await.unwrap();
    assert_eq!(second.settle_queued(&mine[0], vec![], vec![]).await, Err(Error::LeaseLost));
    sound(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_wrong_neither_tries_too_soon_nor_keeps_a_claim_too_long() {
    let mut place = Place::fresh();
    let right = place.open().await;
    let (early, late) = (place.open_at(1_000_000_000).await, place.open_at(4_000_000_000).await);
    right.enqueue(message(&right, b"x", &["a@x.org"])).await.unwrap();
    let term = Duration::from_millis(1500);
    let held = late.claim_queued(1, 1, vec![], term).await.unwrap();
    assert_eq!(held.len(), 1);
    for node in [&right, &early, &late] {
        assert!(claim(node, 1).await.is_empty());
    }
    tokio::time::sleep(term).await;
    assert_eq!(claim(&early, 1).await.len(), 1);
    assert_eq!(late.renew_queued(&held[0], term).await, Err(Error::LeaseLost));
}
