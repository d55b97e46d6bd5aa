//! BDAT: exact bytes, in any number of chunks, and no way to confuse them with commands.

use super::super::Kind;
use super::super::testing::House;

#[tokio::test]
async fn chunks_make_one_message_exactly() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Lmtp).await;
    client.expect("MAIL FROM:<a@example.com> BODY=BINARYMIME", "250").await;
    client.expect("RCPT TO:<ada@example.org>", "250").await;
    client.expect("DATA", "503 5.5.1").await;
    client.send(b"BDAT 14\r\nSubject: x\r\n\r\nBDAT 7\r\n.\r\n\n\r\0\xffBDAT 0\r\nBDAT 4 LAST\r\nQUIT").await;
    for start in ["250 2.0.0 14 bytes", "250 2.0.0 7 bytes", "250 2.0.0 0 bytes", "250 2.0.0 taken"] {
        let reply = client.reply().await;
        assert!(reply.starts_with(start), "{reply}");
    }
    client.expect("NOOP", "250").await;
    let inbox = house.inbox("ada").await;
    assert!(inbox[0].ends_with(b"Subject: x\r\n\r\n.\r\n\n\r\0\xffQUIT"));
    house.check().await;
}

#[tokio::test]
async fn chunks_that_nobody_wants_are_taken_and_refused() {
    let house = House::with(|config| config.max_size = 1000).await;
    let mut client = house.connect(Kind::Reception).await;
    client.send("BDAT 6\r\nQUIT\r\n").await;
    assert!(client.reply().await.starts_with("503 5.5.1"));
    client.expect("MAIL FROM:<a@example.com>", "250").await;
    client.send("BDAT 6 LAST\r\nQUIT\r\n").await;
    assert!(client.reply().await.starts_with("554 5.5.1"));
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client
        .send(format!(
            "BDAT 600\r\n{}BDAT 600\r\n{}BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\n",
            "x".repeat(600),
            "y".repeat(600)
        ))
        .await;
    for start in ["250 2.0.0", "552 5.3.4", "503 5.5.1", "503 5.5.1"] {
        let reply = client.reply().await;
        assert!(reply.starts_with(start), "{reply}");
    }
    client.expect("NOOP", "250").await;
    assert!(house.inbox("ada").await.is_empty());
}

#[tokio::test]
async fn data_cannot_follow_chunks_nor_chunks_a_reset() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.send("BDAT 3\r\nA: ").await;
    assert!(client.reply().await.starts_with("250"));
    client.expect("DATA", "503 5.5.1").await;
    client.expect("MAIL FROM:<x@example.com>", "503 5.5.1").await;
    client.expect("RSET", "250").await;
    client.send("BDAT 3 LAST\r\nb\r\n").await;
    assert!(client.reply().await.starts_with("503 5.5.1"));
    assert!(house.inbox("ada").await.is_empty());
}

#[tokio::test]
async fn a_chunk_of_unknown_size_ends_the_session() {
    let house = House::new().await;
    for line in
        ["BDAT\r\nQUIT\r\n", "BDAT x LAST\r\nQUIT\r\n", "BDAT 1 FIRST\r\nQUIT\r\n", "BDAT 99999999999999999999999\r\n"]
    {
        let mut client = house.connect(Kind::Reception).await;
        client.envelope("a@example.com", &["ada@example.org"]).await;
        client.send(line).await;
        assert!(client.reply().await.starts_with("501 5.5.4"), "{line:?}");
        assert!(client.is_closed().await, "{line:?}");
    }
    let mut client = house.connect(Kind::Reception).await;
    client.send("BDAT 18446744073709551615\r\nQUIT\r\n").await;
    assert!(client.reply().await.starts_with("552 5.3.4"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_cr_alone_in_a_header_is_refused_in_chunks_too() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.send("BDAT 18 LAST\r\nA: b\rC: d\r\n\r\nx\r\n\r\n").await;
    assert!(client.reply().await.starts_with("550 5.6.0"));
    client.expect("NOOP", "250").await;
}
