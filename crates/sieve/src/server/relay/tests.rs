//! Sessions relayed to another Sterna as the platform, over real connections; and the responses alone, in pieces.

use std::time::Duration;

use bytes::BytesMut;
use sterna_frontdoor::HoldTimes;
use sterna_net::Passing as _;

use super::responses::Responses;
use crate::server::tests::{Server, login};

const TIMES: HoldTimes = HoldTimes { finish: Duration::from_millis(300), deadline: Duration::from_secs(5) };

async fn pair() -> (Server, Server) {
    let (old, new) = (Server::start(|_| {}).await, Server::start(|config| config.limits.redirects = 2).await);
    to_platform(&new, format!(r#"{{"sieve":"sieve://{}?tls=none","timeout":5}}"#, old.address)).await;
    (old, new)
}

async fn to_platform(new: &Server, settings: String) {
    new.door.store().add_platform("old", settings, None).await.unwrap();
    new.door.store().set_route(new.account.id(), Some("platform:old".into())).await.unwrap();
}

#[tokio::test]
async fn scripts_go_to_the_platform_and_capabilities_are_those_of_both() {
    let (old, new) = pair().await;
    let mut client = new.login().await;
    client.ok("PUTSCRIPT \"main\" {5+}\r\nkeep;").await;
    client.ok("SETACTIVE \"main\"").await;
    assert!(client.ok("LISTSCRIPTS").await.contains("\"main\" ACTIVE"));
    assert!(client.ok("GETSCRIPT \"main\"").await.contains("keep;"));
    let told = client.ok("CAPABILITY").await;
    assert!(
        told.contains("\"MAXREDIRECTS\" \"2\"") && told.contains("\"SASL\" \"\"") && told.contains("fileinto"),
        "{told}"
    );
    assert!(!told.contains("STARTTLS") && !told.contains("UNAUTHENTICATE"), "{told}");
    // The login is not the client's to change any more.
    for command in ["UNAUTHENTICATE", &login(), "XCLIENT ADDR=192.0.2.1", "STARTTLS"] {
        client.send(format!("{command}\r\n")).await;
        assert!(client.answer().await.starts_with("NO "), "{command}");
    }
    client.ok("LOGOUT").await;
    assert_eq!(old.account.read(|tx| tx.sieve_scripts()).await.unwrap().len(), 1);
    assert_eq!(new.account.read(|tx| tx.sieve_scripts()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_platform_that_is_down_is_no_wrong_password() {
    for (settings, said) in [
        (r#"{"sieve":"sieve://127.0.0.1:1?tls=none"}"#, "NO (TRYLATER) "),
        (r#"{"imap":"imap://127.0.0.1:1?tls=none"}"#, "NO \"scripts of this mailbox"),
    ] {
        let new = Server::start(|_| {}).await;
        to_platform(&new, settings.into()).await;
        let mut client = new.connect().await;
        for _ in 0..6 {
            client.send(format!("{}\r\n", login())).await;
            let answer = client.answer().await;
            assert!(answer.starts_with(said), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_platforms_word_and_counts_here() {
    let (_old, new) = pair().await;
    let mut client = new.connect().await;
    for attempt in 1..=5 {
        // NUL ada@example.org NUL x
        client.send("AUTHENTICATE \"PLAIN\" \"AGFkYUBleGFtcGxlLm9yZwB4\"\r\n").await;
        let answer = client.answer().await;
        let word = if attempt == 5 { "BYE" } else { "NO" };
        assert_eq!(answer.trim_end(), format!("{word} \"wrong user name or password\""), "{attempt}");
    }
}

#[tokio::test]
async fn a_hold_cuts_off_a_relayed_session_and_parks_a_local_one() {
    let (_old, new) = pair().await;
    let mut client = new.login().await;
    let held = new.door.hold(new.account.id(), TIMES).await.unwrap();
    assert!(client.answer().await.starts_with("BYE (TRYLATER) \"the mailbox is being moved"));
    new.door.store().set_route(new.account.id(), Some("local".into())).await.unwrap();
    held.release().await.unwrap();

    let mut client = new.login().await;
    let held = new.door.hold(new.account.id(), TIMES).await.unwrap();
    held.release().await.unwrap();
    assert!(client.ok("CAPABILITY").await.contains("\"IMPLEMENTATION\" \"Sterna"));
    let held = new.door.hold(new.account.id(), TIMES).await.unwrap();
    new.door.store().set_route(new.account.id(), Some("platform:old".into())).await.unwrap();
    held.release().await.unwrap();
    assert!(client.answer().await.starts_with("BYE (TRYLATER) \"the mailbox was moved"));
}

#[test]
fn responses_are_told_apart_however_they_come() {
    let commands: &[u8] = b"GETSCRIPT {1+}\r\nx\r\nUNAUTHENTICATE {3+}\r\nabc\r\ncapability\r\nNOOP\r\n";
    let answers: &[u8] =
        b"{9}\r\nOK\r\nNO a\r\n\r\nOK\r\n\"SIEVE\" \"fileinto x-own\"\r\n\"STARTTLS\"\r\nOK\r\nNO {2}\r\nOK\r\n";
    let expected = "{9}\r\nOK\r\nNO a\r\n\r\nOK\r\nNO \"this is not available now, connect again\"\r\n\
                    \"SIEVE\" \"fileinto\"\r\nOK\r\nNO {2}\r\nOK\r\n";
    for size in 1..answers.len() {
        let (mut responses, mut server, mut client) = (Responses::new(1), Vec::new(), Vec::new());
        let mut input = BytesMut::new();
        for piece in commands.chunks(size) {
            input.extend_from_slice(piece);
            responses.client_said(&mut input, &mut server, &mut client).unwrap();
        }
        assert_eq!(server, b"GETSCRIPT {1+}\r\nx\r\ncapability\r\nNOOP\r\n");
        let mut input = BytesMut::new();
        for piece in answers.chunks(size) {
            assert!(!responses.is_idle());
            input.extend_from_slice(piece);
            responses.server_said(&mut input, &mut client).unwrap();
        }
        assert_eq!(String::from_utf8(client).unwrap(), expected, "pieces of {size}");
        assert!(responses.is_idle());
    }
}

#[test]
fn what_two_servers_might_read_differently_is_not_passed_on() {
    for line in ["NOOP \"a\r\n", "PUTSCRIPT \"a\" {3}\r\n", "NOOP {3+\r\n", "NOOP {x+}\r\n", "NOOP a\rb\r\n"] {
        let mut responses = Responses::new(1);
        let mut input = BytesMut::from(line);
        assert!(responses.client_said(&mut input, &mut Vec::new(), &mut Vec::new()).is_err(), "{line:?}");
    }
}
