//! Leases of two nodes: the time is the database's, and a write that has begun keeps its job.

use std::sync::mpsc;
use std::time::Duration;

use sterna_core::{Address, Flags};
use sterna_store::{Error, JobKind};
use tokio::time::timeout;

use crate::support::email;
use crate::{Place, anne};

const TERM: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_not_taken_while_its_holder_writes() {
    let mut place = Place::fresh();
    let (first, second) = (place.open().await, place.open().await);
    let id = anne(&first).await;
    first.add_job(id, JobKind::Move).await.unwrap();
    let lease = first.claim(JobKind::Move, 1, TERM).await.unwrap().remove(0);
    let account = first.account(id).await.unwrap().under(&lease);

    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let message = email(&account, b"body");
    let writing = tokio::spawn({
        let account = account.clone();
        async move {
            account
                .write(move |tx| {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    let inbox = tx.mailboxes()?[0].id;
                    tx.append(inbox, &message, &Flags::default()).map(drop)
                })
                .await
        }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    // Its term is over, and it is passed over all the same; a heartbeat does not wait for the write.
    tokio::time::sleep(2 * TERM).await;
    assert!(second.claim(JobKind::Move, 1, TERM).await.unwrap().is_empty());
    timeout(Duration::from_secs(2), first.renew(&lease, TERM)).await.unwrap().unwrap();
    // Who takes it by force waits for the write; the next one is refused.
    let seizing = tokio::spawn({
        let second = second.clone();
        async move { second.seize(id, JobKind::Move, TERM).await }
    });
    tokio::time::sleep(TERM).await;
    assert!(!seizing.is_finished());
    go_on.send(()).unwrap();
    writing.await.unwrap().unwrap();
    let seized = timeout(Duration::from_secs(5), seizing).await.unwrap().unwrap().unwrap();
    let late = email(&account, b"late");
    let refused = account.write(move |tx| tx.append(tx.mailboxes()?[0].id, &late, &Flags::default())).await;
    assert_eq!(refused.err(), Some(Error::LeaseLost));
    let taken = second.account(id).await.unwrap().under(&seized);
    let total = taken.read(|tx| Ok(tx.mailboxes()?[0].total)).await.unwrap();
    assert_eq!(total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_wrong_neither_takes_a_job_too_soon_nor_keeps_it_too_long() {
    let mut place = Place::fresh();
    let right = place.open().await;
    let id = anne(&right).await;
    let (early, late) = (place.open_at(1_000_000_000).await, place.open_at(4_000_000_000).await);
    right.add_job(id, JobKind::Move).await.unwrap();
    let term = Duration::from_secs(3);
    let lease = late.claim(JobKind::Move, 1, term).await.unwrap().remove(0);
    for node in [&right, &early, &late] {
        assert!(node.claim(JobKind::Move, 1, term).await.unwrap().is_empty());
    }
    tokio::time::sleep(term).await;
    let taken = early.claim(JobKind::Move, 1, term).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(late.renew(&lease, term).await, Err(Error::LeaseLost));
    assert!(right.claim(JobKind::Move, 1, term).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_two_nodes_look_for_are_given_to_one_each() {
    let mut place = Place::fresh();
    let (first, second) = (place.open().await, place.open().await);
    let mut accounts = Vec::new();
    first.add_domain("example.org").await.unwrap();
    for n in 0..20 {
        let address = Address::parse(&format!("u{n}@example.org")).unwrap();
        accounts.push(first.add_account(&address, None, None).await.unwrap());
    }
    for account in &accounts {
        first.add_job(*account, JobKind::Move).await.unwrap();
    }
    let claim = |store: &sterna_store::Store| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..10 {
                taken.extend(store.claim(JobKind::Move, 3, Duration::from_secs(60)).await.unwrap());
            }
            taken.into_iter().map(|lease| lease.account).collect::<Vec<_>>()
        })
    };
    let (a, b) = (claim(&first), claim(&second));
    let mut taken = [a.await.unwrap(), b.await.unwrap()].concat();
    taken.sort_unstable();
    assert_eq!(taken, accounts);
}
