//! Mail for mailboxes that move from a platform to here while it waits.

use sterna_store::{Flip, JobKind, MoveRecord, Route};

use super::*;

const BOB: &str = "bob@example.org";

/// Adds bob, whose mailbox is on a platform that takes mail at that port.
async fn with_platform(world: &World, port: u16) -> sterna_core::AccountId {
    let settings = format!(r#"{{"deliver":"lmtp://127.0.0.1:{port}?tls=none"}}"#);
    world.store.add_platform("old", settings, None).await.unwrap();
    let bob = world.store.add_account(&address(BOB), None, None).await.unwrap();
    world.store.set_route(bob, Some("platform:old".into())).await.unwrap();
    bob
}

#[tokio::test]
async fn a_platform_gets_its_mail() {
    let mut world = World::new().await;
    let sink = world.sink("unused.example").await;
    sink.change(|habits| habits.lmtp = true);
    with_platform(&world, world.config.port).await;
    let running = world.run();
    world.enqueue(&mail("x"), &[BOB]).await;
    world.empty().await;
    running.stop().await;
    assert_eq!(sink.recipients(), [BOB]);
}

#[tokio::test]
async fn what_waits_during_a_hold_goes_where_the_flip_said_and_nobody_hears_of_it() {
    let mut world = World::new().await;
    // Nothing of this may come from the ordinary schedule, nor be told.
    world.config.retry = vec![Duration::from_secs(3600)];
    world.config.delay_after = Duration::ZERO;
    let sink = world.sink("unused.example").await;
    sink.change(|habits| habits.lmtp = true);
    let bob = with_platform(&world, world.config.port).await;
    let running = world.run();
    world.store.add_job(bob, JobKind::Move).await.unwrap();
    let lease = world.store.claim_one(bob, JobKind::Move, Duration::from_secs(60)).await.unwrap().unwrap();
    let term = Duration::from_secs(60);
    let hold = world.store.begin_hold(bob, term).await.unwrap();
    let hold = world.store.next_round(&hold, term).await.unwrap();
    world.enqueue(&mail("held"), &[BOB, "anne@example.org"]).await;
    // Longer than a claim waits by itself.
    assert!(world.report().await.contains("Subject: held"));
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!((world.waiting().await, world.noted().await), (1, (0, String::new())));
    let record = MoveRecord { account: bob, state: "flipped".into(), record: "{}".into(), secret: None, updated: 1 };
    let flip = Flip { epoch: 1, route: Route::Local, hold: hold.token, record };
    world.store.flip(&lease, flip).await.unwrap();
    let flipped = Instant::now();
    world.empty().await;
    assert!(flipped.elapsed() < Duration::from_secs(5), "{:?}", flipped.elapsed());
    running.stop().await;
    assert_eq!(world.inbox(BOB).await.len(), 1);
    assert!(sink.recipients().is_empty());
    assert_eq!(world.inbox("anne@example.org").await.len(), 1, "a delay was told");
}

#[tokio::test]
async fn mail_that_a_platform_did_not_take_is_delivered_here_after_the_flip() {
    let mut world = World::new().await;
    world.config.rest = (Duration::from_secs(600), Duration::from_secs(600));
    let closed = sterna_tests::Port::free();
    let bob = with_platform(&world, closed.number()).await;
    let running = world.run();
    world.enqueue(&mail("for bob"), &[BOB]).await;
    eventually("it was tried", async || world.noted().await.0 > 0).await;
    world.store.set_route(bob, Some("local".into())).await.unwrap();
    world.empty().await;
    running.stop().await;
    assert_eq!(world.inbox(BOB).await.len(), 1);
}
