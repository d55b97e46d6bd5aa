//! One run of a move at a time, whoever wants to run it.

use std::time::Duration;

use sterna_store::JobKind;

use super::*;
use crate::Error;

/// Longer than any test: nobody renews, and only the store's clock makes it run out.
const LONG: Duration = Duration::from_secs(600);

/// A holder notices what happened to its lease within a third of it.
const SHORT: Duration = Duration::from_millis(300);

fn lost(ended: Result<State>) -> bool {
    matches!(ended, Err(Error::Store(sterna_store::Error::LeaseLost)))
}

#[tokio::test]
async fn a_move_runs_once_however_many_want_to_run_it() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(3).await;
    let (first, second) = (target.mover(LONG), target.mover(LONG));
    target.plan(&first, &source, following()).await;
    let mut run = target.run(&first);
    run.until(|p| p.state == "following").await;
    for mover in [&first, &second] {
        assert!(matches!(target.run(mover).end().await, Err(Error::Running(_))));
    }
    let status = second.status(target.account).await.unwrap().unwrap();
    assert!(!status.running && status.holder.is_some());

    // A clean stop leaves the move to the next at once.
    run.cancel.cancel();
    assert!(matches!(run.end().await, Err(Error::Cancelled)));
    assert_eq!(target.store.job(target.account, JobKind::Move).await.unwrap().unwrap().holder, None);
    source.add(1).await;
    let mut run = target.run(&second);
    run.until(|p| p.messages_done == 1).await;
    run.cancel.cancel();
    run.end().await.unwrap_err();
    assert_eq!(target.uids().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_holder_whose_term_ran_out_is_succeeded_and_writes_nothing_more() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(5).await;
    let (silent, next) = (target.mover(LONG), target.mover(LONG));
    target.plan(&silent, &source, following()).await;
    let mut old = target.run(&silent);
    old.until(|p| p.state == "following").await;
    let ours = || async { next.status(target.account).await.unwrap().unwrap() };

    target.clock.advance(599);
    assert!(ours().await.holder.is_some());
    assert!(matches!(target.run(&next).end().await, Err(Error::Running(_))));
    target.clock.advance(1);
    assert_eq!(ours().await.holder, None);
    let mut new = target.run(&next);
    new.until(|p| p.state == "following").await;

    new.cancel.cancel();
    assert!(matches!(new.end().await, Err(Error::Cancelled)));

    // Only the old one sees the news, and it may not write them any more.
    source.add(2).await;
    assert!(lost(old.end().await));
    assert_eq!(target.uids().await, [1, 2, 3, 4, 5]);
    let mut new = target.run(&next);
    new.until(|p| p.messages_done == 2).await;
    assert_eq!(target.uids().await, [1, 2, 3, 4, 5, 6, 7]);
    new.cancel.cancel();
    assert!(matches!(new.end().await, Err(Error::Cancelled)));
    let record = ours().await.record;
    assert_eq!((record.totals.messages, record.failure), (7, None));
    target.assert_sound().await;
}

#[tokio::test]
async fn a_move_that_is_planned_anew_elsewhere_ends_its_run_here() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(2).await;
    let (here, elsewhere) = (target.mover(SHORT), target.mover(SHORT));
    target.plan(&here, &source, following()).await;
    let mut run = target.run(&here);
    run.until(|p| p.state == "following").await;
    target.plan(&elsewhere, &source, MoveOptions { connections: 7, ..MoveOptions::default() }).await;
    assert!(lost(run.end().await));
    // Its record does not cover the new one.
    let record = here.status(target.account).await.unwrap().unwrap().record;
    assert_eq!((record.options.connections, record.options.follow, record.failure), (7, false, None));
    assert_eq!(target.run(&here).end().await.unwrap(), State::Following);
    assert_eq!(target.store.job(target.account, JobKind::Move).await.unwrap(), None);
}

