//! The client against servers that follow a script, over a pipe whose time is the test's, and over TCP with TLS.

mod closing;
mod script;
mod sending;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sterna_core::DateTime;
use sterna_delivery::{Body, Envelope, Mail, Recipient};
use tokio::io::duplex;

use self::script::{Played, play};
use super::connect::greet;
use super::*;

fn server() -> Server {
    Server { security: Security::Clear, ..Server::exchanger("mx.example.org", SocketAddr::from(([127, 0, 0, 1], 25))) }
}

fn mail(text: &str) -> Mail {
    Mail {
        envelope: Envelope { sender: "a@x.org".to_owned(), ..Envelope::default() },
        trace: Bytes::new(),
        body: Body::Memory(Bytes::copy_from_slice(text.as_bytes())),
        received: DateTime::utc(0),
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    }
}

fn to(addresses: &[&str]) -> Vec<Recipient> {
    addresses.iter().map(|a| Recipient::new(a)).collect()
}

/// What came of connecting to a server that follows a script.
async fn connected(server: &Server, script: &str) -> (Result<Connection, Error>, tokio::task::JoinHandle<Played>) {
    let (near, far) = duplex(1 << 20);
    let played = tokio::spawn(play(far, script.to_owned()));
    let timeouts = Timeouts { connect: Duration::from_secs(10), ..Timeouts::default() };
    (greet(Box::new(near), server, server.security, "me.example.org", &timeouts).await, played)
}

/// Greeting and EHLO with these extensions, then the script.
fn greeted(extensions: &str, script: &str) -> String {
    let mut lines: Vec<String> = extensions.split_whitespace().map(|e| format!("250-{e}")).collect();
    lines.insert(0, "250-mx.example.org".to_owned());
    let last = lines.last_mut().unwrap();
    last.replace_range(3..4, " ");
    let lines: String = lines.iter().map(|line| format!("< {}\n", line.replace('~', " "))).collect();
    format!("< 220 mx.example.org ESMTP\n> EHLO me.example.org\n{lines}{script}")
}

/// Sends one message to a scripted server.
async fn send(extensions: &str, script: &str, mail: &Mail, recipients: &[&str]) -> (Sent, Played) {
    let (connection, played) = connected(&server(), &greeted(extensions, script)).await;
    let mut connection = connection.unwrap();
    let sent = connection.send(mail, &to(recipients), &|| true).await;
    drop(connection);
    (sent, played.await.unwrap())
}

/// The verdicts in short: `+` accepted, `5.1.1` the status of a failure, `?` undecided.
fn short(sent: &Sent) -> Vec<String> {
    let words = sent.verdicts.iter().map(|verdict| match verdict {
        Verdict::Accepted(_) => "+".to_owned(),
        Verdict::Failed(failure) => failure.status.clone(),
        Verdict::Undecided => "?".to_owned(),
    });
    words.collect()
}
