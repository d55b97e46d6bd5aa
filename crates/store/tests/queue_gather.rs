//! Messages that are queued at the same time go in together, and still stand for themselves.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use sterna_core::SystemClock;
use sterna_store::{Error, NewQueued, QueueFilter, QueueId, Settled, Store};
use support::queue::{all, claim, message, recipient, sound};
use tempfile::TempDir;

async fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_with(support::config(dir.path()), Arc::new(SystemClock)).await.unwrap();
    (dir, store)
}

fn numbered(store: &Store, n: u32) -> NewQueued {
    // Every second body is the same.
    let body = if n.is_multiple_of(2) { b"same".to_vec() } else { n.to_le_bytes().to_vec() };
    let own = format!("u{n}@d{}.org", n % 7);
    message(store, &body, &[&own, "all@big.org"])
}

// One thread: who comes while a group is written is in the next.
#[tokio::test]
async fn what_comes_together_goes_in_together() {
    let (_dir, store) = open().await;
    let new: Vec<NewQueued> = (0..300).map(|n| numbered(&store, n)).collect();
    let ids = join_all(new.into_iter().map(|new| store.enqueue(new))).await;
    let ids: Vec<QueueId> = ids.into_iter().map(|id| id.unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    // One change for each group: the first message, then a hundred at a time.
    assert_eq!(*store.queue_changed().borrow(), 4);
    let stats = store.queue_stats().await.unwrap();
    assert_eq!((stats.messages, stats.recipients, stats.due), (300, 600, 600));
    assert_eq!(stats.by_destination[0].recipients, 300);
    for (n, id) in [(1, ids[1]), (299, ids[299])] {
        let (queued, recipients, _) = store.queue_show(id).await.unwrap().unwrap();
        assert_eq!(recipients[0].address, format!("u{n}@d{}.org", n % 7));
        assert_eq!(store.queue_body_range(queued.blob, 0, 9).await.unwrap(), (n as u32).to_le_bytes());
    }
    sound(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_gets_its_own_number_and_messages_leave_one_by_one() {
    let (_dir, store) = open().await;
    let callers = (0..200).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { (store.enqueue(numbered(&store, n)).await.unwrap(), n) })
    });
    let queued = join_all(callers).await.into_iter().map(|caller| caller.unwrap());
    for (id, n) in queued.collect::<BTreeSet<_>>() {
        let (_, recipients, _) = store.queue_show(id).await.unwrap().unwrap();
        assert_eq!(recipients[0].address, format!("u{n}@d{}.org", n % 7));
    }
    let claims = claim(&store, 400).await;
    assert_eq!(claims.len(), 400);
    for claim in claims {
        store.settle_queued(&claim, all(&claim, &Settled::Done), vec![]).await.unwrap();
    }
    assert_eq!(store.queue_stats().await.unwrap(), Default::default());
    sound(&store).await;
}

#[tokio::test]
async fn one_that_cannot_be_queued_keeps_no_other_from_it() {
    let (_dir, store) = open().await;
    let nul = NewQueued { recipients: vec![recipient("a\0b@x.org")], ..message(&store, b"nul", &[]) };
    let many = (0..2500).map(|n| recipient(&format!("u{n}@d{}.org", n % 3)));
    let many = NewQueued { recipients: many.collect(), ..message(&store, b"many", &[]) };
    let new = vec![numbered(&store, 1), nul, message(&store, b"nobody", &[]), many, numbered(&store, 2)];
    let answers = join_all(new.into_iter().map(|new| store.enqueue(new))).await;
    let refused = |n: usize| matches!(answers[n], Err(Error::Invalid(_)));
    assert_eq!([0, 1, 2, 3, 4].map(refused), [false, true, true, false, false]);
    assert_eq!(store.queue_stats().await.unwrap().recipients, 2 + 2500 + 2);
    sound(&store).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_while_it_waits_queues_nothing_and_takes_nobody_with_it() {
    let (_dir, store) = open().await;
    let mut first = Box::pin(store.enqueue(message(&store, b"first", &["a@x.org"])));
    let mut second = Box::pin(store.enqueue(message(&store, b"second", &["b@x.org"])));
    let mut third = Box::pin(store.enqueue(message(&store, b"third", &["c@x.org"])));
    for caller in [&mut first, &mut second, &mut third] {
        assert!(caller.now_or_never().is_none());
    }
    // The first is being written, the second waits.
    drop((first, second));
    third.await.unwrap();
    let listed = store.queue_list(None, 9, QueueFilter::default()).await.unwrap();
    let addresses: Vec<&str> = listed.iter().map(|(_, recipients, _)| recipients[0].address.as_str()).collect();
    assert_eq!(addresses, ["a@x.org", "c@x.org"]);
    sound(&store).await;
}
