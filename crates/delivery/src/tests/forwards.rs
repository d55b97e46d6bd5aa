//! Aliases, forwards, the way back of bounces, and everything that could go in circles.

use crate::address::Mailbox;
use crate::testing::{House, address, at, from, hello, mail};
use crate::{Delivered, Outcome, Recipient, Verdict};

#[tokio::test]
async fn an_alias_reaches_all_its_targets() {
    let house = House::new().await;
    house.alias("team", &["anne", "staff", "carol@remote.example"]).await;
    house.alias("staff", &["bob", "anne"]).await;
    assert_eq!(house.rcpt("team+x").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("team"), "team").await, Outcome::Queued);
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (1, 1));
    let queue = house.queue().await;
    assert_eq!(queue.len(), 1);
    assert_eq!(queue[0].to, "carol@remote.example");
    assert!(queue[0].text.starts_with("Delivered-To: team@example.org\r\nFrom: "), "{}", queue[0].text);
    assert!(queue[0].sender.starts_with("SRS0=") && queue[0].sender.ends_with("=example.com=ada@example.org"));
    house.check().await;
}

#[tokio::test]
async fn aliases_that_lead_in_a_circle_are_followed_once() {
    let house = House::new().await;
    house.alias("a", &["b", "anne"]).await;
    house.alias("b", &["c", "a"]).await;
    house.alias("c", &["a", "c"]).await;
    for start in ["a", "b", "c"] {
        assert_eq!(house.accept(&hello(start), start).await, Outcome::Delivered, "{start}");
    }
    assert_eq!(house.inbox("anne").await.len(), 3);
    house.alias("x", &["y"]).await;
    house.alias("y", &["x"]).await;
    assert_eq!(house.refused("x").await, "554 5.4.6");
    assert!(matches!(house.accept(&hello("y"), "y").await, Outcome::Refused(r) if r.status == "5.4.6"));
    house.check().await;
}

#[tokio::test]
async fn a_list_of_a_thousand_is_spread_and_more_is_refused() {
    let house = House::new().await;
    let remote: Vec<String> = (0..999).map(|n| format!("u{n}@remote.example")).collect();
    let mut targets: Vec<&str> = remote.iter().map(String::as_str).collect();
    targets.push("anne");
    house.alias("all", &targets).await;
    assert_eq!(house.accept(&hello("all"), "all").await, Outcome::Queued);
    assert_eq!(house.inbox("anne").await.len(), 1);
    assert_eq!(house.store.queue_stats().await.unwrap().recipients, 999);
    house.alias("all", &["bob"]).await;
    assert!(matches!(house.accept(&hello("all"), "all").await, Outcome::Refused(r) if r.status == "5.4.6"));
    house.check().await;
}

#[tokio::test]
async fn more_mailboxes_than_a_peer_waits_for_are_queued_one_by_one() {
    let house = House::new().await;
    let names: Vec<String> = (0..51).map(|n| format!("u{n}")).collect();
    for name in &names {
        house.add(name).await;
    }
    house.alias("all", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(house.accept(&hello("all"), "all").await, Outcome::Queued);
    assert_eq!(house.inbox("u7").await.len(), 0);
    let said = house.run().await;
    assert_eq!(said.len(), 51);
    assert!(said.iter().all(|(_, said)| *said == Delivered::Done));
    assert_eq!((house.inbox("u7").await.len(), house.inbox("u50").await.len()), (1, 1));
    house.check().await;
}

#[tokio::test]
async fn a_chain_of_aliases_ends_somewhere() {
    let house = House::new().await;
    for n in 0..40 {
        house.alias(&format!("a{n}"), &[&format!("a{}", n + 1)]).await;
    }
    house.alias("a40", &["anne"]).await;
    assert_eq!(house.refused("a0").await, "554 5.4.6");
    assert_eq!(house.rcpt("a30").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("a30"), "a30").await, Outcome::Delivered);
}

#[tokio::test]
async fn a_forward_keeps_a_copy_or_does_not() {
    let house = House::new().await;
    house.forwards("anne", &["bob", "carol@remote.example"], true).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Queued);
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (1, 1));
    house.forwards("anne", &["bob"], false).await;
    assert_eq!(house.accept(&hello("anne"), "anne+x").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (1, 2));
    assert!(house.queue().await[0].text.starts_with("Delivered-To: anne@example.org\r\n"));
    house.check().await;
}