#[tokio::test]
async fn a_move_that_is_forgotten_elsewhere_ends_its_run_here_and_leaves_no_record() {
    let (source, target) = (Source::start().await, Target::new().await);
    let (here, elsewhere) = (target.mover(SHORT), target.mover(SHORT));
    target.plan(&here, &source, following()).await;
    let mut run = target.run(&here);
    run.until(|p| p.state == "following").await;
    elsewhere.cancel(target.account).await.unwrap();
    assert!(lost(run.end().await));
    assert!(elsewhere.all().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_heartbeat_renews_a_lease() {
    let (source, target) = (Source::start().await, Target::new().await);
    let (holder, other) = (target.mover(SHORT * 4), target.mover(SHORT * 4));
    target.plan(&holder, &source, following()).await;
    let mut run = target.run(&holder);
    run.until(|p| p.state == "following").await;
    for _ in 0..3 {
        // Its term is over; the next beat comes, and nobody was quicker.
        target.clock.advance(2);
        let renewed = async {
            while target.store.job(target.account, JobKind::Move).await.unwrap().unwrap().holder.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, renewed).await.unwrap();
        assert!(matches!(target.run(&other).end().await, Err(Error::Running(_))));
    }
    run.cancel.cancel();
    run.end().await.unwrap_err();
}

#[tokio::test]
async fn a_server_runs_planned_moves_and_those_that_a_silent_node_left() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(4).await;
    let (silent, server) = (target.mover(LONG), target.mover(SHORT));
    target.plan(&silent, &source, MoveOptions::default()).await;
    // Taken by a node that died at once.
    let lease = target.store.claim_one(target.account, JobKind::Move, LONG).await.unwrap().unwrap();
    let cancel = Cancel::new();
    let serving = tokio::spawn({
        let (server, cancel) = (server.clone(), cancel.clone());
        async move { server.serve(&cancel).await }
    });
    assert_eq!(server.store.claim(JobKind::Move, 8, LONG).await.unwrap().len(), 0);
    target.clock.advance(600);
    let done = async {
        while target.store.job(target.account, JobKind::Move).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
    assert_eq!(target.uids().await, [1, 2, 3, 4]);
    assert!(matches!(target.store.renew(&lease, LONG).await, Err(sterna_store::Error::LeaseLost)));

    // A move that follows stays until the server stops, and is free then.
    target.plan(&silent, &source, following()).await;
    let taken = async {
        while !server.status(target.account).await.unwrap().unwrap().running {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.unwrap();
    assert!(server.progress(target.account).is_some());
    cancel.cancel();
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert_eq!(target.store.job(target.account, JobKind::Move).await.unwrap().unwrap().holder, None);
}

#[tokio::test]
async fn a_server_adopts_moves_that_have_no_job_and_should_go_on() {
    let (source, target) = (Source::start().await, Target::new().await);
    source.add(1).await;
    let mover = target.mover(LONG);
    target.plan(&mover, &source, MoveOptions::default()).await;
    target.store.remove_job(target.account, JobKind::Move).await.unwrap();
    mover.adopt().await.unwrap();
    assert!(target.store.job(target.account, JobKind::Move).await.unwrap().is_some());
    target.run(&mover).end().await.unwrap();
    // It is through.
    mover.adopt().await.unwrap();
    assert_eq!(target.store.job(target.account, JobKind::Move).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_of_this_process_can_be_stopped_and_watched() {
    let (source, target) = (Source::start().await, Target::new().await);
    let mover = target.mover(LONG);
    target.plan(&mover, &source, following()).await;
    let mut run = target.run(&mover);
    run.until(|p| p.state == "following").await;
    let (spec, secret) = spec(&source);
    assert!(matches!(mover.start(target.account, spec, secret, following()).await, Err(Error::Running(_))));
    mover.stop(target.account).await;
    assert!(mover.progress(target.account).is_none());
    target.plan(&mover, &source, following()).await;
    assert!(matches!(run.end().await, Err(Error::Cancelled)));
}
