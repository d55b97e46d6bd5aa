//! The collector: nothing in use is deleted, nothing is left behind, whatever happens beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sterna_store::{Collected, Error, UidRange};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::mail::{Mail, Place, append, noise, prepare};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn grace_is_given_before_each_of_the_two_phases() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        drop(prepare(&mail.account, &noise(1, 600_000)).await.unwrap());
        let collect = || async { mail.account.collect(HOUR).await.unwrap() };
        assert_eq!(collect().await, Collected::default());
        mail.clock.advance(3600);
        assert_eq!(collect().await, Collected { uploads: 1, objects: 0 });
        mail.clock.advance(3599);
        assert_eq!((collect().await, mail.objects()), (Collected::default(), 1));
        mail.clock.advance(1);
        assert_eq!((collect().await, mail.objects()), (Collected { uploads: 0, objects: 1 }, 0));
        assert_eq!(collect().await, Collected::default());
    }
}

#[tokio::test]
async fn a_crash_at_any_point_leaves_nothing_behind() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        let kept = mail.append(&noise(1, 600_000)).await;
        // The row is committed, the bytes never came.
        let db = rusqlite::Connection::open(mail.account.home().join("account.db")).unwrap();
        let key = format!("{}-{}", "a".repeat(64), "b".repeat(16));
        let sql = "INSERT INTO blob_upload (account_id, object, started) VALUES (?1, ?2, 0)";
        db.execute(sql, rusqlite::params![mail.account.id().0 as i64, key]).unwrap();
        drop(db);
        // The bytes are there, no transaction named them.
        std::mem::forget(prepare(&mail.account, &noise(2, 600_000)).await.unwrap());
        // The body was released, the collector did not come to it.
        let released = mail.append(&noise(3, 600_000)).await;
        mail.expunge(released).await;
        // A body was on its way in.
        std::fs::write(mail.dir.path().join("incoming/1-1"), b"half a body").unwrap();

        let mail = mail.reopened().await;
        mail.sound().await;
        assert_eq!((mail.objects(), mail.spooled()), (3, 0));
        assert_eq!(mail.collect().await, (2, 3));
        assert_eq!((mail.collect().await, mail.objects()), ((0, 0), 1));
        assert!(mail.body(kept).await.unwrap() == noise(1, 600_000));
        mail.sound().await;
    }
}

#[tokio::test]
async fn a_body_that_the_collector_has_taken_is_refused_and_can_be_made_again() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        let late = prepare(&mail.account, &noise(1, 600_000)).await.unwrap();
        assert_eq!(mail.collect().await, (1, 1));
        let refused = append(&mail.account, mail.inbox, late).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        mail.sound().await;
        let uid = mail.append(&noise(1, 600_000)).await;
        assert!(mail.body(uid).await.unwrap() == noise(1, 600_000));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collectors_at_work_at_once_agree() {
    for place in Place::all() {
        let mail = Mail::new(place).await;
        for seed in 0..20 {
            mail.append(&noise(seed, 300_000)).await;
        }
        mail.expunge_all().await;
        let mut collectors = JoinSet::new();
        for _ in 0..4 {
            let account = mail.account.clone();
            collectors.spawn(async move { account.collect(Duration::ZERO).await.unwrap().objects });
        }
        assert_eq!(collectors.join_all().await.iter().sum::<u64>(), 20);
        assert_eq!(mail.objects(), 0);
        mail.sound().await;
    }
}

/// Three bodies come, go and come again from four sides while the collector runs after every change, without grace.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_body_in_use_is_never_collected() {
    const BODIES: u64 = 3;
    for place in Place::all() {
        let mail = Arc::new(Mail::new(place).await);
        let (changed, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let collector = tokio::spawn({
            let (mail, changed, done) = (mail.clone(), changed.clone(), done.clone());
            async move {
                let mut objects = 0;
                while !done.load(Ordering::SeqCst) {
                    changed.notified().await;
                    objects += mail.collect().await.1;
                }
                objects
            }
        });
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let (mail, changed) = (mail.clone(), changed.clone());
            writers.spawn(async move {
                let mut refused = 0;
                for round in 0..10 {
                    let body = noise((writer + round) % BODIES, 600_000);
                    // What the collector took has to be made again; it works only after a change, so this ends.
                    let uid = loop {
                        match mail.try_append(&body).await {
                            Err(Error::Unavailable(_)) => refused += 1,
                            result => break result.unwrap(),
                        }
                    };
                    changed.notify_one();
                    mail.expunge(uid).await;
                    changed.notify_one();
                }
                refused
            });
        }
        let refused: u64 = writers.join_all().await.iter().sum();
        done.store(true, Ordering::SeqCst);
        changed.notify_one();
        let collected = collector.await.unwrap();
        assert!(collected > 0, "the collector had work beside the writers");

        for seed in 0..BODIES {
            mail.append(&noise(seed, 600_000)).await;
        }
        mail.collect().await;
        assert_eq!(mail.objects() as u64, BODIES, "{refused} were refused, {collected} collected");
        let bodies = all_bodies(&mail).await;
        assert!((0..BODIES).all(|seed| bodies.contains(&noise(seed, 600_000))));
        mail.sound().await;
    }
}

async fn all_bodies(mail: &Mail) -> Vec<Vec<u8>> {
    let inbox = mail.inbox;
    let read = mail.account.read(move |tx| {
        let mut blobs = Vec::new();
        let _ = tx.emails(inbox, UidRange::ALL, |_, email| {
            blobs.push(email.blob);
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        blobs.into_iter().map(|blob| tx.blob(blob)).collect()
    });
    read.await.unwrap()
}
