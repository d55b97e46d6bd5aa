//! PostgreSQL is killed and restarted while both nodes write: what was acknowledged is there, what was not was refused for
//! the moment, and no session notices more than that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sterna_tests::{ImapWire, PostgresOptions, PostgresServer, SternaServer, User, snapshot};

use crate::platform::{Platform, appended, is_temporary, message, uid_of, wait_until};

const KILLS: u64 = 3;

/// Bodies of rows, and one in five that becomes an object.
fn size(n: u64) -> usize {
    if n.is_multiple_of(5) { 500_000 } else { 3_000 }
}

/// What one session has come to so far.
#[derive(Default)]
struct Session {
    stored: AtomicU64,
    refused: AtomicU64,
}

impl Session {
    /// Appends until it is told to stop; gives what was acknowledged.
    fn run(&self, wire: &mut ImapWire, id: usize, stop: &AtomicBool) -> BTreeMap<u32, blake3::Hash> {
        let mut acknowledged = BTreeMap::new();
        for n in 1.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let message = message(&format!("session {id} message {n}"), size(n));
            let answer = wire.append(b"INBOX", "", None, &message);
            if answer.is_ok() {
                let uid = uid_of(&answer.code("APPENDUID").unwrap());
                assert!(acknowledged.insert(uid, blake3::hash(&message)).is_none(), "UID {uid} was given twice");
                self.stored.fetch_add(1, Ordering::SeqCst);
            } else {
                assert!(is_temporary(&answer.tagged), "APPEND: {}", answer.tagged);
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            let status = wire.command("STATUS INBOX (UIDNEXT)");
            assert!(status.is_ok() || is_temporary(&status.tagged), "STATUS: {}", status.tagged);
        }
        acknowledged
    }
}

/// Lets the sessions end when the test does, however it ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A login while the store is away is refused for the moment, and neither the password nor the session is to blame.
fn refused_login(node: &SternaServer, user: &User) -> ImapWire {
    let mut wire = ImapWire::connect(node.port());
    let answer = wire.command(&format!("LOGIN {} \"{}\"", user.login, user.password));
    assert!(is_temporary(&answer.tagged), "LOGIN: {}", answer.tagged);
    wire
}

#[test]
fn a_database_killed_under_load_loses_nothing_and_drops_no_session() {
    let mut postgres = PostgresServer::with(PostgresOptions { fsync: true, ..PostgresOptions::default() });
    let platform = Platform { store: "wait = \"2s\"\n", ..Platform::on(postgres.create_database()) };
    let (first, user) = platform.first();
    let second = platform.beside(&first);
    let nodes = [&first, &second];

    let mut idling = nodes.map(|node| {
        let mut wire = node.login(&user);
        wire.ok("SELECT INBOX");
        let tag = wire.idle();
        (wire, tag)
    });
    let mut wires: Vec<ImapWire> = (0..4).map(|n| nodes[n % 2].login(&user)).collect();
    wires.iter_mut().take(2).for_each(|wire| drop(wire.ok("SELECT INBOX")));
    let sessions: Vec<Session> = wires.iter().map(|_| Session::default()).collect();
    let stop = AtomicBool::new(false);
    let acknowledged: BTreeMap<u32, blake3::Hash> = std::thread::scope(|scope| {
        let stopping = Stop(&stop);
        let running: Vec<_> = wires
            .iter_mut()
            .zip(&sessions)
            .enumerate()
            .map(|(id, (wire, session))| {
                let stop = &stop;
                scope.spawn(move || session.run(wire, id, stop))
            })
            .collect();
        let each_has_more = |what: &str, counter: fn(&Session) -> &AtomicU64, more: u64| {
            let before: Vec<u64> = sessions.iter().map(|s| counter(s).load(Ordering::SeqCst)).collect();
            wait_until(what, || {
                assert!(!running.iter().any(|r| r.is_finished()), "a session has ended: its panic is above");
                sessions.iter().zip(&before).all(|(s, before)| counter(s).load(Ordering::SeqCst) >= before + more)
            });
        };
        each_has_more("the sessions write", |s| &s.stored, 2);
        for _ in 0..KILLS {
            postgres.kill_9();
            each_has_more("every session is refused", |s| &s.refused, 1);
            let mut knocking = nodes.map(|node| refused_login(node, &user));
            postgres.restart();
            each_has_more("every session goes on", |s| &s.stored, 2);
            for wire in &mut knocking {
                wire.ok(&format!("LOGIN {} \"{}\"", user.login, user.password));
            }
        }
        drop(stopping);
        running.into_iter().flat_map(|session| session.join().unwrap()).collect()
    });

    let attempts: u64 =
        sessions.iter().map(|s| s.stored.load(Ordering::SeqCst) + s.refused.load(Ordering::SeqCst)).sum();
    println!("{} of {attempts} APPENDs were acknowledged", acknowledged.len());
    assert_eq!(acknowledged.len() as u64, sessions.iter().map(|s| s.stored.load(Ordering::SeqCst)).sum::<u64>());
    // The sessions that idled all the time are told of what comes now.
    let last = appended(&mut wires[0], &message("the last", 1_000));
    for (wire, tag) in &mut idling {
        let answer = wire.done(tag);
        assert!(answer.is_ok(), "{}", answer.tagged);
        while wire.ok("UID SEARCH ALL").untagged.iter().all(|r| !r.text().ends_with(&format!(" {last}"))) {}
    }
    let seen = snapshot(&mut second.login(&user));
    let seen = &seen.folder("INBOX").messages;
    for (uid, hash) in &acknowledged {
        assert_eq!(seen.get(uid).map(|m| m.hash), Some(*hash), "UID {uid} was acknowledged");
    }
    // Beyond those there may be messages whose acknowledgement was lost with the database, and nothing else.
    assert!((acknowledged.len() + 1..=attempts as usize + 1).contains(&seen.len()), "{} are there", seen.len());
    first.check();
}

#[test]
fn an_idling_session_is_told_after_the_database_is_back() {
    let mut postgres = PostgresServer::with(PostgresOptions { fsync: true, ..PostgresOptions::default() });
    let platform = Platform::on(postgres.create_database());
    let (first, user) = platform.first();
    let second = platform.beside(&first);
    let mut idling = [&first, &second].map(|node| {
        let mut wire = node.login(&user);
        wire.ok("SELECT INBOX");
        let tag = wire.idle();
        (wire, tag)
    });
    let mut writer = first.login(&user);
    for n in 1..=2 {
        postgres.kill_9();
        postgres.restart();
        wait_until("the same session appends again", || {
            let answer = writer.append(b"INBOX", "", None, &message(&format!("after {n}"), 1_000));
            assert!(answer.is_ok() || is_temporary(&answer.tagged), "{}", answer.tagged);
            answer.is_ok()
        });
        for (wire, _) in &mut idling {
            while wire.read().expect("the idling session is told").text() != format!("* {n} EXISTS") {}
        }
    }
    for (wire, tag) in &mut idling {
        assert!(wire.done(tag).is_ok());
    }
}
