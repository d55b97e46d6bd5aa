//! Sizes, counts and times.

use std::time::Duration;

use sterna_net::PortTls;

use super::super::Kind;
use super::super::testing::{Client, House};

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_at_once_or_at_its_end() {
    let house = House::with(|config| config.max_size = 1000).await;
    let mut client = house.connect(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com> SIZE=1001", "552 5.3.4").await;
    client.expect("MAIL FROM:<a@example.com> SIZE=1000", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    let reply = client.data(&format!("Subject: x\r\n\r\n{}", "0123456789abcdef\r\n".repeat(100))).await;
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    client.expect("NOOP", "250").await;
    assert!(house.inbox("ada").await.is_empty());
}

#[tokio::test]
async fn a_message_without_end_is_cut_off() {
    let house = House::with(|config| config.max_size = 1000).await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.expect("DATA", "354").await;
    let line = [b'x'; 1000];
    for _ in 0..3000 {
        client.send(line).await;
    }
    let reply = client.reply().await;
    assert!(reply.is_empty() || reply.starts_with("552 5.3.4"), "{reply}");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn ten_thousand_recipients_are_taken_one_more_is_not() {
    let house = House::with(|config| config.max_recipients = 10_000).await;
    house
        .store
        .set_domain("example.org", sterna_store::DomainChange::CatchAll(Some(house.account("bob").await.address)))
        .await
        .unwrap();
    let mut client = house.connect(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    for block in 0..100 {
        let lines: String = (0..100).map(|i| format!("RCPT TO:<u{}@example.org>\r\n", block * 100 + i)).collect();
        client.send(lines).await;
        for _ in 0..100 {
            assert!(client.reply().await.starts_with("250 2.1.5"));
        }
    }
    client.expect("RCPT TO:<one.more@example.org>", "452 4.5.3").await;
    assert!(client.data("Subject: x\r\n\r\nx\r\n").await.starts_with("250 2.0.0"));
    let queued: u64 = house.store.queue_stats().await.unwrap().recipients;
    assert!(queued > 0 || house.inbox("bob").await.len() == 1, "{queued}");
}

#[tokio::test]
async fn errors_refusals_and_messages_have_an_end() {
    let house = House::with(|config| {
        (config.max_errors, config.max_refused, config.max_messages) = (3, 2, 2);
    })
    .await;
    let mut client = house.connect(Kind::Reception).await;
    client.expect("A", "500").await;
    client.expect("B", "500").await;
    client.expect("C", "500").await;
    assert!(client.reply().await.starts_with("421 4.7.0"));
    assert!(client.is_closed().await);

    let mut client = house.connect(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    client.expect("RCPT TO:<x1@example.org>", "550 5.1.1").await;
    client.expect("RCPT TO:<x2@example.org>", "550 5.1.1").await;
    client.expect("RCPT TO:<x3@example.org>", "421 4.7.0").await;
    assert!(client.is_closed().await);

    let mut client = house.connect(Kind::Reception).await;
    for _ in 0..2 {
        assert!(client.message("a@example.com", &["ada@example.org"], "A: b\r\n\r\n").await.starts_with("250"));
    }
    client.expect("MAIL FROM:<a@example.com>", "421 4.7.0").await;

    let mut client = house.connect(Kind::Reception).await;
    client.send("NOOP\r\n".repeat(1001)).await;
    for _ in 0..1000 {
        // EHLO counted, too.
        let reply = client.reply().await;
        if reply.starts_with("421 4.7.0") {
            return;
        }
        assert!(reply.starts_with("250"));
    }
    assert!(client.reply().await.starts_with("421 4.7.0"));
}

#[tokio::test]
async fn a_line_without_end_ends_the_session() {
    let house = House::new().await;
    for line in ["x".repeat(20_000), format!("NOOP {}\r\n", "x".repeat(13_000))] {
        let mut client = house.connect(Kind::Reception).await;
        client.send(line).await;
        assert!(client.reply().await.starts_with("500 5.5.6"));
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_client_that_drips_is_cut_off() {
    let house = House::with(|config| {
        config.command_timeout = Duration::from_millis(300);
        config.min_rate = 1_000_000;
    })
    .await;
    for begun in [false, true] {
        let mut client = house.connect(Kind::Reception).await;
        if begun {
            client.envelope("a@example.com", &["ada@example.org"]).await;
            client.expect("DATA", "354").await;
        }
        let reply = loop {
            client.send("x").await;
            if let Ok(reply) = tokio::time::timeout(Duration::from_millis(10), client.reply()).await {
                break reply;
            }
        };
        assert!(reply.starts_with("421 4.4.2"), "{reply}");
    }
    assert_eq!(house.leftovers(), 0);
}

#[tokio::test]
async fn a_session_ends_after_its_time_whatever_it_does() {
    let house = House::with(|config| config.session_timeout = Duration::from_millis(300)).await;
    let mut client = house.connect(Kind::Reception).await;
    let reply = loop {
        let reply = client.cmd("RSET").await;
        if !reply.starts_with("250") {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(reply.starts_with("421 4.4.2"), "{reply}");
}

#[tokio::test]
async fn a_network_holds_so_many_connections() {
    let house = House::with(|config| config.connections_per_network = 2).await;
    let mut first = house.dial_from(Kind::Reception, "2001:db8::1").await;
    let mut second = house.dial_from(Kind::Reception, "2001:db8::2").await;
    assert!(first.reply().await.starts_with("220") && second.reply().await.starts_with("220"));
    let mut third = house.dial_from(Kind::Reception, "2001:db8::3").await;
    assert!(third.reply().await.starts_with("421 4.7.0"));
    let mut other = house.dial_from(Kind::Reception, "2001:db8:0:1::1").await;
    assert!(other.reply().await.starts_with("220"));
    first.expect("QUIT", "221").await;
    assert!(first.is_closed().await);
    drop(first);
    // The place comes back when the server has noticed.
    loop {
        let mut next = house.dial_from(Kind::Reception, "2001:db8::4").await;
        if next.reply().await.starts_with("220") {
            break;
        }
    }
}

#[tokio::test]
async fn shutdown_comes_at_a_command_boundary() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.expect("DATA", "354").await;
    client.send("Subject: x\r\n\r\n").await;
    let mut idle = house.connect(Kind::Reception).await;
    house.shutdown.send(true).unwrap();
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    assert!(client.cmd("x\r\n.").await.starts_with("250 2.0.0"));
    assert!(client.reply().await.starts_with("421 4.3.2"));
    assert_eq!(house.inbox("ada").await.len(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_end_leaves_nothing() {
    let house = House::new().await;
    for begin in ["DATA\r\n", "BDAT 9000000\r\n"] {
        let mut client = house.connect(Kind::Reception).await;
        client.envelope("a@example.com", &["ada@example.org"]).await;
        client.send(begin).await;
        client.send("x".repeat(3 << 20)).await;
        client.send("\r\n.\r").await;
    }
    let mut client = Client::new(house.dial(Kind::Reception, PortTls::Plain).await);
    client.hello(Kind::Reception).await;
    while house.leftovers() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(house.inbox("ada").await.is_empty() && house.queue().await.is_empty());
}
