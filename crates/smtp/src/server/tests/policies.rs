//! Who is let in, and what for: the first words, blocklists, greylisting, DMARC.

use std::time::Duration;

use super::super::Kind;
use super::super::testing::House;

#[tokio::test]
async fn who_talks_before_the_greeting_is_sent_away() {
    let house = House::with(|config| config.greeting_delay = Duration::from_secs(30)).await;
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.send("EHLO spam\r\n").await;
    assert!(client.reply().await.starts_with("554 5.5.0"));
    assert!(client.is_closed().await);
    // Users' programs are not asked to wait.
    let mut client = house.dial_from(Kind::Submission, "192.0.2.1").await;
    client.send("EHLO early\r\n").await;
    assert!(client.reply().await.starts_with("220"));
}

#[tokio::test]
async fn a_listed_peer_reaches_the_postmaster_only() {
    let house = House::with(|config| {
        config.dnsbl = vec!["bl.example".into()];
        config.greeting_delay = Duration::ZERO;
    })
    .await;
    house.dns.set("1.2.0.192.bl.example", "A", 60, "127.0.0.2");
    house.dns.set("1.2.0.192.bl.example", "TXT", 60, "see https://bl.example");
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.hello(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    let reply = client.expect("RCPT TO:<ada@example.org>", "550 5.7.1").await;
    assert!(reply.contains("192.0.2.1 is listed by bl.example: see https://bl.example"), "{reply}");
    client.expect("RCPT TO:<postmaster@example.org>", "250").await;
    let mut client = house.dial_from(Kind::Reception, "192.0.2.2").await;
    client.hello(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
}

#[tokio::test]
async fn an_unknown_peer_is_greylisted_until_it_tries_again() {
    let house = House::with(|config| {
        config.greylist = Some(Duration::from_secs(60));
        config.greeting_delay = Duration::ZERO;
    })
    .await;
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.hello(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "450 4.7.1 greylisted, please try again in 60 seconds").await;
    client.expect("RCPT TO:<nobody@example.org>", "550 5.1.1").await;
    house.clock.advance(61);
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    client.expect("RCPT TO:<bob@example.org>", "250").await;
}

#[tokio::test]
async fn a_name_that_the_dns_confirms_is_told() {
    let house = House::with(|config| config.greeting_delay = Duration::ZERO).await;
    house.dns.set_reverse("192.0.2.1", 60, "mx.example.com");
    house.dns.set("mx.example.com", "A", 60, "192.0.2.1");
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.hello(Kind::Reception).await;
    assert!(client.message("a@example.com", &["ada@example.org"], "A: b\r\n\r\n").await.starts_with("250"));
    let text = house.only("ada").await;
    assert!(text.contains("Received: from client.example (mx.example.com [192.0.2.1])\r\n"), "{text}");
}

#[tokio::test]
async fn a_domain_that_asks_for_it_has_forged_mail_refused() {
    let house = House::new().await;
    house.dns.set("_dmarc.bank.example", "TXT", 60, "v=DMARC1; p=reject");
    house.dns.set("bank.example", "TXT", 60, "v=spf1 -all");
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.hello(Kind::Reception).await;
    let text = "From: CEO <ceo@bank.example>\r\nTo: ada@example.org\r\nSubject: pay\r\n\r\nnow\r\n";
    let reply = client.message("ceo@bank.example", &["ada@example.org"], text).await;
    assert!(reply.starts_with("550 5.7.1") && reply.contains("DMARC"), "{reply}");
    assert!(house.inbox("ada").await.is_empty());
    house.dns.set("honest.example", "TXT", 60, "v=spf1 ip4:192.0.2.1 -all");
    let text = text.replace("bank", "honest");
    assert!(client.message("ceo@honest.example", &["ada@example.org"], &text).await.starts_with("250"));
    let text = house.only("ada").await;
    assert!(text.contains("spf=pass") && text.contains("Received-SPF: pass"), "{text}");
}

#[tokio::test]
async fn a_recipient_that_fills_up_is_not_reported_to_a_forged_sender() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org", "bob@example.org"]).await;
    house.store.set_quota(house.account("bob").await.id, Some(1)).await.unwrap();
    assert!(client.data("Subject: x\r\n\r\nx\r\n").await.starts_with("250"));
    assert_eq!(house.inbox("ada").await.len(), 1);
    assert!(house.queue().await.is_empty());
    // The same of one whose domain permits the client.
    house.dns.set("honest.example", "TXT", 60, "v=spf1 ip4:127.0.0.1 ip4:192.0.2.1 -all");
    house.store.set_quota(house.account("bob").await.id, None).await.unwrap();
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.hello(Kind::Reception).await;
    client.envelope("a@honest.example", &["ada@example.org", "bob@example.org"]).await;
    house.store.set_quota(house.account("bob").await.id, Some(1)).await.unwrap();
    assert!(client.data("Subject: x\r\n\r\nx\r\n").await.starts_with("250"));
    let queue = house.queue().await;
    assert!(queue.len() == 1 && queue[0].1 == ["a@honest.example"], "{queue:?}");
}

#[tokio::test]
async fn a_domain_that_asks_for_it_has_forged_mail_put_aside() {
    let house = House::new().await;
    house.dns.set("_dmarc.shop.example", "TXT", 60, "v=DMARC1; p=quarantine");
    let mut client = house.dial_from(Kind::Reception, "192.0.2.1").await;
    client.hello(Kind::Reception).await;
    let text = "From: shop@shop.example\r\nTo: ada@example.org\r\nSubject: won\r\n\r\nclick\r\n";
    assert!(client.message("x@elsewhere.example", &["ada@example.org"], text).await.starts_with("250"));
    assert!(house.inbox("ada").await.is_empty());
    let junk = house.messages("ada", "Junk").await;
    assert_eq!(junk.len(), 1);
    assert!(String::from_utf8_lossy(&junk[0]).contains("dmarc=fail"));
    house.check().await;
}
