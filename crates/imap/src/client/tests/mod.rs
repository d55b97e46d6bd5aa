//! The client against a server that plays a script: every oddity of real servers in its exact bytes.

mod bodies;
mod commands;
mod connect;
mod login;
mod wire;

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::task::JoinHandle;

use super::*;
use crate::codec::response_parser::Limits;
use crate::codec::sequence::NumberSet;

/// Plays a server: lines that begin with `C: ` are expected, `S: ` sent, `S- ` sent without a line end; `X` closes.
async fn play(stream: impl AsyncRead + AsyncWrite + Unpin, script: &str) {
    let mut stream = BufReader::new(stream);
    for step in script.lines().map(str::trim_start).filter(|l| !l.is_empty()) {
        if let Some(expected) = step.strip_prefix("C: ") {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            assert_eq!(line.trim_end_matches(['\r', '\n']), expected);
        } else if let Some(line) = step.strip_prefix("S: ") {
            stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        } else if let Some(text) = step.strip_prefix("S- ") {
            stream.write_all(text.as_bytes()).await.unwrap();
        } else {
            assert_eq!(step, "X");
            return;
        }
        stream.flush().await.unwrap();
    }
    // Silence: the connection stays open until the client closes it.
    let mut rest = String::new();
    let _ = stream.read_line(&mut rest).await;
    assert_eq!(rest, "", "the client said more than the script");
}

/// A connection to a scripted server that has not been greeted; bodies above 16 bytes are streamed.
fn bare(script: &'static str) -> (Connection, JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(async move { play(theirs, script).await });
    let timeouts = Timeouts { connect: Duration::from_secs(2), response: Duration::from_secs(2) };
    let limits = Limits { response: 1 << 20, literal: 16 };
    (Connection::new(Stream::Other(Box::new(ours)), "imap://test:143", timeouts, limits), server)
}

/// As [`bare`], greeted, with capabilities.
async fn greeted(capabilities: &str, script: &'static str) -> (Connection, JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let greeting = format!("S: * OK [CAPABILITY IMAP4rev1 {capabilities}] hello\n");
    let server = tokio::spawn(async move { play(theirs, &(greeting + script)).await });
    let timeouts = Timeouts { connect: Duration::from_secs(2), response: Duration::from_secs(2) };
    let limits = Limits { response: 1 << 20, literal: 16 };
    let mut connection = Connection::new(Stream::Other(Box::new(ours)), "imap://test:143", timeouts, limits);
    connection.greet().await.unwrap();
    (connection, server)
}

/// Closes the connection and fails if the script did not go to its end.
async fn end(connection: Connection, server: JoinHandle<()>) {
    drop(connection);
    server.await.unwrap();
}

fn set(text: &str) -> NumberSet {
    NumberSet::parse(text.as_bytes(), 100).unwrap()
}

fn password() -> Credentials {
    Credentials::Password { user: "u".to_owned(), password: "p w".to_owned() }
}
