//! Sessions relayed to another Sterna as the platform, over real connections; and the replies alone, in pieces.

use std::time::Duration;

use bytes::BytesMut;
use sterna_frontdoor::{HoldTimes, Kind};
use sterna_net::Passing as _;

use super::replies::Replies;
use crate::server::tests::{PASSWORD, Server, USER};

const TIMES: HoldTimes = HoldTimes { finish: Duration::from_millis(300), deadline: Duration::from_secs(5) };

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.dot\r\n";

/// The old server with a message, and the new one whose logins go there.
async fn pair() -> (Server, Server) {
    let (old, new) = (Server::start(|_| {}).await, Server::start(|_| {}).await);
    old.append(MESSAGE).await;
    let settings = format!(r#"{{"pop3":"pop3://{}?tls=none","timeout":5}}"#, old.address);
    to_platform(&new, settings).await;
    (old, new)
}

async fn to_platform(new: &Server, settings: String) {
    new.door.store().add_platform("old", settings, None).await.unwrap();
    new.door.store().set_route(new.account.id(), Some("platform:old".into())).await.unwrap();
}

#[tokio::test]
async fn commands_pass_and_capabilities_are_those_of_both() {
    let (old, new) = pair().await;
    let mut client = new.connect().await;
    assert!(client.lines("CAPA").await.contains(&"USER".to_owned()));
    client.ok(&format!("USER {USER}")).await;
    assert_eq!(client.ok(&format!("PASS {PASSWORD}")).await, "1 messages (20 octets)");
    let capabilities = client.lines("CAPA").await;
    assert!(capabilities.contains(&"UIDL".to_owned()) && capabilities.contains(&"PIPELINING".to_owned()));
    for gone in ["USER", "SASL", "STLS", "UTF8"] {
        assert!(!capabilities.iter().any(|line| line.starts_with(gone)), "{gone} in {capabilities:?}");
    }
    // Pipelined, with answers of both servers in the order of the commands.
    client.send("STAT\r\nXTND XMIT\r\nRETR 1\r\nRETR 0\r\nDELE 1\r\nPASS x\r\nQUIT\r\n").await;
    assert_eq!(client.reply().await, "+OK 1 20");
    assert_eq!(client.reply().await, "-ERR unknown command");
    assert!(client.reply().await.starts_with("+OK"));
    assert_eq!(client.rest().await, ["Subject: x", "", ".dot"]);
    assert!(client.reply().await.starts_with("-ERR the arguments"));
    assert!(client.reply().await.starts_with("+OK"));
    assert!(client.reply().await.starts_with("-ERR logged in"));
    assert!(client.reply().await.starts_with("+OK 1 messages deleted"));
    assert_eq!(client.reply().await, "");
    assert_eq!(old.count().await, 0);
}

#[tokio::test]
async fn a_wrong_password_is_the_platforms_word_and_counts_here() {
    let (_old, new) = pair().await;
    let mut client = new.connect().await;
    for attempt in 1..=5 {
        client.ok(&format!("USER {USER}")).await;
        assert_eq!(client.err("PASS wrong").await, "[AUTH] wrong user name or password", "{attempt}");
    }
    // The fifth on one connection was its last.
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn a_platform_that_is_down_is_a_temporary_error() {
    for settings in [r#"{"pop3":"pop3://127.0.0.1:1?tls=none"}"#, r#"{"imap":"imap://127.0.0.1:1?tls=none"}"#] {
        let new = Server::start(|_| {}).await;
        to_platform(&new, settings.into()).await;
        let mut client = new.connect().await;
        for _ in 0..7 {
            client.ok(&format!("USER {USER}")).await;
            let said = client.err(&format!("PASS {PASSWORD}")).await;
            let expected = if settings.contains("pop3") { "[SYS/TEMP] " } else { "[SYS/PERM] this mailbox cannot" };
            assert!(said.starts_with(expected), "{said}");
        }
    }
}

#[tokio::test]
async fn a_hold_lets_a_session_finish_and_cuts_off_what_does_not() {
    let (old, new) = pair().await;
    let mut client = new.login().await;
    client.ok("DELE 1").await;
    let holding = tokio::spawn({
        let (door, id) = (new.door.clone(), new.account.id());
        async move { door.hold(id, TIMES).await.unwrap() }
    });
    // In round 0 it goes on.
    tokio::time::sleep(Duration::from_millis(100)).await;
    client.ok("NOOP").await;
    let held = holding.await.unwrap();
    assert!(client.reply().await.starts_with("-ERR [SYS/TEMP] the mailbox is being moved"));
    assert_eq!(client.reply().await, "");
    // Without QUIT nothing was deleted.
    assert_eq!(old.count().await, 1);
    // Who comes now waits, and finds the mailbox where it is then.
    new.append(MESSAGE).await;
    let waiting = tokio::spawn({
        let mut late = new.connect().await;
        async move {
            late.ok(&format!("USER {USER}")).await;
            late.ok(&format!("PASS {PASSWORD}")).await;
            late.lines("CAPA").await
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    new.door.store().set_route(new.account.id(), Some("local".into())).await.unwrap();
    held.release().await.unwrap();
    // A local session takes no password any more either, but says what Sterna can.
    assert!(waiting.await.unwrap().iter().any(|line| line.starts_with("IMPLEMENTATION Sterna")));
}

#[tokio::test]
async fn a_local_session_waits_and_goes_on_or_ends_with_nothing_deleted() {
    for goes in [false, true] {
        let server = Server::start(|_| {}).await;
        server.append(MESSAGE).await;
        let mut client = server.login().await;
        client.ok("DELE 1").await;
        let held = server.door.hold(server.account.id(), TIMES).await.unwrap();
        client.send("STAT\r\n").await;
        if goes {
            to_platform(&server, r#"{"pop3":"pop3://127.0.0.1:1?tls=none"}"#.into()).await;
        }
        held.release().await.unwrap();
        match goes {
            false => {
                assert_eq!(client.reply().await, "+OK 0 0");
                client.ok("QUIT").await;
                assert_eq!(server.count().await, 0);
            }
            true => {
                assert!(client.reply().await.starts_with("-ERR [SYS/TEMP] the mailbox was moved"));
                assert_eq!(client.reply().await, "");
                assert_eq!(server.count().await, 1);
            }
        }
        let entered = server.door.enter([127, 0, 0, 1].into(), USER.as_bytes(), b"x", Kind::Finishes, &mut 0).await;
        assert_eq!(entered.is_ok(), goes);
    }
}

#[test]
fn replies_are_told_apart_however_they_come() {
    let commands = b"CAPA\r\nRETR 1\r\nFOO\r\nSTAT\r\n";
    let answers = b"+OK\r\nTOP\r\nSTLS\r\nUIDL\r\n.\r\n+OK\r\na\r\n..\r\n.b\r\n.\r\n-ERR no\r\n";
    let expected = "+OK\r\nTOP\r\nUIDL\r\n.\r\n+OK\r\na\r\n..\r\n.b\r\n.\r\n-ERR unknown command\r\n-ERR no\r\n";
    for size in 1..answers.len() {
        let (mut replies, mut server, mut client) = (Replies::default(), Vec::new(), Vec::new());
        let mut input = BytesMut::from(&commands[..]);
        replies.client_said(&mut input, &mut server, &mut client).unwrap();
        assert_eq!(server, b"CAPA\r\nRETR 1\r\nSTAT\r\n");
        let mut input = BytesMut::new();
        for piece in answers.chunks(size) {
            assert!(!replies.is_idle());
            input.extend_from_slice(piece);
            replies.server_said(&mut input, &mut client).unwrap();
        }
        assert_eq!(String::from_utf8(client).unwrap(), expected, "pieces of {size}");
        assert!(replies.is_idle());
    }
}
