//! The bytes of messages, whatever their pieces.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sterna_net::PortTls;
use sterna_tests::tree_memory;
use tokio::io::AsyncWriteExt as _;

use super::super::Kind;
use super::super::testing::{Client, House};

/// What a client sends for a message that ends with CRLF.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

async fn send_in_pieces(client: &mut Client, bytes: &[u8], cuts: &[usize]) {
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        let (piece, more) = rest.split_at((*cut).min(rest.len()));
        client.send(piece).await;
        rest = more;
        if rest.is_empty() {
            return;
        }
    }
}

/// A message without its trace fields.
fn own(message: &[u8]) -> &[u8] {
    let at = message.windows(9).position(|w| w == b"X-Start: ").expect("the message's own first field");
    &message[at..]
}

#[test]
fn any_pieces_by_data_and_by_bdat_give_the_same_bytes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let house = runtime.block_on(House::with(|config| config.max_messages = 1000));
    let client = RefCell::new(runtime.block_on(house.connect(Kind::Lmtp)));
    let line = prop_oneof![
        4 => "[ -~]{0,30}".prop_map(String::into_bytes),
        2 => "[.]{1,3}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>().prop_filter("a line's", |b| *b != b'\r' && *b != b'\n'), 0..2000),
    ];
    let messages = (
        prop::collection::vec(line, 0..20),
        prop::collection::vec(1usize..3000, 1..5),
        prop::collection::vec(1usize..900, 1..5),
    );
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let count = Cell::new(0);
    runner
        .run(&messages, |(lines, cuts, chunks)| {
            let mut client = client.borrow_mut();
            let mut message = b"X-Start: 1\r\n\r\n".to_vec();
            lines.iter().for_each(|line| message.extend([&line[..], b"\r\n"].concat()));
            runtime.block_on(async {
                client.envelope("a@example.com", &["ada@example.org"]).await;
                client.expect("DATA", "354").await;
                send_in_pieces(&mut client, &stuffed(&message), &cuts).await;
                assert!(client.reply().await.starts_with("250"));
                client.envelope("a@example.com", &["ada@example.org"]).await;
                let mut wire = Vec::new();
                let (mut rest, mut sent) = (&message[..], 0);
                for size in chunks.iter().cycle() {
                    let (chunk, more) = rest.split_at((*size).min(rest.len()));
                    let last = if more.is_empty() { " LAST" } else { "" };
                    wire.extend([format!("BDAT {}{last}\r\n", chunk.len()).as_bytes(), chunk].concat());
                    (rest, sent) = (more, sent + 1);
                    if rest.is_empty() {
                        break;
                    }
                }
                send_in_pieces(&mut client, &wire, &cuts).await;
                for _ in 0..sent {
                    assert!(client.reply().await.starts_with("250"));
                }
                let inbox = house.inbox("ada").await;
                count.set(count.get() + 2);
                assert_eq!(inbox.len(), count.get());
                for stored in &inbox[count.get() - 2..] {
                    prop_assert!(own(stored) == message);
                }
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(house.check());
}

#[tokio::test]
async fn a_message_without_an_end_of_line_comes_by_bdat() {
    let house = House::new().await;
    let mut client = house.connect(Kind::Lmtp).await;
    for message in ["X-Start: 1", "X-Start: 1\r\n", "X-Start: 1\r\n\r\n", "X-Start: 1\r\n\r\nno end"] {
        client.envelope("a@example.com", &["ada@example.org"]).await;
        client.send(format!("BDAT {} LAST\r\n{message}", message.len())).await;
        assert!(client.reply().await.starts_with("250"));
        assert_eq!(own(house.inbox("ada").await.last().unwrap()), message.as_bytes());
    }
}

/// Whether this test runs in a process of its own; else it was run in one, and passed there.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "STERNA_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let status = child.args(["--exact", test, "--nocapture"]).env(ALONE, "1").status().unwrap();
    assert!(status.success(), "{test} failed in a process of its own");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_takes_little_memory() {
    // What other tests hold at the same time would count, too.
    if !is_alone("server::tests::bodies::a_large_message_takes_little_memory") {
        return;
    }
    const SIZE: u64 = 100 << 20;
    let house = House::with(|config| config.max_size = 2 * SIZE).await;
    let mut client = house.connect(Kind::Reception).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.expect("DATA", "354").await;
    client.send("X-Start: 1\r\n\r\n").await;
    let block: Vec<u8> = (0..1024u32)
        .flat_map(|line| {
            let text: String = (0..1022u32).map(|i| char::from(b'a' + ((line * 31 + i * 17) % 26) as u8)).collect();
            [text.as_bytes(), b"\r\n"].concat()
        })
        .collect();
    let before = tree_memory(std::process::id()).rss;
    let mut most = 0u64;
    for i in 0..SIZE / block.len() as u64 {
        client.stream.write_all(&block).await.unwrap();
        if i % 16 == 0 {
            most = most.max(tree_memory(std::process::id()).rss);
        }
    }
    let mut done = Box::pin(client.cmd("."));
    let reply = loop {
        match tokio::time::timeout(std::time::Duration::from_millis(50), &mut done).await {
            Ok(reply) => break reply,
            Err(_) => most = most.max(tree_memory(std::process::id()).rss),
        }
    };
    assert!(reply.starts_with("250"), "{reply}");
    let grown = most.saturating_sub(before);
    println!("grew by {grown} bytes");
    assert!(grown < SIZE / 2, "{grown}");
    let account = house.store.account(house.account("ada").await.id).await.unwrap();
    let size = account.read(|tx| Ok(tx.mailbox_tree()?.find("INBOX").map(|m| m.bytes))).await.unwrap();
    assert!(size.unwrap() > SIZE);
}

#[tokio::test]
async fn a_message_with_an_empty_body_and_none_at_all_are_taken() {
    let house = House::new().await;
    let mut client = Client::new(house.dial(Kind::Lmtp, PortTls::Plain).await);
    client.hello(Kind::Lmtp).await;
    client.envelope("a@example.com", &["ada@example.org"]).await;
    client.expect("DATA", "354").await;
    client.expect(".", "250").await;
    assert!(house.only("ada").await.ends_with("+0000\r\n"));
}
