//! A runner that dies loses nothing, and one that lives sends nothing twice.

use super::*;

#[tokio::test]
async fn what_was_under_way_when_the_process_died_is_sent_by_the_next() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.mute = true);
    let running = world.run();
    world.enqueue(&mail("x"), &["b@dest.example"]).await;
    eventually("the server has the message", async || sink.taken().len() == 1).await;
    running.kill().await;
    let World { store, delivery, dns, config, place, _directory } = world;
    drop((delivery, store));
    sink.change(|habits| habits.mute = false);
    let store = reopen(&place).await;
    assert_eq!(store.queue_stats().await.unwrap().recipients, 1);
    let delivery = Delivery::new(store.clone(), DeliveryConfig::new("me.example.org"));
    let world = World { store, delivery, dns, config, place, _directory };
    let running = world.run();
    world.empty().await;
    // The server never said that it had it: this is the one case in which it gets it again.
    assert_eq!(sink.taken().len(), 2);
    running.stop().await;
}

/// When the last handle of the dead process's store has gone.
async fn reopen(place: &StoreConfig) -> Store {
    let begun = Instant::now();
    loop {
        match Store::open_with(place.clone(), Arc::new(SystemClock)).await {
            Ok(store) => return store,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_claim_is_kept_however_long_the_transfer_takes() {
    let mut world = World::new().await;
    world.config.term = Duration::from_secs(3);
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.mute = true);
    let running = [world.run(), world.run()];
    world.enqueue(&mail("x"), &["b@dest.example"]).await;
    eventually("the server has the message", async || sink.taken().len() == 1).await;
    sleep(Duration::from_secs(7)).await;
    assert_eq!(sink.taken().len(), 1);
    for runner in running {
        runner.kill().await;
    }
}

#[tokio::test]
async fn a_claim_that_was_removed_is_not_finished() {
    let mut world = World::new().await;
    world.config.term = Duration::from_secs(1);
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.mute = true);
    let running = world.run();
    world.enqueue(&mail("x"), &["b@dest.example"]).await;
    eventually("the server has the message", async || sink.taken().len() == 1).await;
    let id = world.store.queue_list(None, 1, QueueFilter::default()).await.unwrap()[0].0.id;
    world.store.queue_remove(vec![id]).await.unwrap();
    world.empty().await;
    // The transfer ends with its claim, long before the server's time is over.
    running.stop().await;
    assert!(world.inbox("anne@example.org").await.is_empty());
}
