//! Mailboxes on platforms, and mailboxes that move at this moment.

use std::time::Duration;

use sterna_store::DomainChange;

use crate::testing::{House, hello};
use crate::{Delivered, Outcome, Verdict};

const OLD: &str = "platform:old";
const LMTP: &str = "lmtp://old.example:24?tls=none";

async fn with_platform(settings: &str) -> House {
    let house = House::new().await;
    house.store.add_platform("old", settings.to_owned(), None).await.unwrap();
    house
}

fn there() -> Delivered {
    Delivered::NotHere { route: LMTP.into() }
}

#[tokio::test]
async fn mail_for_a_platform_goes_where_its_operator_said() {
    let house = with_platform(&format!(r#"{{"deliver":"{LMTP}"}}"#)).await;
    house.store.set_route(house.id("anne").await, Some(OLD.into())).await.unwrap();
    assert_eq!(house.rcpt("anne").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Queued);
    assert_eq!(house.run().await, [("anne@example.org".to_owned(), there())]);
    // An alias that is known here is followed here, to both sides.
    house.alias("team", &["anne", "bob"]).await;
    assert_eq!(house.accept(&hello("team"), "team").await, Outcome::Queued);
    assert_eq!(house.inbox("bob").await.len(), 1);
    assert_eq!(house.run().await, [("anne@example.org".to_owned(), there())]);
    // What nobody has here, the platform may know; who says that he is here, is here.
    house.domain(DomainChange::CatchAll(Some(crate::testing::address("bob@example.org")))).await;
    house.domain(DomainChange::Route(Some(OLD.into()))).await;
    house.store.set_route(house.id("bob").await, Some("local".into())).await.unwrap();
    for name in ["nobody", "\"a b\"@example.org"] {
        assert_eq!(house.rcpt(name).await, Verdict::Accept, "{name}");
        assert_eq!(house.accept(&hello(name), name).await, Outcome::Queued, "{name}");
        assert_eq!(house.run().await[0].1, there(), "{name}");
    }
    assert_eq!(house.accept(&hello("bob"), "bob").await, Outcome::Delivered);
    house.check().await;
}

#[tokio::test]
async fn mail_for_a_platform_without_a_way_waits_and_comes_home_by_the_route_of_the_day() {
    let house = with_platform("{}").await;
    let anne = house.id("anne").await;
    house.store.set_route(anne, Some(OLD.into())).await.unwrap();
    assert_eq!(house.rcpt("anne").await, Verdict::Accept);
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Queued);
    let claim = house.claim().await.unwrap();
    let mail = crate::queued::to_mail(&house.store, &claim).await.unwrap();
    let recipient = crate::queued::to_recipient(&claim.recipients[0]);
    match house.delivery.deliver_local(&mail, &recipient).await {
        Delivered::Deferred(refusal) => assert_eq!((refusal.code, refusal.status), (451, "4.3.5")),
        other => panic!("{other:?}"),
    }
    // Said at last: it is used at once.
    house.store.set_platform("old", format!(r#"{{"deliver":"{LMTP}"}}"#), None).await.unwrap();
    assert_eq!(house.delivery.deliver_local(&mail, &recipient).await, there());
    // The mailbox is here now, whatever the platform.
    house.store.set_route(anne, None).await.unwrap();
    assert_eq!(house.delivery.deliver_local(&mail, &recipient).await, Delivered::Done);
    assert_eq!(house.inbox("anne").await.len(), 1);
}

#[tokio::test]
async fn mail_waits_while_its_mailbox_moves() {
    let house = with_platform(&format!(r#"{{"deliver":"{LMTP}"}}"#)).await;
    let (anne, term) = (house.id("anne").await, Duration::from_secs(60));
    house.alias("team", &["anne", "bob"]).await;
    for (route, after) in [(None, Delivered::Done), (Some(OLD.to_owned()), there())] {
        house.store.set_route(anne, route).await.unwrap();
        let before = house.inbox("anne").await.len();
        let hold = house.store.begin_hold(anne, term).await.unwrap();
        // Sessions come to their end; nothing is compared yet.
        let taken = if after == Delivered::Done { Outcome::Delivered } else { Outcome::Queued };
        assert_eq!(house.accept(&hello("anne"), "anne").await, taken);
        assert!(house.run().await.iter().all(|(_, said)| *said == there()));
        let before = before + usize::from(after == Delivered::Done);
        assert_eq!(house.inbox("anne").await.len(), before);
        let hold = house.store.next_round(&hold, term).await.unwrap();
        assert_eq!(house.rcpt("anne").await, Verdict::Accept);
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Queued);
        assert_eq!(house.accept(&hello("team"), "team").await, Outcome::Queued);
        assert_eq!(house.inbox("anne").await.len(), before);
        let mut waiting = Vec::new();
        while let Some(claim) = house.claim().await {
            let mail = crate::queued::to_mail(&house.store, &claim).await.unwrap();
            let recipient = crate::queued::to_recipient(&claim.recipients[0]);
            assert_eq!(recipient.address, "anne@example.org");
            assert_eq!(house.delivery.deliver_local(&mail, &recipient).await, Delivered::Held);
            waiting.push((claim, mail, recipient));
        }
        assert_eq!(waiting.len(), 2);
        house.store.end_hold(&hold).await.unwrap();
        for (claim, mail, recipient) in waiting {
            assert_eq!(house.delivery.deliver_local(&mail, &recipient).await, after);
            let done = vec![(claim.recipients[0].id, sterna_store::Settled::Done)];
            house.store.settle_queued(&claim, done, vec![]).await.unwrap();
        }
    }
    assert_eq!(house.inbox("bob").await.len(), 2);
    house.check().await;
}
