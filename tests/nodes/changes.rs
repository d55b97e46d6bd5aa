//! A change on one node is seen on another in under a second, whether the database's notifications arrive or are lost.

use std::time::{Duration, Instant};

use sterna_tests::{ImapWire, SternaServer, User, psql};

use crate::platform::{Platform, appended, count, message};

const SOON: Duration = Duration::from_secs(1);

/// A platform where every notification is lost on its way: they are written down instead of sent.
fn without_notifications() -> Platform {
    let platform = Platform::fresh();
    let name = platform.database.rsplit_once('/').unwrap().1;
    psql(
        &platform.database,
        &format!(
            "CREATE TABLE lost (hint TEXT); ALTER DATABASE {name} SET search_path = public, pg_catalog; \
             CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS \
             'INSERT INTO public.lost VALUES ($2)'"
        ),
    );
    platform
}

/// What one node does.
type Change<'a> = &'a dyn Fn(&mut ImapWire);

/// Every kind of change, one after the other: how long each took from the command on one node to the session on the
/// other, which idles.
fn idling(first: &SternaServer, second: &SternaServer, user: &User) -> Vec<Duration> {
    let (mut here, mut there) = (first.login(user), second.login(user));
    here.ok("SELECT INBOX");
    there.ok("SELECT INBOX");
    let tag = there.idle();
    let mut times = Vec::new();
    for round in 0..5 {
        let added = message(&format!("round {round}"), 1_000);
        let append = |wire: &mut ImapWire| assert!(appended(wire, &added) > 0);
        let flag = |wire: &mut ImapWire| drop(wire.ok("STORE 1 +FLAGS (\\Flagged $Seen)"));
        let delete = |wire: &mut ImapWire| drop(wire.ok("STORE 1 +FLAGS (\\Deleted)"));
        let expunge = |wire: &mut ImapWire| drop(wire.ok("EXPUNGE"));
        let changes: [(Change<'_>, &str); 4] =
            [(&append, " EXISTS"), (&flag, "\\Flagged"), (&delete, "\\Deleted"), (&expunge, " EXPUNGE")];
        for (change, told) in changes {
            let begun = Instant::now();
            change(&mut here);
            while !there.read().expect("the idling session is told").text().contains(told) {}
            times.push(begun.elapsed());
        }
    }
    assert!(there.done(&tag).is_ok());
    times
}

#[track_caller]
fn assert_soon(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("{what}: median {:?}, longest {:?} of {}", times[times.len() / 2], times[times.len() - 1], times.len());
    assert!(times[times.len() - 1] < SOON, "{times:?}");
}

#[test]
fn an_idling_session_is_told_within_a_second() {
    let platform = Platform::fresh();
    let (first, user) = platform.first();
    let second = platform.beside(&first);
    assert_soon("with notifications", idling(&first, &second, &user));
    second.check();
}

#[test]
fn an_idling_session_is_told_within_a_second_though_notifications_are_lost() {
    let platform = without_notifications();
    let (first, user) = platform.first();
    let second = platform.beside(&first);
    assert_soon("without notifications", idling(&first, &second, &user));
    let lost: u32 = psql(&platform.database, "SELECT count(*) FROM lost").trim().parse().unwrap();
    assert!(lost >= 20, "{lost} notifications were lost: these changes came by them");
}

#[test]
fn what_a_command_tells_is_never_older_than_a_second() {
    let platform = without_notifications();
    let (first, user) = platform.first();
    let second = platform.beside(&first);
    let (mut here, mut open, mut asking) = (first.login(&user), second.login(&user), second.login(&user));
    open.ok("SELECT INBOX");
    let (mut by_noop, mut by_status, mut by_select) = (Vec::new(), Vec::new(), Vec::new());
    here.ok("SELECT INBOX");
    for n in 0..10 {
        let uid = appended(&mut here, &message(&format!("message {n}"), 1_000));
        let done = Instant::now();
        while count(&mut asking) != 1 {}
        by_status.push(done.elapsed());
        while open.ok("NOOP").number("EXISTS") != Some(1) {
            assert!(done.elapsed() < SOON, "NOOP does not tell of message {n}");
        }
        by_noop.push(done.elapsed());
        here.ok(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
        here.ok("EXPUNGE");
        let done = Instant::now();
        // A mailbox that is opened anew.
        while asking.ok("EXAMINE INBOX").number("EXISTS") != Some(0) {}
        by_select.push(done.elapsed());
        asking.ok("UNSELECT");
        while open.ok("NOOP").untagged.iter().all(|r| !r.text().ends_with(" EXPUNGE")) {
            assert!(done.elapsed() < SOON, "NOOP does not tell that message {n} is gone");
        }
        by_noop.push(done.elapsed());
    }
    assert_soon("NOOP", by_noop);
    assert_soon("STATUS", by_status);
    assert_soon("EXAMINE", by_select);
}