#[tokio::test]
async fn a_forward_to_oneself_is_a_copy() {
    let house = House::new().await;
    house.forwards("anne", &["anne"], false).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    house.forwards("anne", &["anne+old", "bob"], true).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (2, 1));
    // Two that forward to each other and keep nothing reach nobody.
    house.forwards("anne", &["bob"], false).await;
    house.forwards("bob", &["anne"], false).await;
    assert_eq!(house.refused("anne").await, "554 5.4.6");
    house.forwards("bob", &["anne"], true).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (2, 2));
    house.check().await;
}

#[tokio::test]
async fn a_sender_of_ours_and_the_null_sender_are_not_rewritten() {
    let house = House::new().await;
    house.forwards("anne", &["carol@remote.example"], false).await;
    for sender in ["bob@example.org", "", "Bob@EXAMPLE.org"] {
        assert_eq!(house.accept(&from(sender, "Subject: x\r\n\r\n"), "anne").await, Outcome::Queued);
    }
    let senders: Vec<String> = house.queue().await.into_iter().map(|w| w.sender).collect();
    assert_eq!(senders, ["bob@example.org", "", "Bob@EXAMPLE.org"]);
}

#[tokio::test]
async fn a_bounce_of_a_forwarded_mail_goes_back_to_its_sender() {
    let house = House::new().await;
    house.forwards("anne", &["carol@remote.example"], false).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Queued);
    let rewritten = house.queue().await.remove(0).sender;
    assert_eq!(house.rcpt(&rewritten).await, Verdict::Accept);
    house.run().await;
    assert_eq!(house.accept(&from("", "Subject: failed\r\n\r\n"), &rewritten).await, Outcome::Queued);
    let back = house.queue().await;
    assert_eq!((back[0].to.as_str(), back[0].sender.as_str()), ("ada@example.com", ""));

    // Nobody else can make such an address, and not for ever.
    let Mailbox { local, domain } = Mailbox::parse(&rewritten).unwrap();
    let forged = format!("{}@{domain}", local.replace("ada", "eve"));
    assert_eq!(house.refused(&forged).await, "550 5.1.1");
    house.clock.advance(40 * 86_400);
    assert_eq!(house.refused(&rewritten).await, "550 5.1.1");
    house.check().await;
}

#[tokio::test]
async fn a_mail_that_a_remote_forward_sends_back_stops() {
    let house = House::new().await;
    house.alias("list", &["carol@remote.example"]).await;
    assert_eq!(house.accept(&hello("list"), "list").await, Outcome::Queued);
    let sent = house.queue().await.remove(0);
    let back = mail(&format!("Received: from remote.example\r\n{}", sent.text));
    assert!(matches!(house.accept(&back, "list").await, Outcome::Refused(r) if r.status == "5.4.6"));
    house.check().await;
}

#[tokio::test]
async fn the_sender_learns_of_a_target_that_does_not_exist() {
    let house = House::new().await;
    house.alias("team", &["anne", "gone"]).await;
    house.alias("dead", &["gone"]).await;
    assert_eq!(house.refused("dead").await, "550 5.1.1");
    assert_eq!(house.accept(&hello("team"), "team").await, Outcome::Queued);
    let said = house.run().await;
    assert!(matches!(&said[..], [(to, Delivered::Refused(r))] if to == "gone@example.org" && r.status == "5.1.1"));
    assert_eq!(house.inbox("anne").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn parameters_of_a_recipient_go_along_to_its_targets() {
    let house = House::new().await;
    house.alias("team", &["carol@remote.example"]).await;
    let recipient = Recipient {
        original: Some("rfc822;Team@example.org".into()),
        notify: crate::Notify::NEVER,
        ..Recipient::new(&at("team"))
    };
    let mut mail = hello("team");
    mail.envelope.envid = Some("one".into());
    mail.envelope.require_tls = true;
    assert_eq!(house.delivery.accept(&mail, std::slice::from_ref(&recipient)).await, [Outcome::Queued]);
    let claim = house.claim().await.unwrap();
    let target = crate::queued::to_recipient(&claim.recipients[0]);
    assert_eq!((target.original, target.notify), (recipient.original, recipient.notify));
    let envelope = crate::queued::to_envelope(&claim);
    assert_eq!((envelope.envid, envelope.require_tls), (None, true));
}

#[tokio::test]
async fn an_alias_may_lead_to_another_domain_of_ours() {
    let house = House::new().await;
    house.store.add_domain("xn--mller-kva.example").await.unwrap();
    house.store.add_account(&address("eve@xn--mller-kva.example"), None, None).await.unwrap();
    house.alias("eve", &["eve@müller.example"]).await;
    assert_eq!(house.accept(&hello("eve"), "eve").await, Outcome::Delivered);
    assert_eq!(house.inbox("eve@xn--mller-kva.example").await.len(), 1);
    house.check().await;
}
