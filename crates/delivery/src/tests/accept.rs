//! Handing a mail over: what is stored, what is queued, what is refused.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;

use crate::attempt::DIRECT;
use crate::testing::{House, at, from, hello, mail};
use crate::{Body, Outcome, Recipient};

#[tokio::test]
async fn the_stored_bytes_are_return_path_delivered_to_trace_and_body() {
    let house = House::new().await;
    let mut mail = mail("");
    mail.body = Body::Memory(Bytes::from_static(b"From: a@b.c\nSubject: odd\n\nline\r\nbare\nNUL\0\xff?"));
    mail.trace = Bytes::from_static(b"Received: from x\r\n by y\r\n");
    assert_eq!(house.accept(&mail, "anne+x").await, Outcome::Delivered);
    assert_eq!(
        house.inbox("anne").await,
        ["Return-Path: <ada@example.com>\r\nDelivered-To: anne@example.org\r\nReceived: from x\r\n by y\r\n\
          From: a@b.c\nSubject: odd\n\nline\r\nbare\nNUL\0\u{fffd}?"]
    );
    assert_eq!(house.accept(&from("", "x\r\n"), "anne").await, Outcome::Delivered);
    assert!(house.inbox("anne").await[1].starts_with("Return-Path: <>\r\nDelivered-To: anne@example.org\r\nx"));
    house.check().await;
}

#[tokio::test]
async fn a_large_mail_is_streamed_from_its_file() {
    let house = House::new().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let line = [b"x".repeat(998), b"\r\n".to_vec()].concat();
    file.write_all(b"Subject: large\r\n\r\n").unwrap();
    (0..5_000).for_each(|_| file.write_all(&line).unwrap());
    let len = file.as_file().metadata().unwrap().len();
    let mut mail = mail("");
    mail.body = Body::File(Arc::new(file.into_temp_path()), len);
    let recipients = ["anne", "bob", "ada@example.com"].map(|to| Recipient::new(&at(to)));
    assert_eq!(
        house.delivery.accept(&mail, &recipients).await,
        [Outcome::Delivered, Outcome::Delivered, Outcome::Queued]
    );
    let stored = house.inbox("bob").await.remove(0);
    assert!(stored.ends_with(&String::from_utf8(line).unwrap()));
    assert_eq!(
        stored.len() as u64 - len,
        "Return-Path: <ada@example.com>\r\nDelivered-To: bob@example.org\r\n".len() as u64
    );
    assert_eq!(house.queue().await[0].text.len() as u64, len);
    house.check().await;
}

#[tokio::test]
async fn each_recipient_has_its_own_outcome_in_the_order_given() {
    let house = House::new().await;
    let recipients = ["ada@example.com", "anne", "nobody", "bob", "a..b@example.org"].map(|to| Recipient::new(&at(to)));
    let outcomes = house.delivery.accept(&hello("anne"), &recipients).await;
    assert_eq!(outcomes[0], Outcome::Queued);
    assert_eq!(outcomes[1], Outcome::Delivered);
    assert!(matches!(&outcomes[2], Outcome::Refused(r) if r.status == "5.1.1"), "{:?}", outcomes[2]);
    assert_eq!(outcomes[3], Outcome::Delivered);
    assert!(matches!(&outcomes[4], Outcome::Refused(r) if r.status == "5.1.3"), "{:?}", outcomes[4]);
    let queue = house.queue().await;
    assert_eq!(queue.len(), 1);
    assert_eq!((queue[0].to.as_str(), queue[0].sender.as_str()), ("ada@example.com", "ada@example.com"));
    assert!(house.delivery.accept(&hello("anne"), &[]).await.is_empty());
    house.check().await;
}

#[tokio::test]
async fn who_is_reached_twice_gets_one_copy() {
    let house = House::new().await;
    house.alias("team", &["anne", "bob"]).await;
    let recipients = ["anne", "team", "anne", "Bob@example.org"].map(|to| Recipient::new(&at(to)));
    let outcomes = house.delivery.accept(&hello("team"), &recipients).await;
    assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (1, 1));
    house.check().await;
}

