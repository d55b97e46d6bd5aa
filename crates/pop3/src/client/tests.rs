//! Against servers that do one thing each: what no real server does on command.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;

/// A server that answers by a script; its port.
async fn server(greeting: &'static str, answer: impl Fn(&str) -> String + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            if stream.get_mut().write_all(greeting.as_bytes()).await.is_err() {
                continue;
            }
            let mut line = String::new();
            while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                let answer = answer(line.trim_end());
                line.clear();
                if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    port
}

fn endpoint(port: u16) -> Endpoint {
    let mut endpoint = Endpoint::new("127.0.0.1", port, Tls::None);
    endpoint.timeouts.response = std::time::Duration::from_millis(500);
    endpoint
}

fn password() -> Credentials {
    Credentials::Password { user: "anne".into(), password: "se cret".into() }
}

async fn open_to(port: u16) -> Result<Connection, Error> {
    open(&endpoint(port), &password()).await
}

/// One that has nothing but what RFC 1939 demands.
fn bare(line: &str) -> String {
    match line {
        "USER anne" | "PASS se cret" | "QUIT" => "+OK\r\n".into(),
        "STAT" => "+OK 2 30\r\n".into(),
        "LIST" => "+OK\r\n1 10\r\n2 20\r\n.\r\n".into(),
        "RETR 1" => "+OK\r\nA: 1\n\n..x\n.y\r\n.\r\n".into(),
        "RETR 2" => "-ERR gone\r\n".into(),
        _ => "-ERR unknown command\r\n".into(),
    }
}

async fn all(connection: &mut Connection, numbers: &[u32], part: Part) -> Vec<(u32, Result<String, String>)> {
    let mut fetch = connection.fetch(numbers.to_vec(), part).unwrap();
    let (mut messages, mut bytes) = (Vec::new(), Vec::new());
    while let Some(event) = fetch.next().await.unwrap() {
        match event {
            FetchEvent::Begin(_) => bytes.clear(),
            FetchEvent::Chunk(chunk) => bytes.extend(chunk),
            FetchEvent::End(number) => messages.push((number, Ok(String::from_utf8(bytes.clone()).unwrap()))),
            FetchEvent::Refused { number, text } => messages.push((number, Err(text))),
        }
    }
    messages
}

#[tokio::test]
async fn a_server_with_nothing_but_the_basics_will_do() {
    let mut connection = open_to(server("+OK\r\n", bare).await).await.unwrap();
    assert!(!connection.capabilities().known());
    assert_eq!(connection.stat().await.unwrap(), (2, 30));
    assert_eq!(connection.list().await.unwrap(), [(1, 10), (2, 20)]);
    assert_eq!(connection.uidl().await.unwrap(), None);
    let tops = all(&mut connection, &[1], Part::Top(0)).await;
    assert_eq!(tops, [(1, Err("unknown command".into()))]);
    // Bare line ends stay as they are.
    let messages = all(&mut connection, &[2, 1], Part::Whole).await;
    assert_eq!(messages, [(2, Err("gone".into())), (1, Ok("A: 1\n\n.x\ny\r\n".into()))]);
    connection.quit().await.unwrap();
}

#[tokio::test]
async fn a_password_goes_by_sasl_where_that_is_offered() {
    let port = server("+OK hello\r\n", |line| match line {
        "CAPA" => "+OK\r\nSASL PLAIN\r\nPIPELINING\r\nUIDL\r\n.\r\n".into(),
        "AUTH PLAIN AGFubmUAc2UgY3JldA==" => "+OK\r\n".into(),
        "UIDL" => "+OK\r\n1 a b\r\n2 \x01\r\n.\r\n".into(),
        _ => "-ERR\r\n".into(),
    });
    let mut connection = open_to(port.await).await.unwrap();
    assert!(connection.capabilities().has("PIPELINING"));
    assert_eq!(connection.uidl().await.unwrap().unwrap(), [(1, b"a b".to_vec()), (2, b"\x01".to_vec())]);
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let kind = async |greeting, answer: fn(&str) -> String| {
        *open_to(server(greeting, answer).await).await.expect_err("no connection").kind
    };
    assert!(matches!(kind("* OK IMAP4rev1\r\n", bare).await, ErrorKind::NotPop3(_)));
    assert!(matches!(kind("-ERR [SYS/TEMP] later\r\n", bare).await, ErrorKind::Unavailable { .. }));
    assert!(matches!(kind("+OK\r\n", |_| "-ERR no\r\n".into()).await, ErrorKind::WrongCredentials { .. }));
    assert!(matches!(kind("+OK\r\n", |_| "what?\r\n".into()).await, ErrorKind::Protocol(_)));
    assert!(matches!(kind("+OK\r\n", |_| "x".repeat(20_000)).await, ErrorKind::Protocol(_)));
    assert!(matches!(kind("+OK\r\n", |_| String::new()).await, ErrorKind::Timeout { .. }));
    let mut tls = endpoint(server("+OK\r\n", bare).await);
    tls.tls = Tls::StartTls;
    let refused = open(&tls, &password()).await.expect_err("no TLS");
    assert!(matches!(*refused.kind, ErrorKind::StartTlsRefused(_)), "{refused}");
    tls.tls = Tls::Implicit;
    assert!(matches!(*open(&tls, &password()).await.expect_err("no TLS").kind, ErrorKind::Tls(_)));
}

#[tokio::test]
async fn what_was_put_behind_the_answer_to_stls_is_not_trusted() {
    let mut to = endpoint(server("+OK\r\n", |_| "+OK\r\n+OK injected\r\n".into()).await);
    to.tls = Tls::StartTls;
    let error = open(&to, &password()).await.expect_err("no trust");
    assert!(matches!(*error.kind, ErrorKind::Protocol(_)), "{error}");
}

#[tokio::test]
async fn a_fetch_that_was_given_up_does_not_confuse_later_commands() {
    let mut connection = open_to(server("+OK\r\n", bare).await).await.unwrap();
    let mut fetch = connection.fetch(vec![1, 1], Part::Whole).unwrap();
    assert_eq!(fetch.next().await.unwrap(), Some(FetchEvent::Begin(1)));
    assert!(connection.stat().await.is_err());
}
