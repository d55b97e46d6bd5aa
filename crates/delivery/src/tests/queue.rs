//! The queued form, and what the runner gets from a recipient of ours.

use bytes::Bytes;
use sterna_core::DateTime;

use crate::testing::{House, NOW, at, from, hello};
use crate::{Body, Delivered, Envelope, Notify, Outcome, Recipient, queued};

#[tokio::test]
async fn what_was_queued_comes_back_as_it_was() {
    let house = House::new().await;
    let mut mail = from("josé@example.com", "Subject: x\r\n\r\nbody\r\n");
    mail.trace = Bytes::from_static(b"Received: x\r\n");
    mail.received = DateTime { unix: NOW - 7, offset: -90 };
    mail.submitter = Some(house.id("anne").await);
    mail.quarantine = true;
    mail.envelope = Envelope {
        headers_only: Some(true),
        envid: Some("QQ\"314159\\".into()),
        smtputf8: true,
        binary: true,
        require_tls: true,
        ..mail.envelope
    };
    let recipients = [
        Recipient {
            original: Some("rfc822;Bob@x".into()),
            notify: Notify { success: true, failure: false, delay: true },
            ..Recipient::new("Bob@Remote.Example")
        },
        Recipient { expanded: true, ..Recipient::new("\"a b\"@remote.example") },
    ];
    house.delivery.enqueue(&mail, &recipients).await.unwrap();
    let claim = house.claim().await.unwrap();
    assert_eq!(claim.destination, "remote.example");
    let back = queued::to_mail(&house.store, &claim).await.unwrap();
    assert_eq!(back.envelope, mail.envelope);
    assert_eq!((back.received, back.authenticated, back.submitter), (mail.received, true, mail.submitter));
    assert!(back.quarantine && back.trace.is_empty());
    let Body::Memory(bytes) = &back.body else { panic!("{back:?}") };
    assert_eq!(bytes.as_ref(), b"Received: x\r\nSubject: x\r\n\r\nbody\r\n");
    let all: Vec<Recipient> = claim.recipients.iter().map(queued::to_recipient).collect();
    assert_eq!(all, recipients);
    let days = (claim.message.expires_ms - claim.message.queued_ms) / 86_400_000;
    assert!((4..=5).contains(&days) || house.store.shared(), "{days}");
}

#[tokio::test]
async fn a_large_body_comes_back_as_a_file() {
    let house = House::new().await;
    let text = format!("Subject: x\r\n\r\n{}", "0123456789abcde\n".repeat(200_000));
    house.delivery.enqueue(&from("", &text), &[Recipient::new("x@remote.example")]).await.unwrap();
    let claim = house.claim().await.unwrap();
    let back = queued::to_mail(&house.store, &claim).await.unwrap();
    let mut read = String::new();
    std::io::Read::read_to_string(&mut back.body.reader().unwrap(), &mut read).unwrap();
    assert!(matches!(back.body, Body::File(..)) && read == text);
}

#[tokio::test]
async fn nothing_is_queued_for_nobody() {
    let house = House::new().await;
    assert!(house.delivery.enqueue(&hello("x"), &[]).await.is_err());
}

#[tokio::test]
async fn the_runner_learns_what_a_recipient_is() {
    let house = House::new().await;
    let said = async |to: &str| house.delivery.deliver_local(&hello(to), &Recipient::new(&at(to))).await;
    assert_eq!(said("anne").await, Delivered::Done);
    assert_eq!(said("anne@example.com").await, Delivered::NotOurs);
    assert!(matches!(said("nobody").await, Delivered::Refused(r) if r.status == "5.1.1"));
    assert_eq!(house.inbox("anne").await.len(), 1);
    assert_eq!(house.queue().await.len(), 0);
    house.check().await;
}

#[tokio::test]
async fn a_mailbox_that_cannot_be_written_is_tried_again_alone() {
    let house = House::new().await;
    house.alias("team", &["anne", "bob"]).await;
    // Bob's data is gone for the moment.
    let home = house.store.account(house.id("bob").await).await.unwrap().home().to_owned();
    if house.store.shared() {
        return;
    }
    let aside = home.with_extension("aside");
    std::fs::rename(&home, &aside).unwrap();
    assert_eq!(house.accept(&hello("bob"), "bob").await, Outcome::Queued);
    assert_eq!(house.accept(&hello("team"), "team").await, Outcome::Queued);
    let queue = house.queue().await;
    let waiting: Vec<(&str, bool)> = queue.iter().map(|w| (w.to.as_str(), w.expanded)).collect();
    assert_eq!(waiting, [("bob@example.org", false), ("bob@example.org", true)]);
    let alone = house.delivery.deliver_local(&hello("bob"), &Recipient::new("bob@example.org")).await;
    assert!(matches!(alone, Delivered::Deferred(r) if r.is_temporary()));
    std::fs::rename(&aside, &home).unwrap();
    assert!(house.run().await.iter().all(|(_, said)| *said == Delivered::Done));
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (1, 2));
    house.check().await;
}

#[tokio::test]
async fn a_runner_that_died_behind_a_delivery_leaves_no_second_copy() {
    let house = House::new().await;
    house.add("bert").await;
    house.script("bert", "require \"imap4flags\"; addflag \"\\\\Flagged\"; keep;").await;
    house
        .delivery
        .enqueue(&hello("anne"), &["anne", "anne+x", "bert"].map(|name| Recipient::new(&at(name))))
        .await
        .unwrap();
    let claim = house.claim().await.unwrap();
    let mail = queued::to_mail(&house.store, &claim).await.unwrap();
    // The same claim a second time: nothing of the first was settled.
    for _ in 0..2 {
        for recipient in &claim.recipients {
            let done = house.delivery.deliver_local(&mail, &queued::to_recipient(recipient)).await;
            assert_eq!(done, Delivered::Done);
        }
    }
    // Two addresses are two messages, as ever.
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bert").await.len()), (2, 1));
    house.check().await;
}
