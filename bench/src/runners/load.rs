//! Twenty clients that log in and do what people do, at random, each as fast as it is answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sterna_tests::{ImapWire, User};

use super::report::{Better, Report};
use super::{Contender, Options, scaled};
use crate::corpus::Rng;
use crate::{Corpus, Profile};

const CLIENTS: usize = 20;
/// Operations of one session before its client logs out and in again.
const PER_SESSION: u64 = 8;
const SECTION: &str =
    "20 clients for 20 s: log in, select, fetch, store, append, expunge at random (operations, all clients)";
const NAMES: [&str; 6] = ["log in", "select", "fetch", "store", "append", "expunge"];

/// Counts what is done in the time. Each client has an account of its own with 50 messages, as people do.
pub fn measure(contender: &mut dyn Contender, options: &Options, report: &mut Report) {
    let length = Duration::from_secs(if options.quick { 1 } else { 20 });
    let messages: Vec<Vec<u8>> = Corpus::sized(Profile::Many, 50, 2).map(|m| m.raw).collect();
    let users: Vec<User> = contender.empty_users(CLIENTS);
    for user in &users {
        let mut wire = ImapWire::login(contender.port(), &user.login, &user.password);
        for message in messages.iter().take(scaled(options, 5_000)) {
            assert!(wire.append(b"INBOX", "", None, message).is_ok());
        }
    }
    let (name, port) = (contender.name(), contender.port());
    for _ in 0..options.runs {
        let counts: [AtomicU64; 6] = Default::default();
        let end = Instant::now() + length;
        std::thread::scope(|scope| {
            for (at, user) in users.iter().enumerate() {
                let (counts, messages) = (&counts, &messages);
                scope.spawn(move || client(port, user, messages, end, at as u64, counts));
            }
        });
        let mut sum = 0;
        for (operation, count) in NAMES.iter().zip(&counts) {
            let count = count.load(Ordering::SeqCst);
            sum += count;
            report.add(SECTION, operation, "", Better::Higher, &name, count as f64);
        }
        report.add(SECTION, "all", "", Better::Higher, &name, sum as f64);
    }
}

fn client(port: u16, user: &User, messages: &[Vec<u8>], end: Instant, seed: u64, counts: &[AtomicU64; 6]) {
    let mut rng = Rng::new(seed);
    let count = |operation: usize| counts[operation].fetch_add(1, Ordering::SeqCst);
    while Instant::now() < end {
        let mut wire = ImapWire::login(port, &user.login, &user.password);
        count(0);
        let mut exists = wire.ok("SELECT INBOX").number("EXISTS").unwrap_or(0);
        count(1);
        for _ in 0..PER_SESSION {
            if Instant::now() >= end {
                break;
            }
            // Sequence numbers are only used while nobody else changes this account's mailbox.
            let one = rng.below(u64::from(exists)) + 1;
            match rng.below(5) {
                0 => {
                    exists = wire.ok("SELECT INBOX").number("EXISTS").unwrap_or(0);
                    count(1);
                }
                1 if exists > 0 => {
                    wire.discard(&format!("FETCH {one} (FLAGS ENVELOPE BODY.PEEK[])"));
                    count(2);
                }
                2 if exists > 0 => {
                    let flag = ["\\Seen", "\\Flagged", "\\Answered"][rng.below(3) as usize];
                    wire.ok(&format!("STORE {one} {}FLAGS ({flag})", if rng.below(2) == 0 { "+" } else { "-" }));
                    count(3);
                }
                3 if exists > 10 => {
                    wire.ok(&format!("STORE {one} +FLAGS.SILENT (\\Deleted)"));
                    count(3);
                    let answer = wire.ok("EXPUNGE");
                    let gone = answer.untagged.iter().filter(|r| r.0.ends_with(b" EXPUNGE")).count();
                    exists = exists.saturating_sub(gone as u32);
                    count(5);
                }
                _ => {
                    let message = &messages[rng.below(messages.len() as u64) as usize];
                    let answer = wire.append(b"INBOX", "", None, message);
                    assert!(answer.is_ok(), "{}", answer.tagged);
                    exists = answer.number("EXISTS").unwrap_or(exists + 1);
                    count(4);
                }
            }
        }
        wire.ok("LOGOUT");
    }
}
