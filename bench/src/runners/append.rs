//! APPEND: one message at a time durable, on one connection, on sixteen, and pipelined on one (RFC 7888 literals).

use sterna_tests::ImapWire;

use super::report::{Better, Report};
use super::{Contender, Options, scaled, seconds};
use crate::{Corpus, Profile};

const CONNECTIONS: usize = 16;
/// How many commands may wait for their answer when pipelining.
const WINDOW: usize = 64;
const SECTION: &str = "APPEND of small messages, each durable before its OK (messages per second)";

/// The three ways, each into an account without mail.
pub fn measure(contender: &mut dyn Contender, options: &Options, report: &mut Report) {
    let (name, port) = (contender.name(), contender.port());
    let number = scaled(options, 2_000);
    let messages: Vec<Vec<u8>> = Corpus::sized(Profile::Many, number, 3).map(|m| m.raw).collect();
    for _ in 0..options.runs {
        let user = contender.empty_user();
        let connect = || ImapWire::login(port, &user.login, &user.password);
        let mut add = |measure: &str, count: usize, time: f64| {
            report.add(SECTION, measure, "/s", Better::Higher, &name, count as f64 / time);
        };
        let few = &messages[..number / 4];
        let mut wire = connect();
        add("one connection", few.len(), seconds(|| few.iter().for_each(|m| append(&mut wire, m))));
        let mut wires: Vec<ImapWire> = (0..CONNECTIONS).map(|_| connect()).collect();
        let time = seconds(|| {
            std::thread::scope(|scope| {
                for (wire, share) in wires.iter_mut().zip(messages.chunks(number.div_ceil(CONNECTIONS))) {
                    scope.spawn(move || share.iter().for_each(|m| append(wire, m)));
                }
            });
        });
        add("16 connections", number, time);
        add("one connection, pipelined", number, seconds(|| pipelined(&mut wire, &messages)));
    }
}

fn append(wire: &mut ImapWire, message: &[u8]) {
    let answer = wire.append(b"INBOX", "\\Seen", None, message);
    assert!(answer.is_ok(), "{}", answer.tagged);
}

fn pipelined(wire: &mut ImapWire, messages: &[Vec<u8>]) {
    let mut waiting = std::collections::VecDeque::new();
    for (at, message) in messages.iter().enumerate() {
        let tag = format!("p{at}");
        let mut command = format!("{tag} APPEND INBOX (\\Seen) {{{}+}}\r\n", message.len()).into_bytes();
        command.extend_from_slice(message);
        command.extend_from_slice(b"\r\n");
        wire.raw(&command);
        waiting.push_back(tag);
        if waiting.len() >= WINDOW {
            finish_one(wire, &mut waiting);
        }
    }
    while !waiting.is_empty() {
        finish_one(wire, &mut waiting);
    }
}

fn finish_one(wire: &mut ImapWire, waiting: &mut std::collections::VecDeque<String>) {
    if let Some(tag) = waiting.pop_front() {
        let answer = wire.finish(&tag);
        assert!(answer.is_ok(), "{}", answer.tagged);
    }
}
