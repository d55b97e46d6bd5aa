use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use sterna_net::{PlaintextPolicy, Trust, tls_connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[tokio::test]
async fn capa_tells_what_is_true_now() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    let capa = client.lines("capa").await;
    for name in
        ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER", "USER", "SASL PLAIN LOGIN"]
    {
        assert!(capa.iter().any(|line| line == name), "{name} in {capa:?}");
    }
    assert!(!capa.iter().any(|line| line == "STLS" || line.starts_with("LOGIN-DELAY")));
    assert_eq!(client.err("STLS").await, "STLS is not available now");
    assert_eq!(client.lines("LANG").await.len(), 2);
    client.ok("LANG en").await;
    client.err("LANG tlh").await;
    client.ok("UTF8").await;
    assert_eq!(client.lines("AUTH").await, ["PLAIN", "LOGIN"]);
}

#[tokio::test]
async fn every_way_to_log_in_opens_the_mailbox() {
    let server = Server::start(|_| {}).await;
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let (user, password) = (STANDARD.encode(USER), STANDARD.encode(PASSWORD));
    for script in [
        vec![format!("AUTH PLAIN {plain}")],
        vec!["AUTH PLAIN".to_owned(), plain.clone()],
        vec!["auth login".to_owned(), user.clone(), password.clone()],
        vec![format!("AUTH LOGIN {user}"), password],
        vec![format!("USER {USER}"), format!("PASS {PASSWORD}")],
    ] {
        let mut client = server.connect().await;
        let (last, before) = script.split_last().unwrap();
        for line in before {
            let reply = client.cmd(line).await;
            assert!(reply.starts_with('+'), "{line}: {reply}");
        }
        assert_eq!(client.ok(last).await, "0 messages (0 octets)");
        assert_eq!(client.err("UTF8").await, "UTF8 comes before the login");
        assert_eq!(client.err(&format!("USER {USER}")).await, "logged in already");
    }
}

#[tokio::test]
async fn a_login_that_fails_says_that_it_is_the_password() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    assert_eq!(client.err("PASS x").await, "give the name first");
    assert_eq!(client.err("STAT").await, "log in first");
    client.ok("USER nobody@example.org").await;
    assert_eq!(client.err("PASS x").await, "[AUTH] wrong user name or password");
    // The name is asked for again.
    client.err("PASS x").await;
    assert!(client.cmd("AUTH PLAIN").await.starts_with("+ "));
    assert_eq!(client.err("*").await, "cancelled");
    assert!(client.cmd("AUTH PLAIN").await.starts_with("+ "));
    assert_eq!(client.err("no base64!").await, "this is not base64");
    let other = STANDARD.encode(format!("bob@example.org\0{USER}\0{PASSWORD}"));
    assert!(client.err(&format!("AUTH PLAIN {other}")).await.starts_with("[AUTH]"));
    for _ in 0..4 {
        client.ok(&format!("USER {USER}")).await;
        assert!(client.err("PASS wrong").await.starts_with("[AUTH]"));
    }
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn no_password_is_taken_in_clear_where_the_policy_forbids_it() {
    let server = Server::start(|config| config.plaintext = PlaintextPolicy::Never).await;
    let mut client = server.connect().await;
    let capa = client.lines("CAPA").await;
    assert!(!capa.iter().any(|line| line == "USER" || line.starts_with("SASL")));
    for command in ["USER ada", "AUTH PLAIN AGEAYg=="] {
        assert_eq!(client.err(command).await, "start TLS (STLS) before you send a password");
    }
}

#[tokio::test]
async fn after_stls_everything_goes_through_tls() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![issued.cert.der().clone()], key).unwrap();
    let server = Server::start(|c| {
        c.tls = Some(Arc::new(config));
        c.plaintext = PlaintextPolicy::Never;
    })
    .await;
    // What follows STLS before its answer could be another's.
    let mut client = server.connect().await;
    client.send("STLS\r\nCAPA\r\n").await;
    assert!(client.reply().await.starts_with("-ERR nothing may follow"));
    assert!(client.lines("CAPA").await.contains(&"STLS".to_owned()));
    client.ok("STLS").await;
    let tcp = client.stream.into_inner();
    let mut tls = tls_connect("localhost", &Trust::Anyone, tcp).await.unwrap();
    let script = format!("CAPA\r\nSTLS\r\nUSER {USER}\r\nPASS {PASSWORD}\r\nQUIT\r\n");
    tls.write_all(script.as_bytes()).await.unwrap();
    let mut said = String::new();
    tls.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("SASL PLAIN LOGIN") && !said.contains("\r\nSTLS\r\n"), "{said}");
    assert!(said.ends_with("+OK now the password\r\n+OK 0 messages (0 octets)\r\n+OK goodbye\r\n"), "{said}");
}

#[tokio::test]
async fn who_is_no_mail_client_is_cut_off() {
    let server = Server::start(|config| config.login_timeout = Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    for _ in 0..19 {
        client.err("GET / HTTP/1.1").await;
    }
    assert_eq!(client.err("Host: x").await, "too many errors");
    assert_eq!(client.reply().await, "");
    let mut client = server.connect().await;
    client.send(&"x".repeat(20_000)).await;
    assert_eq!(client.reply().await, "-ERR the line is too long");
    // Whoever says one byte now and then does not hold the connection for longer.
    let mut client = server.connect().await;
    client.send("NO").await;
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn sessions_of_one_account_are_bounded() {
    let server = Server::start(|config| config.sessions_per_account = 2).await;
    let (_first, mut second) = (server.login().await, server.login().await);
    let mut third = server.connect().await;
    third.ok(&format!("USER {USER}")).await;
    assert!(third.err(&format!("PASS {PASSWORD}")).await.starts_with("[IN-USE]"));
    second.ok("QUIT").await;
    assert_eq!(second.reply().await, "");
    third.ok(&format!("USER {USER}")).await;
    third.ok(&format!("PASS {PASSWORD}")).await;
}

#[tokio::test]
async fn a_server_that_stops_ends_the_session_and_deletes_nothing() {
    let server = Server::start(|_| {}).await;
    server.append(b"Subject: 1\r\n\r\nx\r\n").await;
    let mut client = server.login().await;
    client.ok("DELE 1").await;
    server.shutdown.send_replace(true);
    assert_eq!(client.reply().await, "-ERR [SYS/TEMP] the server is shutting down");
    assert_eq!(client.reply().await, "");
    assert_eq!(server.count().await, 1);
}
