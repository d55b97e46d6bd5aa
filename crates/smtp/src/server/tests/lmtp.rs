//! LMTP: an answer for each recipient.

use super::super::Kind;
use super::super::testing::{Client, House};
use sterna_net::PortTls;

#[tokio::test]
async fn each_recipient_has_its_answer() {
    let house = House::new().await;
    let mut client = Client::new(house.dial(Kind::Lmtp, PortTls::Plain).await);
    assert_eq!(client.reply().await, "220 mail.example.org LMTP Sterna");
    client.expect("EHLO there", "500 5.5.1").await;
    client.expect("MAIL FROM:<a@example.com>", "503 5.5.1").await;
    client.expect("LHLO there", "250").await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    client.expect("DATA", "503 5.5.1").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    client.expect("RCPT TO:<nobody@example.org>", "550 5.1.1").await;
    client.expect("RCPT TO:<x@example.com>", "550 5.7.1").await;
    client.expect("RCPT TO:<bob@example.org>", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    // Bob's mailbox fills up between RCPT and the message's end.
    house.store.set_quota(house.account("bob").await.id, Some(1)).await.unwrap();
    assert!(client.data("Subject: x\r\n\r\nx\r\n").await.starts_with("250 2.0.0"));
    assert!(client.reply().await.starts_with("552 5.2.2"));
    assert!(client.reply().await.starts_with("250 2.0.0"));
    client.expect("NOOP", "250").await;
    let text = house.only("ada").await;
    assert!(text.contains("with LMTP\r\n") && !text.contains("for <"), "{text}");
    assert!(house.inbox("bob").await.is_empty() && house.queue().await.is_empty());
}

#[tokio::test]
async fn a_refused_message_is_refused_for_each() {
    let house = House::with(|config| config.max_size = 100).await;
    let mut client = house.connect(Kind::Lmtp).await;
    client.envelope("a@example.com", &["ada@example.org", "bob@example.org"]).await;
    assert!(client.data(&format!("{}\r\n", "x".repeat(200))).await.starts_with("552 5.3.4"));
    assert!(client.reply().await.starts_with("552 5.3.4"));
    client.expect("NOOP", "250").await;
}
