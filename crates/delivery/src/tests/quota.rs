//! Full mailboxes, and the warning before.

use crate::testing::{House, hello, mail};
use crate::{Delivered, Outcome, Recipient, Verdict};

#[tokio::test]
async fn a_full_mailbox_is_552_5_2_2() {
    let house = House::new().await;
    house.quota("anne", 1_000).await;
    assert_eq!(house.rcpt("anne").await, Verdict::Accept);
    let size = |size| house.delivery.recipient("anne@example.org", Some(size));
    assert!(matches!(size(1_001).await.unwrap(), Verdict::Refuse(r) if r.to_string().starts_with("552 5.2.2 ")));
    let large = mail(&"x".repeat(1_000));
    assert!(matches!(house.accept(&large, "anne").await, Outcome::Refused(r) if r.status == "5.2.2" && r.code == 552));
    assert_eq!(house.inbox("anne").await.len(), 0);
    // Of the queue, it is the runner's to tell the sender.
    let said = house.delivery.deliver_local(&large, &Recipient::new("anne@example.org")).await;
    assert!(matches!(said, Delivered::Refused(r) if r.status == "5.2.2"));

    house.quota("anne", 10).await;
    house.store.set_quota(house.id("anne").await, Some(0)).await.unwrap();
    assert_eq!(house.refused("anne").await, "552 5.2.2");
    house.check().await;
}

#[tokio::test]
async fn a_list_is_delivered_though_one_of_its_mailboxes_is_full() {
    let house = House::new().await;
    house.quota("anne", 0).await;
    house.alias("team", &["anne", "bob"]).await;
    assert_eq!(house.rcpt("team").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("team"), "team").await, Outcome::Queued);
    assert_eq!(house.inbox("bob").await.len(), 1);
    // The runner tells the sender about anne, and delivers nothing twice.
    let said = house.run().await;
    assert!(matches!(&said[..], [(to, Delivered::Refused(r))] if to == "anne@example.org" && r.status == "5.2.2"));
    assert_eq!(house.inbox("bob").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn the_user_is_warned_once_a_week_at_ninety_percent() {
    let house = House::new().await;
    let id = house.id("anne").await;
    house.store.set_language(id, Some("fr".into())).await.unwrap();
    house.quota("anne", 20_000).await;
    let fill = mail(&format!("Subject: x\r\n\r\n{}", "x".repeat(900)));
    let full = |inbox: &[String]| inbox.iter().filter(|m| m.contains("Auto-Submitted")).count();
    for _ in 0..17 {
        assert_eq!(house.accept(&fill, "anne").await, Outcome::Delivered);
    }
    assert_eq!(full(&house.inbox("anne").await), 0);
    for _ in 0..2 {
        assert_eq!(house.accept(&fill, "anne").await, Outcome::Delivered);
    }
    let inbox = house.inbox("anne").await;
    assert_eq!(full(&inbox), 1);
    let notice = inbox.iter().find(|m| m.contains("Auto-Submitted")).unwrap();
    assert!(notice.contains("From: \"Service de messagerie\" <postmaster@example.org>\r\n"), "{notice}");
    assert!(notice.contains("anne@example.org"), "{notice}");

    // A week later, if it is still so.
    house.clock.advance(7 * 86_400 + 1);
    house.store.account(id).await.unwrap().write(|tx| tx.set_quota(Some(21_000))).await.unwrap();
    assert_eq!(house.accept(&mail("x\r\n"), "anne").await, Outcome::Delivered);
    let warned = full(&house.inbox("anne").await);
    assert_eq!(warned, 2);
    house.check().await;
}
