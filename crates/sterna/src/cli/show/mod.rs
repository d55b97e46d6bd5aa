//! Answers on standard output: lines for people, JSON for programs. What is not as it should be ends in an error.

mod account;
mod domain;
mod moves;
mod platform;
mod queue;
mod sieve;

use std::io::Write as _;

use sterna_core::{DateTime, format_bytes};

use crate::admin::{Answer, CheckInfo, FilesInfo};
use crate::error::{Error, Result};

/// Prints an answer. An error if it says that something was not done, or is not sound.
pub(super) fn show(answer: &Answer, json: bool) -> Result<()> {
    if json {
        let failed = |e: serde_json::Error| Error::new(format!("cannot print the answer: {e}"));
        let value = answer.to_json().map_err(failed)?;
        print(&serde_json::to_string_pretty(&value).map_err(failed)?)?;
    } else {
        print(text(answer).trim_end())?;
    }
    match complaints(answer) {
        complaints if complaints.is_empty() => Ok(()),
        complaints => Err(Error::new(complaints.join("\nsterna: "))),
    }
}

/// Prints lines; a reader that has gone away is no error.
pub(super) fn print(text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::new(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}

fn text(answer: &Answer) -> String {
    match answer {
        Answer::Domain(domain) => domain::page(domain),
        Answer::Domains(domains) => lines(domains, domain::line),
        Answer::Dkim(keys) => lines(keys, domain::key),
        Answer::Alias(alias) => domain::alias(alias),
        Answer::Aliases(aliases) => lines(aliases, domain::alias),
        Answer::Account(account) => account::page(account),
        Answer::Accounts(accounts) => lines(accounts, account::line),
        Answer::Platform(platform) => platform::page(platform),
        Answer::Platforms(platforms) => lines(platforms, platform::line),
        Answer::Queued(message) => queue::page(message),
        Answer::Queue(page) => lines(page, queue::lines),
        Answer::QueueChanged(changed) => queue::changed(changed),
        Answer::QueueStats(stats) => queue::stats(stats),
        Answer::Scripts(scripts) => lines(scripts, sieve::line),
        Answer::Script(script) => script.text.clone(),
        Answer::ScriptPut(put) => sieve::put(put),
        Answer::Removed(what) => what.iter().map(|(kind, name)| format!("{kind} {name} is removed\n")).collect(),
        Answer::Checks(checks) => lines(checks, check_lines),
        Answer::Files(files) => files_lines(files),
        Answer::Moves(all) => lines(all, moves::lines),
        Answer::Receipts(receipts) => lines(receipts, |r| format!("{}\n", r.markdown)),
    }
}

fn lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    items.iter().map(line).collect()
}

fn check_lines(c: &CheckInfo) -> String {
    let state = if c.sound { "sound" } else { "NOT SOUND" };
    let (messages, bytes) = (c.messages, format_bytes(c.bytes));
    let place = match c.mailboxes {
        0 => "waiting".to_owned(),
        n => format!("in {n} mailboxes"),
    };
    let mut text = format!("{}  {state}  {messages} messages {place}, {bytes} read\n", c.address);
    for (invariant, detail) in &c.findings {
        text += &format!("  invariant {invariant}: {detail}\n");
    }
    text
}

fn files_lines(f: &FilesInfo) -> String {
    let mut text =
        format!("{}  {} messages, {}, in {} folders", f.address, f.messages, format_bytes(f.bytes), f.folders);
    if f.known > 0 {
        text += &format!("; {} were there already", f.known);
    }
    text.push('\n');
    for exception in &f.exceptions {
        text += &format!("  {exception}\n");
    }
    text
}

/// `2026-02-01 09:30:00 UTC`
fn time(unix: i64) -> String {
    let (day, hour, minute, second) = DateTime::utc(unix).civil();
    format!("{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", day.year, day.month, day.day)
}

/// What must not end with exit code 0, a sentence each.
fn complaints(answer: &Answer) -> Vec<String> {
    match answer {
        Answer::Checks(checks) => {
            let broken = checks.iter().filter(|c| !c.sound);
            broken.map(|c| format!("{} is not sound: {} findings", c.address, c.findings.len())).collect()
        }
        Answer::Moves(moves) => {
            moves.iter().filter_map(|m| m.error.as_ref().map(|e| format!("{}: {e}", m.address))).collect()
        }
        Answer::Receipts(receipts) => {
            let unequal = receipts.iter().filter(|r| !r.equal);
            unequal.map(|r| format!("{}: both sides differ; the receipt says in what", r.address)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_an_error() {
        let check = |sound, findings: Vec<(u8, String)>| {
            let address = "a@b.c".to_owned();
            Answer::Checks(vec![CheckInfo { address, sound, mailboxes: 1, messages: 2, bytes: 3, findings }])
        };
        let broken = check(false, vec![(4, "mailbox 1: total is 2, not 3".into())]);
        assert!(text(&broken).contains("NOT SOUND") && text(&broken).contains("invariant 4: mailbox 1"));
        assert_eq!(complaints(&broken), ["a@b.c is not sound: 1 findings"]);
        assert!(complaints(&check(true, vec![])).is_empty());
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(time(1_769_938_200), "2026-02-01 09:30:00 UTC");
    }
}