#[tokio::test]
async fn many_recipients_are_queued_at_once() {
    let house = House::new().await;
    let recipients: Vec<Recipient> = (0..10_000).map(|n| Recipient::new(&format!("u{n}@example.org"))).collect();
    let outcomes = house.delivery.accept(&hello("all"), &recipients).await;
    assert_eq!(outcomes.len(), 10_000);
    assert!(outcomes.iter().all(|o| *o == Outcome::Queued));
    assert_eq!(house.store.queue_stats().await.unwrap().recipients, 10_000);
    assert_eq!(house.store.queue_stats().await.unwrap().messages, 1);
}

#[tokio::test]
async fn a_message_that_was_here_before_is_5_4_6() {
    let house = House::new().await;
    let been = mail("Received: a\r\nDelivered-To: <ANNE@example.org>\r\n\r\nDelivered-To: bob@example.org\r\n");
    assert!(matches!(house.accept(&been, "anne").await, Outcome::Refused(r) if r.status == "5.4.6"));
    assert_eq!(house.accept(&been, "bob").await, Outcome::Delivered);
    house.check().await;
}

#[tokio::test]
async fn too_many_received_fields_are_5_4_6() {
    let house = House::with(|config| config.max_received = 5).await;
    let hops = |n| mail(&format!("{}Subject: x\r\n\r\nReceived: body\r\n", "Received: x\r\n".repeat(n)));
    assert_eq!(house.accept(&hops(5), "anne").await, Outcome::Delivered);
    assert!(matches!(house.accept(&hops(6), "anne").await, Outcome::Refused(r) if r.status == "5.4.6"));
    // Even in a header that is longer than anything that is looked at.
    assert!(matches!(house.accept(&hops(100_000), "anne").await, Outcome::Refused(_)));
    house.check().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_5_3_4() {
    let house = House::with(|config| config.max_size = 100).await;
    assert_eq!(house.accept(&mail(&"x".repeat(100)), "anne").await, Outcome::Delivered);
    assert!(matches!(house.accept(&mail(&"x".repeat(101)), "anne").await, Outcome::Refused(r) if r.status == "5.3.4"));
}

#[tokio::test]
async fn a_sender_cannot_end_the_return_path() {
    let house = House::new().await;
    let mail = from("a@b.c>\r\nBcc: eve@example.com", "Subject: x\r\n\r\n");
    assert_eq!(house.accept(&mail, "anne").await, Outcome::Delivered);
    assert!(house.inbox("anne").await[0].starts_with("Return-Path: <a@b.c>Bcc: eve@example.com>\r\nDelivered-To"));
}

#[tokio::test]
async fn a_delivery_may_run_in_a_task_of_its_own() {
    let house = House::new().await;
    let delivery = house.delivery.clone();
    let task = tokio::spawn(async move {
        assert_eq!(delivery.recipient("anne@example.org", None).await.unwrap(), crate::Verdict::Accept);
        delivery.enqueue(&hello("anne"), &[Recipient::new(&at("anne"))]).await.unwrap();
        delivery.deliver_local(&hello("anne"), &Recipient::new(&at("anne"))).await;
        delivery.accept(&hello("anne"), &[Recipient::new(&at("anne"))]).await
    });
    assert_eq!(task.await.unwrap(), [Outcome::Delivered]);
}

#[tokio::test]
async fn mails_to_one_mailbox_and_to_many_at_the_same_time_are_all_stored_once() {
    let house = House::new().await;
    let names: Vec<String> = (0..DIRECT).map(|n| format!("u{n}")).collect();
    for name in &names {
        house.add(name).await;
    }
    let all: Vec<Recipient> = names.iter().map(|name| Recipient::new(&at(name))).collect();
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (delivery, all) = (house.delivery.clone(), all.clone());
            tokio::spawn(async move { delivery.accept(&hello("all"), &all).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().iter().all(|outcome| *outcome == Outcome::Delivered));
    }
    for name in &names {
        assert_eq!(house.inbox(name).await.len(), 10, "{name}");
    }
    house.check().await;
}
