//! SEARCH through a connection: each key, what is returned, and a comparison with a plain reading of the RFC.

mod compared;
mod keys;
mod returned;

use crate::server::testing::Client;

/// A client with these messages in INBOX, which is selected.
async fn selected(messages: &[&str]) -> Client {
    let mut c = Client::start().await;
    for message in messages {
        c.append(message, &[]).await;
    }
    c.ok("SELECT INBOX").await;
    c
}

/// The numbers of `* SEARCH …`.
async fn search(c: &mut Client, key: &str) -> String {
    let responses = c.ok(&format!("SEARCH {key}")).await;
    let line = responses.iter().find_map(|r| r.strip_prefix("* SEARCH"));
    line.unwrap_or_else(|| panic!("{responses:?}")).trim().to_owned()
}
