//! Reading a folder of 100,000 messages: what a client does when it opens or fills its cache.

use std::time::Duration;

use sterna_tests::ImapWire;

use super::report::{Better, Report};
use super::{Contender, Options, seconds};

const SECTION: &str = "INBOX of 100,000 messages, 185 MB";

/// SELECT, everything for a list of messages, and every body.
pub fn measure(contender: &mut dyn Contender, messages: usize, options: &Options, report: &mut Report) {
    let name = contender.name();
    let mut wire = contender.session();
    let exists = wire.ok("SELECT INBOX").number("EXISTS");
    assert_eq!(exists, Some(messages as u32), "{name} does not hold the corpus");
    let mut add =
        |measure: &str, unit: &str, value: f64| report.add(SECTION, measure, unit, Better::Lower, &name, value);
    let envelopes = "FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE)";
    // The first answer may build caches; it is told apart.
    add("FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE), first", "s", seconds(|| discard(&mut wire, envelopes)));
    // Dovecot writes its index when a session ends; a session that goes on replays its log at every SELECT.
    wire.ok("LOGOUT");
    std::thread::sleep(Duration::from_secs(2));
    for _ in 0..options.runs.max(3) {
        for _ in 0..5 {
            let mut wire = contender.session();
            add("SELECT, warm, first of a session", "ms", seconds(|| select(&mut wire)) * 1e3);
            add("SELECT, warm, again in the session", "ms", seconds(|| select(&mut wire)) * 1e3);
            wire.ok("LOGOUT");
        }
        let mut wire = contender.session();
        select(&mut wire);
        for command in [envelopes, "FETCH 1:* (UID FLAGS)", "FETCH 1:* BODY.PEEK[]"] {
            contender.settle();
            add(command, "s", seconds(|| discard(&mut wire, command)));
            contender.tell_statements(command, messages as u64);
        }
        wire.ok("LOGOUT");
    }
}

fn select(wire: &mut ImapWire) {
    wire.ok("SELECT INBOX");
}

fn discard(wire: &mut ImapWire, command: &str) {
    wire.discard(command);
}
