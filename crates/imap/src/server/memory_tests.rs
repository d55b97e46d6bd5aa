//! What a session costs while it waits, measured with many of them.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::testing::{Client, Server};

/// Resident bytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Files that this process may have open: each session takes two here.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|l| l.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}

async fn idle(server: &Arc<Server>) -> TcpStream {
    let mut c: Client = server.login().await;
    c.ok("SELECT INBOX").await;
    c.begin("IDLE").await;
    assert_eq!(c.response().await, "+ idling");
    let mut stream = c.stream.into_inner();
    // The client's own reader is not the server's cost.
    let _ = stream.flush().await;
    stream
}

#[tokio::test]
async fn an_idle_session_costs_at_most_20_kb() {
    let sessions = (open_files() / 4).clamp(220, 5_000);
    let server = Server::start(|_| {}).await;
    let mut first = server.login().await;
    for _ in 0..200 {
        first.append("Subject: hello\r\n\r\n", &[]).await;
    }
    // Stacks, caches and the account's own memory come first.
    let mut clients = Vec::with_capacity(sessions);
    for _ in 0..200 {
        clients.push(idle(&server).await);
    }
    let before = resident();
    while clients.len() < sessions {
        clients.push(idle(&server).await);
    }
    let each = (resident() - before) / (sessions as u64 - 200);
    println!("an idle session costs {each} bytes, its client's socket included");
    assert!(each <= 20_000, "{each} bytes");
    // And all of them wake.
    first.append("Subject: hello\r\n\r\n", &[]).await;
    for client in &mut clients {
        let mut told = [0; 14];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(&told, b"* 201 EXISTS\r\n");
    }
}
