//! A database that stalls, is killed, or has no connection left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_core::{Flags, SystemClock};
use sterna_store::{Engine, Error, PostgresConfig, Store, StoreConfig};
use sterna_tests::{Fault, PostgresOptions, PostgresServer, Tap};

use crate::support::email;
use crate::{Place, anne};

/// Short limits, so that a test sees them.
fn impatient(config: StoreConfig, url: &str, pool: usize, statement_timeout: Duration) -> StoreConfig {
    let engine = Engine::Postgres(PostgresConfig {
        pool,
        wait: Duration::from_millis(700),
        statement_timeout,
        ..PostgresConfig::new(url)
    });
    StoreConfig { engine, ..config }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_free_connection_is_a_temporary_refusal() {
    let mut place = Place::fresh();
    let config = place.node();
    let store = Store::open_with(impatient(config, &place.url, 2, Duration::from_secs(20)), Arc::new(SystemClock))
        .await
        .unwrap();
    let id = anne(&store).await;
    let account = store.account(id).await.unwrap();
    let (holding, mut holds) = tokio::sync::mpsc::unbounded_channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let holders: Vec<_> = (0..2)
        .map(|_| {
            let (account, held, holding) = (account.clone(), held.clone(), holding.clone());
            tokio::spawn(async move {
                account
                    .read(move |tx| {
                        tx.account_state()?;
                        holding.send(()).unwrap();
                        let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(10));
                        Ok(())
                    })
                    .await
            })
        })
        .collect();
    for _ in 0..2 {
        holds.recv().await.unwrap();
    }
    let begun = Instant::now();
    let read = account.read(|tx| tx.account_state()).await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    let write = account.write(|tx| tx.set_quota(Some(5))).await;
    assert!(matches!(write, Err(Error::Unavailable(_))), "{write:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(release);
    for holder in holders {
        holder.await.unwrap().unwrap();
    }
    assert_eq!(account.read(|tx| tx.account_state()).await.unwrap().quota_bytes, None);
    account.write(|tx| tx.set_quota(Some(5))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stalls_is_given_up_in_time() {
    let mut place = Place::fresh();
    let tap = Tap::start(sterna_tests::backend::port_of(&place.url));
    let url = sterna_tests::backend::through(&place.url, tap.port());
    let config = place.node();
    let store =
        Store::open_with(impatient(config, &url, 4, Duration::from_millis(500)), Arc::new(SystemClock)).await.unwrap();
    let account = store.account(anne(&store).await).await.unwrap();
    tap.fault(Fault::Stall);
    let begun = Instant::now();
    let stalled = account.write(|tx| tx.set_quota(Some(5))).await;
    assert!(matches!(stalled, Err(Error::Unavailable(_))), "{stalled:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(tap.met() > 0);
    tap.pass();
    account.write(|tx| tx.set_quota(Some(6))).await.unwrap();
    assert_eq!(account.read(|tx| tx.account_state()).await.unwrap().quota_bytes, Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_killed_database() {
    let mut server = PostgresServer::with(PostgresOptions { fsync: true, ..PostgresOptions::default() });
    let mut place = Place::at(server.create_database());
    let store = place.open().await;
    let id = anne(&store).await;
    let inbox = store.account(id).await.unwrap().read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6u8 {
        let (account, stop) = (store.account(id).await.unwrap(), stop.clone());
        writers.spawn(async move {
            let (mut acknowledged, mut refused) = (Vec::new(), 0);
            for n in 0u32.. {
                if stop.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                let message = email(&account, format!("{writer} {n}").as_bytes());
                let hash = message.blob.hash;
                match account.write(move |tx| tx.append(inbox, &message, &Flags::default())).await {
                    Ok(appended) => acknowledged.push((appended.uid, hash)),
                    Err(Error::Unavailable(_)) => {
                        refused += 1;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(e) => panic!("{e}"),
                }
            }
            (acknowledged, refused)
        });
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        server.kill_9();
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.restart();
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let results = writers.join_all().await;
    assert!(results.iter().any(|(_, refused)| *refused > 0), "the outage was not met");
    let account = store.account(id).await.unwrap();
    let index = account.index(inbox).await.unwrap();
    let mut uids = Vec::new();
    for (uid, _) in results.iter().flat_map(|(acknowledged, _)| acknowledged) {
        assert!(index.find(*uid).is_some(), "UID {uid} was acknowledged and is gone");
        uids.push(*uid);
    }
    let n = uids.len();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), n, "a UID was given twice");
    assert!(n > 50, "{n}");
    assert_eq!(account.check(|_, _| Ok(())).await.unwrap().findings, []);
}
