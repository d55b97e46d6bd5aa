//! RCPT TO: which addresses are ours, which are served.

use sterna_store::{AccountStatus, DomainChange};

use crate::testing::{House, address, hello};
use crate::{Delivered, Outcome, Recipient, Verdict};

#[tokio::test]
async fn an_account_is_accepted_and_an_unknown_address_is_5_1_1() {
    let house = House::new().await;
    for good in ["anne", "ANNE@Example.ORG", "\"anne\"@example.org", "anne+detail"] {
        assert_eq!(house.rcpt(good).await, Verdict::Accept, "{good}");
    }
    for unknown in ["nobody", "\"a b\"@example.org", "a/b@example.org", "annex+anne"] {
        assert_eq!(house.refused(unknown).await, "550 5.1.1", "{unknown}");
    }
    for foreign in ["anne@example.com", "\"a b\"@example.com", "anne@sub.example.org", "anne@[127.0.0.1]"] {
        assert_eq!(house.rcpt(foreign).await, Verdict::NotOurs, "{foreign}");
    }
    house.check().await;
}

#[tokio::test]
async fn a_malformed_address_is_5_1_3() {
    let house = House::new().await;
    for bad in ["@example.org", "a..b@example.org", "a b@example.org", "x@", "anne@example.org@evil.example", "a\r@b.c"]
    {
        assert_eq!(house.refused(bad).await, "501 5.1.3", "{bad}");
    }
}

#[tokio::test]
async fn a_domain_is_ours_in_a_labels_and_u_labels() {
    let house = House::new().await;
    house.store.add_domain("müller.example").await.unwrap();
    house.store.add_domain("xn--caf-dma.example").await.unwrap();
    house.store.add_account(&address("jörg@müller.example"), None, None).await.unwrap();
    house.store.add_account(&address("eve@xn--caf-dma.example"), None, None).await.unwrap();
    for good in ["jörg@MÜLLER.example", "jörg@xn--mller-kva.example", "eve@café.example", "Eve@XN--CAF-DMA.example"]
    {
        assert_eq!(house.rcpt(good).await, Verdict::Accept, "{good}");
        assert_eq!(house.accept(&hello(good), good).await, Outcome::Delivered, "{good}");
    }
    let jörg = house.inbox("jörg@müller.example").await;
    assert_eq!(jörg.len(), 2);
    assert!(jörg[0].contains("\r\nDelivered-To: jörg@müller.example\r\n"), "{}", jörg[0]);
    house.check().await;
}

#[tokio::test]
async fn a_suspended_account_is_5_2_1() {
    let house = House::new().await;
    house.store.set_status(house.id("anne").await, AccountStatus::Suspended).await.unwrap();
    assert_eq!(house.refused("anne").await, "550 5.2.1");
    assert!(matches!(house.accept(&hello("anne"), "anne").await, Outcome::Refused(r) if r.status == "5.2.1"));
    assert_eq!(house.inbox("anne").await.len(), 0);
    house.check().await;
}

#[tokio::test]
async fn unknown_addresses_go_to_the_catch_all() {
    let house = House::new().await;
    house.domain(DomainChange::CatchAll(Some(address("bob@example.org")))).await;
    assert_eq!(house.rcpt("nobody").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("nobody"), "nobody").await, Outcome::Delivered);
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("bob").await.len(), house.inbox("anne").await.len()), (1, 1));
    // One that leads to itself leads nowhere.
    house.domain(DomainChange::CatchAll(Some(address("lost@example.org")))).await;
    assert_eq!(house.refused("lost").await, "554 5.4.6");
    house.check().await;
}

#[tokio::test]
async fn postmaster_of_every_domain_is_read_by_somebody() {
    let house = House::with(|config| config.postmaster = Some(address("bob@example.org"))).await;
    house.store.add_domain("second.example").await.unwrap();
    for postmaster in ["postmaster@example.org", "Postmaster@second.example", "POSTMASTER"] {
        let recipient = Recipient::new(postmaster);
        assert_eq!(house.delivery.recipient(postmaster, None).await.unwrap(), Verdict::Accept, "{postmaster}");
        assert_eq!(house.delivery.accept(&hello(postmaster), &[recipient]).await, [Outcome::Delivered]);
    }
    assert_eq!(house.inbox("bob").await.len(), 3);
    house.alias("postmaster", &["anne"]).await;
    assert_eq!(house.accept(&hello("postmaster"), "postmaster").await, Outcome::Delivered);
    assert_eq!(house.inbox("anne").await.len(), 1);

    let without = House::new().await;
    assert_eq!(without.refused("postmaster").await, "550 5.1.1");
    assert!(matches!(without.delivery.recipient("postmaster", None).await.unwrap(), Verdict::Refuse(_)));
    house.check().await;
}

#[tokio::test]
async fn a_postmaster_elsewhere_gets_mail_under_our_name() {
    let house = House::with(|config| config.postmaster = Some(address("hostmaster@remote.example"))).await;
    for postmaster in ["postmaster@example.org", "postmaster"] {
        let outcomes = house.delivery.accept(&hello(postmaster), &[Recipient::new(postmaster)]).await;
        assert_eq!(outcomes, [Outcome::Queued], "{postmaster}");
    }
    let queue = house.queue().await;
    let ends = ["@example.org", "@mail.example.org"];
    for (waiting, end) in queue.iter().zip(ends) {
        assert_eq!(waiting.to, "hostmaster@remote.example");
        assert!(waiting.sender.starts_with("SRS0=") && waiting.sender.ends_with(end), "{}", waiting.sender);
    }
    // One who would read his own mail by the way of himself reads none.
    let own = House::with(|config| config.postmaster = Some(address("postmaster@example.org"))).await;
    assert_eq!(own.refused("postmaster").await, "550 5.1.1");
    house.check().await;
}

#[tokio::test]
async fn a_mailbox_on_a_remote_platform_is_taken_and_relayed() {
    let house = House::new().await;
    let route = "lmtp://old.example:24?tls=none";
    house.store.set_route(house.id("anne").await, Some(route.into())).await.unwrap();
    assert_eq!(house.rcpt("anne").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Queued);
    let not_here = Delivered::NotHere { route: route.into() };
    assert_eq!(house.run().await, [("anne@example.org".to_owned(), not_here.clone())]);

    // A domain's route takes what is unknown here too; an account may stay.
    house.store.set_route(house.id("anne").await, Some("local".into())).await.unwrap();
    house.domain(DomainChange::Route(Some(route.into()))).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    for there in ["bob", "nobody", "\"a b\"@example.org"] {
        assert_eq!(house.rcpt(there).await, Verdict::Accept, "{there}");
        assert_eq!(house.accept(&hello(there), there).await, Outcome::Queued, "{there}");
        assert_eq!(house.run().await[0].1, not_here, "{there}");
    }
    house.check().await;
}
