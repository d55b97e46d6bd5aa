//! The memory of sessions that wait in IDLE with INBOX selected: most sessions, most of the time.

use std::time::Duration;

use sterna_tests::ImapWire;

use super::report::{Better, Report};
use super::{Contender, Options, scaled};

const SECTION: &str = "Sessions in IDLE";

/// Opens sessions of one small account and divides the growth of the server's memory.
pub fn measure(contender: &mut dyn Contender, options: &Options, report: &mut Report) {
    let name = contender.name();
    let user = contender.empty_user();
    let sessions = scaled(options, contender.idle_sessions());
    let open = || {
        let mut wire = ImapWire::login(contender.port(), &user.login, &user.password);
        wire.ok("SELECT INBOX");
        wire.idle();
        wire
    };
    // The first sessions load what all share; they do not count.
    let mut held: Vec<ImapWire> = (0..5).map(|_| open()).collect();
    std::thread::sleep(Duration::from_millis(500));
    let before = contender.memory();
    held.extend((0..sessions).map(|_| open()));
    std::thread::sleep(Duration::from_secs(2));
    let after = contender.memory();
    let each = |bytes: u64| bytes as f64 / sessions as f64 / 1024.0;
    let mut add =
        |measure: &str, unit: &str, value: f64| report.add(SECTION, measure, unit, Better::Lower, &name, value);
    add("memory per session (PSS)", "KiB", each(after.pss.saturating_sub(before.pss)));
    add(
        "resident set per session, shared pages counted each time (RSS)",
        "KiB",
        each(after.rss.saturating_sub(before.rss)),
    );
    report.note(&format!("{name}: measured with {sessions} idle sessions, {} processes.", after.processes));
    drop(held);
}
