//! All connections to the database in use: temporary refusals within the limits, then everything goes on.

use std::time::{Duration, Instant};

use sterna_tests::wire::Answer;
use sterna_tests::{Fault, ImapWire, SternaServer, Tap, User, backend, psql};

use crate::platform::{Platform, is_temporary, message, wait_until};

/// What is left to a busy machine beyond the limits of the configuration.
const SLACK: Duration = Duration::from_secs(3);
/// `statement_timeout`, and what an answer has beyond it.
const STATEMENT: Duration = Duration::from_secs(1 + 5);

fn behind_a_tap() -> (Tap, SternaServer, User) {
    let mut platform = Platform::fresh();
    let tap = Tap::start(backend::port_of(&platform.database));
    platform.database = backend::through(&platform.database, tap.port());
    platform.store = "pool = 2\nwait = \"300ms\"\nstatement_timeout = \"1s\"\n";
    let (node, user) = platform.first();
    (tap, node, user)
}

/// One command of every session at the same time; gives the answers and how long each took.
fn all_at_once(wires: &mut [ImapWire], command: &str) -> Vec<(Answer, Duration)> {
    std::thread::scope(|scope| {
        let timed = |wire: &mut ImapWire| {
            let begun = Instant::now();
            (wire.command(command), begun.elapsed())
        };
        let running: Vec<_> = wires.iter_mut().map(|wire| scope.spawn(move || timed(wire))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn a_database_that_stalls_is_a_temporary_refusal_within_the_limits() {
    let (tap, node, user) = behind_a_tap();
    let mut wires: Vec<ImapWire> = (0..8).map(|_| node.login(&user)).collect();
    tap.fault(Fault::Stall);
    for _ in 0..2 {
        let answers = all_at_once(&mut wires, "STATUS INBOX (MESSAGES UIDNEXT)");
        assert!(tap.met() > 0);
        for (answer, took) in &answers {
            assert!(is_temporary(&answer.tagged), "{}", answer.tagged);
            assert!(*took < STATEMENT + SLACK, "{took:?}");
        }
        // Two hold the connections, the others wait for one no longer than they may.
        let quick = answers.iter().filter(|(_, took)| *took < Duration::from_millis(300) + SLACK).count();
        assert!(quick >= 6, "{answers:?}");
    }
    let begun = Instant::now();
    let refused = wires[0].append(b"INBOX", "", None, &message("refused", 1_000));
    assert!(is_temporary(&refused.tagged), "{}", refused.tagged);
    assert!(begun.elapsed() < STATEMENT + SLACK, "{:?}", begun.elapsed());
    tap.pass();
    for wire in &mut wires {
        wait_until("the session goes on", || {
            let answer = wire.append(b"INBOX", "", None, &message("accepted", 1_000));
            assert!(answer.is_ok() || is_temporary(&answer.tagged), "{}", answer.tagged);
            answer.is_ok()
        });
    }
    let answers = all_at_once(&mut wires[..2], "STATUS INBOX (MESSAGES)");
    assert!(answers.iter().all(|(answer, _)| answer.is_ok()), "{answers:?}");
    node.check();
}

#[test]
fn a_crowd_is_served_or_refused_and_never_kept_waiting() {
    let (tap, node, user) = behind_a_tap();
    let mut wires: Vec<ImapWire> = (0..30).map(|_| node.login(&user)).collect();
    tap.latency(Duration::from_millis(80));
    let answers = all_at_once(&mut wires, "STATUS INBOX (MESSAGES UIDNEXT UNSEEN SIZE)");
    tap.latency(Duration::ZERO);
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.is_ok());
    println!("{} were served, {} refused", served.len(), refused.len());
    assert!(!served.is_empty() && !refused.is_empty(), "{answers:?}");
    for (answer, took) in &answers {
        assert!(answer.is_ok() || is_temporary(&answer.tagged), "{}", answer.tagged);
        assert!(*took < STATEMENT + SLACK, "{took:?}");
    }
    for wire in &mut wires {
        wire.ok("STATUS INBOX (MESSAGES)");
    }
}

#[test]
fn a_change_that_could_not_be_read_when_it_came_is_told_as_soon_as_it_can() {
    let mut platform = Platform::fresh();
    let (first, user) = platform.first();
    let database = platform.database.clone();
    let tap = Tap::start(backend::port_of(&database));
    platform.database = format!("{}?application_name=second", backend::through(&database, tap.port()));
    let second = platform.beside(&first);
    let (mut idling, mut notified) = (second.login(&user), second.login(&user));
    for wire in [&mut idling, &mut notified] {
        wire.ok("SELECT INBOX");
    }
    notified.ok("NOTIFY SET (SELECTED (MessageNew MessageExpunge))");
    idling.idle();
    // The node hears of changes by the one connection that is left to it, and cannot read what they are.
    tap.fault(Fault::Refuse);
    psql(
        &database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'second' AND query NOT LIKE '%ANY($1)%' AND query NOT LIKE '%sterna%'",
    );
    assert!(first.login(&user).append(b"INBOX", "", None, &message("a change", 1_000)).is_ok());
    wait_until("both sessions have tried, and tried again", || tap.met() >= 4);
    tap.pass();
    for wire in [&mut idling, &mut notified] {
        wire.set_read_timeout(Duration::from_secs(10));
        assert_eq!(wire.read().expect("the session is told").text(), "* 1 EXISTS");
    }
}
