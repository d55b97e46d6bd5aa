//! What looks like the end of a message and is none: nothing behind it is ever a command.

use super::super::Kind;
use super::super::testing::House;

/// Every sequence that some server takes for the end.
const TRICKS: [&str; 14] = [
    "\n.\r\n",
    "\r.\r\n",
    "\r\n.\n",
    "\n.\n",
    "\r.\r",
    "\r\n.\r",
    "\n.\r",
    "\r\n.\r\r\n",
    "\r\r\n.\n",
    "\n\n.\r\n",
    "\r\n.\n\r\n",
    "\n\r.\r\n",
    "\r\n.\r.\r\n",
    "\n.\n.\r\n",
];

fn smuggled(trick: &str) -> String {
    format!(
        "Subject: outer\r\n\r\nouter{trick}MAIL FROM:<ceo@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\
         Subject: inner\r\n\r\ninner\r\n.\r\n"
    )
}

#[tokio::test]
async fn a_message_with_a_false_end_is_refused_as_one() {
    let house = House::new().await;
    for trick in TRICKS {
        let mut client = house.connect(Kind::Reception).await;
        client.envelope("a@example.com", &["ada@example.org"]).await;
        client.expect("DATA", "354 ").await;
        client.send(format!("{}NOOP\r\n", smuggled(trick))).await;
        let reply = client.reply().await;
        assert!(reply.starts_with("550 5.6.0"), "{trick:?}: {reply}");
        assert!(client.reply().await.starts_with("250 2.0.0 nothing done"), "{trick:?}");
        client.expect("QUIT", "221").await;
    }
    assert!(house.inbox("ada").await.is_empty() && house.inbox("bob").await.is_empty());
}

#[tokio::test]
async fn a_false_end_that_comes_byte_by_byte_is_refused_as_one() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    for trick in ["\n.\r\n", "\r.\r\n", "\r\n.\n", "\n.\n", "\r\n.\r"] {
        client.envelope("a@example.com", &["ada@example.org"]).await;
        client.expect("DATA", "354 ").await;
        for byte in smuggled(trick).as_bytes() {
            client.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        let reply = client.reply().await;
        assert!(reply.starts_with("550 5.6.0"), "{trick:?}: {reply}");
    }
    client.expect("NOOP", "250").await;
    assert!(house.inbox("ada").await.is_empty() && house.inbox("bob").await.is_empty());
}

#[tokio::test]
async fn a_command_that_does_not_end_with_crlf_ends_the_session() {
    let house = House::new().await;
    for line in
        ["MAIL FROM:<a@example.com>\nRCPT TO:<ada@example.org>\r\n", "NOOP\n", "NOOP\rRSET\r\n", "\n", "NOOP\r\r\n"]
    {
        let mut client = house.connect(Kind::Reception).await;
        client.send(line).await;
        let reply = client.reply().await;
        assert!(reply.starts_with("500 5.5.2"), "{line:?}: {reply}");
        assert!(client.is_closed().await, "{line:?}");
    }
}

#[tokio::test]
async fn a_message_behind_a_refused_data_is_not_read_as_commands() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    client.send("DATA\r\nRSET\r\nMAIL FROM:<ceo@example.org>\r\nRCPT TO:<ada@example.org>\r\n").await;
    assert!(client.reply().await.starts_with("554 5.5.1"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn what_follows_a_false_end_without_a_true_one_is_never_read_as_commands() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.expect("DATA", "354 ").await;
    client.send("Subject: x\r\n\r\nx\n.\nQUIT\r\nRSET\r\n").await;
    drop(client);
    let mut other = house.connect(Kind::Reception).await;
    other.expect("QUIT", "221").await;
    assert!(house.inbox("ada").await.is_empty());
    assert_eq!(house.leftovers(), 0);
}
