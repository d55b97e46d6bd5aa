//! Servers and domains that do not take mail.

use super::*;

#[tokio::test]
async fn what_fails_for_the_moment_is_tried_again() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    let running = world.run();
    world.enqueue(&mail("one"), &["once@dest.example", "b@dest.example"]).await;
    eventually("one of two is through", async || world.waiting().await == 1).await;
    assert_eq!(world.noted().await, (1, "451 4.7.1 not now".to_owned()));
    world.empty().await;
    assert_eq!(sink.recipients(), ["b@dest.example", "once@dest.example"]);
    running.stop().await;
    assert!(world.inbox("anne@example.org").await.is_empty());
}

#[tokio::test]
async fn a_dead_destination_rests_and_holds_up_nobody() {
    let mut world = World::new().await;
    world.config.rest = (Duration::from_secs(600), Duration::from_secs(600));
    world.config.per_destination = 2;
    let sink = world.sink("dest.example").await;
    let dead = world.sink_at("127.0.0.2").await;
    dead.change(|habits| habits.greeting = "554 go away");
    world.exchanger("dead.example", 10, "127.0.0.2");
    for n in 0..50 {
        world.enqueue(&mail(&n.to_string()), &["b@dead.example"]).await;
    }
    world.enqueue(&mail("alive"), &["b@dest.example"]).await;
    let running = world.run();
    eventually("the other destination has its message", async || sink.taken().len() == 1).await;
    sleep(Duration::from_millis(500)).await;
    let connections = dead.connections();
    assert!((1..=2).contains(&connections), "{connections}");
    assert_eq!(world.waiting().await, 50);
    running.stop().await;
}

#[tokio::test]
async fn a_destination_that_comes_back_gets_everything() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.greeting = "421 4.3.2 not now");
    let running = world.run();
    for n in 0..10 {
        world.enqueue(&mail(&n.to_string()), &["b@dest.example"]).await;
    }
    eventually("it was called", async || sink.connections() > 0).await;
    sink.change(|habits| habits.greeting = "220 welcome");
    world.empty().await;
    assert_eq!(sink.taken().len(), 10);
    running.stop().await;
}

#[tokio::test]
async fn what_an_operator_retries_or_releases_is_tried_at_once_though_its_destination_rests() {
    let mut world = World::new().await;
    world.config.rest = (Duration::from_secs(600), Duration::from_secs(600));
    world.config.retry = vec![Duration::from_secs(600)];
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.greeting = "421 4.3.2 not now");
    let running = world.run();
    world.enqueue(&mail("first"), &["b@dest.example"]).await;
    eventually("the first was tried", async || world.noted().await.0 == 1).await;
    assert_eq!(world.store.queue_retry(QueueFilter::default()).await.unwrap(), 1);
    eventually("it was tried again", async || world.noted().await.0 == 2).await;
    world.enqueue(&mail("second"), &["c@dest.example"]).await;
    world.store.queue_hold(QueueFilter::default(), true).await.unwrap();
    sink.change(|habits| habits.greeting = "220 welcome");
    assert!(sink.taken().is_empty());
    // It is due once it is released.
    world.store.queue_retry(QueueFilter::default()).await.unwrap();
    assert_eq!(world.store.queue_hold(QueueFilter::default(), false).await.unwrap(), 2);
    world.empty().await;
    assert_eq!(sink.taken().len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn domains_that_take_no_mail_are_told_from_those_that_cannot_be_asked() {
    let mut world = World::new().await;
    let _sink = world.sink("dest.example").await;
    world.dns.set("null.example", "MX", 60, "0 .");
    world.dns.set("hostless.example", "MX", 60, "10 nowhere.example");
    world.dns.set("loop.example", "MX", 60, "10 me.example.org");
    world.dns.set("me.example.org", "A", 60, "127.0.0.1");
    world.dns.fail("broken.example");
    let running = world.run();
    world
        .enqueue(
            &mail("x"),
            &["a@null.example", "a@nothing.example", "a@hostless.example", "a@loop.example", "a@broken.example"],
        )
        .await;
    eventually("four reports come", async || world.inbox("anne@example.org").await.len() == 4).await;
    let all = world.inbox("anne@example.org").await.concat();
    for (domain, status) in [("null", "5.1.10"), ("nothing", "5.1.2"), ("hostless", "5.4.4"), ("loop", "5.4.6")] {
        let fields = format!("Final-Recipient: rfc822;a@{domain}.example\r\nAction: failed\r\nStatus: {status}\r\n");
        assert!(all.contains(&fields), "{domain}: {all}");
    }
    eventually("one waits", async || world.waiting().await == 1).await;
    assert!(world.noted().await.1.contains("broken.example cannot be found out"));
    running.stop().await;
}

#[tokio::test]
async fn private_addresses_are_not_called() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    world.config.allow_private = false;
    let running = world.run();
    world.enqueue(&mail("x"), &["b@dest.example"]).await;
    assert!(world.report().await.contains("Status: 5.4."));
    assert_eq!(sink.connections(), 0);
    running.stop().await;
}

#[tokio::test]
async fn the_store_keeps_what_a_stopping_runner_did_not_send() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.greeting = "451 wait");
    let running = world.run();
    world.enqueue(&mail("x"), &["b@dest.example"]).await;
    eventually("it was called", async || sink.connections() > 0).await;
    running.stop().await;
    assert_eq!(world.waiting().await, 1);
}
