//! What is signed: mail of our own making, and nothing else.

use crate::Outcome;
use crate::testing::{House, address, from, hello};

#[tokio::test]
async fn replies_and_notifications_are_signed_for_the_domain_of_the_account() {
    let house = House::new().await;
    let script = "require [\"vacation\", \"enotify\"]; vacation \"away\"; notify \"mailto:pager@remote.example\";";
    house.script("anne", script).await;
    assert_eq!(house.accept(&hello("anne@example.org"), "anne").await, Outcome::Delivered);
    let queue = house.queue().await;
    assert_eq!(queue.len(), 2);
    for waiting in queue {
        let (first, rest) = waiting.text.split_once("\r\n").unwrap();
        assert_eq!(first, format!("DKIM-Signature: d=example.org; l={}", rest.len()), "{}", waiting.text);
        assert!(rest.starts_with("From: <anne@example.org>\r\n"), "{rest}");
    }
    house.check().await;
}

#[tokio::test]
async fn what_others_wrote_is_sent_on_as_it_was() {
    let house = House::new().await;
    house.script("anne", "redirect \"carol@remote.example\";").await;
    house.forwards("bob", &["carol@remote.example"], false).await;
    let own = from("bob@example.org", "From: bob@example.org\r\nTo: anne@example.org\r\n\r\nhi\r\n");
    assert_eq!(house.accept(&own, "anne").await, Outcome::Delivered);
    assert_eq!(house.accept(&hello("bob"), "bob").await, Outcome::Queued);
    let queue = house.queue().await;
    assert!(queue.len() == 2 && queue.iter().all(|waiting| !waiting.text.contains("DKIM-Signature")), "{queue:?}");
    house.check().await;
}

#[tokio::test]
async fn the_nearest_domain_of_ours_signs_and_no_other() {
    let house = House::new().await;
    for domain in ["keyless.example", "sub.keyless.example", "customer.example.org"] {
        house.store.add_domain(domain).await.unwrap();
    }
    house.store.add_account(&address("eve@keyless.example"), None, None).await.unwrap();
    for (author, domain) in [
        ("MAILER-DAEMON@mail.example.org", Some("example.org")),
        ("x@a.b.Sub.Keyless.Example", Some("sub.keyless.example")),
        ("x@customer.example.org", Some("customer.example.org")),
        ("eve@keyless.example", None),
        ("x@example.com", None),
        ("x@org", None),
    ] {
        let mail = from("", &format!("Subject: x@example.org\r\nFrom: \"y@example.org\" <{author}>\r\n\r\n"));
        let trace = house.delivery.signed(mail).await.trace;
        let expected = domain.map(|domain| format!("DKIM-Signature: d={domain};")).unwrap_or_default();
        let start = String::from_utf8_lossy(&trace);
        assert!(start.starts_with(&expected) && start.is_empty() == domain.is_none(), "{author}: {start}");
    }
    let nobody = house.delivery.signed(from("", "Subject: x\r\n\r\nFrom: x@example.org\r\n")).await;
    assert!(nobody.trace.is_empty());
}
