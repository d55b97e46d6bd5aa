//! A small account of known content.

use std::collections::BTreeMap;

use sterna_tests::{ImapWire, Message};

/// Folder on the wire → messages (flags, INTERNALDATE, bytes) in the order of their UIDs.
pub const FOLDERS: [&str; 3] = ["INBOX", "Projets", "&AMk-l&AOk-ments"];

/// The messages that [`fill`] puts into each folder.
pub fn messages(folder: &str) -> Vec<(String, String, Vec<u8>)> {
    let flags = ["", "\\Seen", "\\Seen \\Flagged", "\\Answered $Forwarded", "\\Draft \\Deleted Work"];
    let message = |n: usize| {
        let raw = format!("From: a@example.org\r\nSubject: {folder} {n}\r\n\r\n{}\r\n", "text\r\n".repeat(n * n));
        let date = format!("{:2}-Feb-2024 09:{n:02}:00 +0000", n * 7 + 1);
        (flags[n % flags.len()].to_owned(), date, raw.into_bytes())
    };
    (0..4).map(message).collect()
}

/// Appends everything.
pub fn fill(wire: &mut ImapWire) {
    for folder in FOLDERS {
        if folder != "INBOX" {
            wire.ok(&format!("CREATE \"{folder}\""));
            wire.ok(&format!("SUBSCRIBE \"{folder}\""));
        }
        for (flags, date, raw) in messages(folder) {
            let answer = wire.append(folder.as_bytes(), &flags, Some(&date), &raw);
            assert!(answer.is_ok(), "{}", answer.tagged);
        }
    }
}

/// What a snapshot shows of a folder.
pub fn expected(folder: &str) -> BTreeMap<u32, Message> {
    let messages = messages(folder).into_iter().map(|(flags, date, raw)| Message::new(&flags, &date, &raw));
    (1..).zip(messages).collect()
}
