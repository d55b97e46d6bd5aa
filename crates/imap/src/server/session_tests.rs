//! The command loop: limits, errors, states.

use std::time::Duration;

use super::super::testing::{Client, PASSWORD, Server, USER};
use crate::codec::framing::Limits;
use sterna_net::PlaintextPolicy;

#[tokio::test]
async fn capabilities_follow_the_state() {
    let server = Server::start(|_| {}).await;
    let mut c = server.connect().await;
    let before = c.ok("CAPABILITY").await;
    assert_eq!(before, ["* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID AUTH=PLAIN AUTH=LOGIN"]);
    let login = c.cmd(&format!("LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(login[0].starts_with("OK [CAPABILITY IMAP4rev1 ") && login[0].contains(" QRESYNC "), "{login:?}");
    assert!(!login[0].contains("AUTH=") && !login[0].contains("STARTTLS"));
    assert!(c.cmd("LOGIN a b").await[0].starts_with("BAD"));
    assert!(c.cmd("STARTTLS").await[0].starts_with("BAD"));
}

#[tokio::test]
async fn no_password_is_taken_where_the_policy_forbids_it() {
    let server = Server::start(|config| config.plaintext = PlaintextPolicy::Never).await;
    let mut c = server.connect().await;
    assert!(c.ok("CAPABILITY").await[0].ends_with(" LOGINDISABLED"));
    let right = format!("LOGIN {USER} \"{PASSWORD}\"");
    assert!(c.cmd(&right).await[0].starts_with("NO [PRIVACYREQUIRED]"));
    assert!(c.cmd("AUTHENTICATE PLAIN AGFkYQBi").await[0].starts_with("NO [PRIVACYREQUIRED]"));
    let server = Server::start(|config| config.plaintext = PlaintextPolicy::Always).await;
    server.connect().await.ok(&right).await;
}

#[tokio::test]
async fn authenticate_plain_and_login_with_and_without_an_initial_response() {
    // "\0ada@example.org\0correct horse", "ada@example.org", "correct horse"
    let plain = "AGFkYUBleGFtcGxlLm9yZwBjb3JyZWN0IGhvcnNl";
    let (user, password) = ("YWRhQGV4YW1wbGUub3Jn", "Y29ycmVjdCBob3JzZQ==");
    let server = Server::start(|_| {}).await;
    server.connect().await.ok(&format!("AUTHENTICATE PLAIN {plain}")).await;
    for (mechanism, lines) in [("PLAIN", vec![plain]), ("LOGIN", vec![user, password])] {
        let mut c = server.connect().await;
        let tag = c.begin(&format!("AUTHENTICATE {mechanism}")).await;
        for line in lines {
            assert!(c.response().await.starts_with("+ "));
            c.send(format!("{line}\r\n")).await;
        }
        assert!(c.finish(&tag).await[0].starts_with("OK "));
    }
    let mut c = server.connect().await;
    for (line, expected) in [("*", "BAD"), ("!", "BAD"), ("AGFkYQ==", "BAD"), ("AGEAYg==", "NO [AUTHENTICATIONFAILED]")]
    {
        let tag = c.begin("AUTHENTICATE PLAIN").await;
        c.response().await;
        c.send(format!("{line}\r\n")).await;
        assert!(c.finish(&tag).await[0].starts_with(expected), "{line}");
    }
    assert!(c.cmd("AUTHENTICATE SCRAM-SHA-1").await[0].starts_with("NO "));
    // Acting for another account is refused.
    assert!(c.cmd("AUTHENTICATE PLAIN Ym9iAGEAYg==").await[0].starts_with("NO [AUTHORIZATIONFAILED]"));
}

#[tokio::test]
async fn failed_logins_end_the_connection() {
    let server = Server::start(|_| {}).await;
    let mut c = server.connect().await;
    for _ in 0..4 {
        assert!(c.cmd(&format!("LOGIN {USER} wrong")).await[0].starts_with("NO [AUTHENTICATIONFAILED]"));
    }
    c.send("x LOGIN a b\r\n").await;
    assert!(c.response().await.starts_with("* BYE [AUTHENTICATIONFAILED]"));
    assert_eq!(c.response().await, "");
}

#[tokio::test]
async fn protocol_errors_cost_a_bad_and_not_the_session() {
    let mut c = Client::start().await;
    for _ in 0..30 {
        assert!(c.cmd("FROBNICATE").await[0].starts_with("BAD "));
    }
    c.send("\r\n").await;
    assert!(c.response().await.starts_with("* BAD "));
    let long = "x".repeat(70_000);
    assert!(c.cmd(&format!("SELECT {long}")).await[0].starts_with("BAD "));
    assert!(c.cmd("SELECT {70000}").await[0].starts_with("BAD [TOOBIG]"));
    c.send(format!("y SELECT {{70000+}}\r\n{}\r\n", "x".repeat(70_000))).await;
    assert!(c.finish("y").await[0].starts_with("BAD [TOOBIG]"));
    c.send("z STATUS {5}\r\n").await;
    assert_eq!(c.response().await, "+ OK");
    c.send("INBOX (UIDNEXT)\r\n").await;
    assert_eq!(c.finish("z").await[0], "* STATUS INBOX (UIDNEXT 1)");
}

#[tokio::test]
async fn strangers_get_less_patience() {
    let server = Server::start(|config| {
        config.login_timeout = Duration::from_millis(100);
        config.limits_before_login = Limits { line: 200, literal: 100, command: 300 };
    })
    .await;
    let mut c = server.connect().await;
    for _ in 0..19 {
        assert!(c.cmd("FROBNICATE").await[0].starts_with("BAD "));
    }
    c.send("x FROBNICATE\r\n").await;
    c.response().await;
    assert!(c.response().await.starts_with("* BYE "));
    let mut c = server.connect().await;
    assert!(c.cmd(&format!("LOGIN {} b", "a".repeat(200))).await[0].starts_with("BAD "));
    for command in
        ["SELECT INBOX", "IDLE", "LIST \"\" *", "NAMESPACE", "ENABLE QRESYNC", "NOTIFY NONE", "COMPRESS DEFLATE"]
    {
        assert!(c.cmd(command).await[0].starts_with("BAD "), "{command}");
    }
    c.ok("ID NIL").await;
    assert!(c.response().await.starts_with("* BYE "));
    assert_eq!(c.response().await, "");
}

#[tokio::test]
async fn logout_says_bye_first() {
    let mut c = Client::start().await;
    assert_eq!(c.cmd("LOGOUT").await, ["* BYE logging out", "OK LOGOUT completed"]);
    assert_eq!(c.response().await, "");
}

#[tokio::test]
async fn uidonly_refuses_sequence_numbers() {
    let mut c = Client::start().await;
    c.append("Subject: a\r\n\r\n", &[]).await;
    assert_eq!(c.ok("ENABLE UIDONLY").await, ["* ENABLED UIDONLY"]);
    c.ok("SELECT INBOX").await;
    assert!(c.cmd("FETCH 1 FLAGS").await[0].starts_with("BAD [UIDREQUIRED]"));
    assert_eq!(c.ok("ID (\"name\" \"test\")").await[0], "* ID (\"name\" \"Sterna\" \"version\" \"0.1.0\")");
}
