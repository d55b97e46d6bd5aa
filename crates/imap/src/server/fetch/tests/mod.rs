//! FETCH through a connection, a file for each subject.

mod bodies;
mod items;
mod modifiers;

use crate::server::testing::Client;

/// A message with two parts, the second in base64.
pub(super) const MIXED: &str = "From: Ada <ada@example.org>\r\n\
    To: bob@example.org\r\n\
    Subject: parts\r\n\
    Date: Sun, 1 Feb 2026 09:00:00 +0100\r\n\
    Message-ID: <m1@example.org>\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\
    \r\n\
    --b\r\n\
    Content-Type: text/plain\r\n\
    \r\n\
    Hello\r\n\
    --b\r\n\
    Content-Type: application/octet-stream\r\n\
    Content-Transfer-Encoding: base64\r\n\
    X-Note: kept\r\n\
    \r\n\
    AAECAw==\r\n\
    --b--\r\n";

/// A client with these messages in INBOX, which is selected.
pub(super) async fn selected(messages: &[&str]) -> Client {
    let mut c = Client::start().await;
    for message in messages {
        c.append(message, &[]).await;
    }
    c.ok("SELECT INBOX").await;
    c
}

/// The FETCH responses among others.
pub(super) fn fetches(responses: &[String]) -> Vec<&str> {
    responses.iter().map(String::as_str).filter(|r| r.contains(" FETCH (") || r.contains(" UIDFETCH (")).collect()
}
