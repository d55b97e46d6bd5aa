//! kill -9 while a mailbox is seeded, at many moments: nothing lost, nothing doubled, the store sound each time (P4).

use std::time::{Duration, Instant};

use sterna_tests::{Dovecot, Ignore, User, snapshot};

use crate::sample;

/// Kills in one run of the test.
const KILLS: usize = 50;

/// Large enough that a debug build is still seeding when it is killed.
const MESSAGES: usize = 1_500;

fn filled() -> (Dovecot, User) {
    let (mut dovecot, user) = sample::dovecot();
    for n in 0..MESSAGES {
        dovecot.deliver(&user.login, &sample::message(n));
    }
    // Some that do not fit into the database, so that files are in flight too.
    let mut state = 7u64;
    for _ in 0..6 {
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + (state >> 58) as u8)
        });
        let body: String = noise.take(900_000).collect();
        dovecot.deliver(&user.login, format!("Subject: large\r\n\r\n{body}\r\n").as_bytes());
    }
    (dovecot, user)
}

fn start_move<'a>(user: &'a User, from: &'a str, password: &'a str) -> Vec<&'a str> {
    vec!["move", "start", &user.login, "--from", from, "--user", &user.login, "--password-file", password, "--wait"]
}

#[test]
fn a_seeding_killed_fifty_times_ends_with_both_sides_equal() {
    let (dovecot, user) = filled();
    let server = sample::sterna(&user);
    // No server runs: the command itself opens the store, seeds, and is what gets killed.
    let mut server = server;
    server.stop();
    let password = server.path().join("password");
    std::fs::write(&password, &user.password).unwrap();
    let from = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    let arguments = start_move(&user, &from, password.to_str().unwrap());

    let whole = {
        let begun = Instant::now();
        server.cli(&arguments, "").success();
        begun.elapsed()
    };
    let (mut kills, mut interrupted, mut state) = (0, 0, 42u64);
    while kills < KILLS {
        // A fresh account whenever one got through to its end.
        server.cli(&["account", "remove", &user.login, "--yes"], "").success();
        server.user(&user.login, &user.password);
        loop {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let after = whole.mul_f64((state >> 40) as f64 / (1u64 << 24) as f64 * 0.7);
            let mut mover = server.spawn(&arguments);
            let ended = mover.wait(after);
            if ended.is_some() {
                break;
            }
            mover.kill_9();
            kills += 1;
            interrupted += 1;
            // Every fifth time the checker looks at what the kill left; the end is checked in any case.
            if kills % 5 == 0 {
                server.check();
            }
            if kills >= KILLS || interrupted % 10 == 0 {
                break;
            }
        }
        server.cli(&arguments, "").success();
        server.check();
    }
    server.restart();
    let old = snapshot(&mut dovecot.login(&user));
    let new = snapshot(&mut server.login(&user));
    assert_eq!(old.messages(), new.messages());
    old.assert_same(&new, Ignore::default());
}

#[test]
fn a_server_killed_during_a_move_goes_on_with_it_when_it_starts_again() {
    let (dovecot, user) = filled();
    let mut server = sample::sterna(&user);
    let from = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    let arguments = ["move", "start", &user.login, "--from", &from, "--user", &user.login, "--password-stdin"];
    server.cli(&arguments, &format!("{}\n", user.password)).success();
    std::thread::sleep(Duration::from_millis(400));
    server.kill_9();
    server.restart();
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let status = server.json(&["move", "status", &user.login], "");
        if status.to_string().contains("\"following\"") {
            break;
        }
        assert!(Instant::now() < deadline, "{status}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let old = snapshot(&mut dovecot.login(&user));
    let new = snapshot(&mut server.login(&user));
    old.assert_same(&new, Ignore::default());
    server.check();
}

#[test]
fn what_append_acknowledged_survives_a_kill() {
    let user = User { login: "anne@example.org".into(), password: sample::PASSWORD.into() };
    let mut server = sample::sterna(&user);
    let mut acknowledged = 0;
    for round in 0..5 {
        let mut wire = server.login(&user);
        for n in 0..20 {
            assert!(wire.append(b"INBOX", "", None, &sample::message(round * 20 + n)).is_ok());
            acknowledged += 1;
        }
        server.kill_9();
        server.restart();
        let account = snapshot(&mut server.login(&user));
        assert_eq!(account.folder("INBOX").messages.len(), acknowledged);
        server.check();
    }
}
