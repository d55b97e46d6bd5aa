//! Mail for mailboxes of ours that went through the queue, and for those that lie elsewhere.

use sterna_store::DomainChange;

use super::*;

#[tokio::test]
async fn a_mailbox_of_ours_gets_its_mail() {
    let world = World::new().await;
    let running = world.run();
    world.enqueue(&mail("inside"), &["anne@example.org", "nobody@example.org"]).await;
    eventually("both have come", async || world.inbox("anne@example.org").await.len() == 2).await;
    world.empty().await;
    running.stop().await;
    let all = world.inbox("anne@example.org").await.concat();
    assert!(all.contains("Subject: inside") && all.contains("Final-Recipient: rfc822;nobody@example.org"), "{all}");
}

#[tokio::test]
async fn a_mailbox_on_a_remote_platform_gets_its_mail_there() {
    let mut world = World::new().await;
    let sink = world.sink("unused.example").await;
    sink.change(|habits| habits.lmtp = true);
    world.store.add_domain("moved.example").await.unwrap();
    let route = format!("lmtp://127.0.0.1:{}?tls=none", world.config.port);
    world.store.set_domain("moved.example", DomainChange::Route(Some(route))).await.unwrap();
    world.store.add_account(&address("bob@moved.example"), None, None).await.unwrap();
    world.store.add_account(&address("eve@moved.example"), None, None).await.unwrap();
    let running = world.run();
    world.enqueue(&mail("x"), &["bob@moved.example", "eve@moved.example"]).await;
    world.empty().await;
    running.stop().await;
    assert_eq!(sink.recipients(), ["bob@moved.example", "eve@moved.example"]);
    assert!(world.inbox("anne@example.org").await.is_empty());
}

#[tokio::test]
async fn a_route_that_cannot_be_read_loses_nothing() {
    let world = World::new().await;
    world.store.add_domain("moved.example").await.unwrap();
    world.store.set_domain("moved.example", DomainChange::Route(Some("nonsense".to_owned()))).await.unwrap();
    world.store.add_account(&address("bob@moved.example"), None, None).await.unwrap();
    let running = world.run();
    world.enqueue(&mail("x"), &["bob@moved.example"]).await;
    eventually("it was tried", async || world.noted().await.0 > 0).await;
    running.stop().await;
    assert_eq!(world.waiting().await, 1);
}

#[tokio::test]
async fn a_platform_that_is_away_holds_up_nobody_at_home() {
    let mut world = World::new().await;
    world.config.rest = (Duration::from_secs(600), Duration::from_secs(600));
    let bob = world.store.add_account(&address("bob@example.org"), None, None).await.unwrap();
    let closed = sterna_tests::Port::free();
    let route = format!("lmtp://127.0.0.1:{}?tls=none", closed.number());
    world.store.set_route(bob, Some(route)).await.unwrap();
    let running = world.run();
    world.enqueue(&mail("for bob"), &["bob@example.org"]).await;
    eventually("bob's was tried", async || world.noted().await.0 > 0).await;
    world.enqueue(&mail("for anne"), &["anne@example.org"]).await;
    assert!(world.report().await.contains("Subject: for anne"));
    running.stop().await;
    assert_eq!(world.waiting().await, 1);
}
