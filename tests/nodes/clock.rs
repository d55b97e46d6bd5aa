//! A node whose clock is wrong by a minute: changes arrive, leases hold, nothing in use is collected.

use std::process::Command;
use std::time::{Duration, Instant};

use sterna_tests::{Dovecot, Ignore, Process, SternaServer, User, peer, snapshot, sterna_binary};

use crate::platform::{Platform, appended, is_temporary, message, uid_of, wait_until};
use crate::takeover::{follow, holder};

/// The library that Debian's `faketime` puts before the system's clock.
fn faketime() -> String {
    peer::require("faketime", "faketime");
    let libraries =
        ["x86_64", "aarch64", "riscv64"].map(|m| format!("/usr/lib/{m}-linux-gnu/faketime/libfaketime.so.1"));
    libraries.into_iter().find(|l| std::path::Path::new(l).exists()).expect("libfaketime is where Debian puts it")
}

/// Starts a prepared node by a clock that differs from the machine's by so much.
fn start_at(node: &SternaServer, offset: &str) -> Process {
    let mut command = Command::new(sterna_binary());
    command.arg("serve").arg("-c").arg(node.configuration());
    command.env("LD_PRELOAD", faketime()).env("FAKETIME", offset).env("DONT_FAKE_MONOTONIC", "1");
    let mut process = Process::spawn(&mut command, &node.path().join("serve.log"));
    process.wait_for_port(node.port(), Duration::from_secs(30));
    process
}

/// The node's time as a client can see it: an APPEND without a date takes the present.
fn seconds_of(node: &SternaServer, user: &User) -> i64 {
    let mut wire = node.login(user);
    wire.ok("CREATE Clock");
    assert!(wire.append(b"Clock", "", None, b"Subject: now\r\n\r\nx\r\n").is_ok());
    let shown = snapshot(&mut wire);
    let date = shown.folder("Clock").messages.values().next().unwrap().internal_date.clone();
    wire.ok("DELETE Clock");
    sterna_core::DateTime::parse_imap(date.as_bytes()).unwrap().unix
}

#[test]
fn a_node_whose_clock_is_a_minute_ahead_steals_no_lease_and_collects_nothing_in_use() {
    beside_a_node_whose_clock_is_wrong("+60s");
}

#[test]
fn a_node_whose_clock_is_a_minute_behind_steals_no_lease_and_collects_nothing_in_use() {
    beside_a_node_whose_clock_is_wrong("-60s");
}

fn beside_a_node_whose_clock_is_wrong(offset: &str) {
    let mut dovecot = Dovecot::start();
    let source = dovecot.user("anne@example.org", "secret word");
    for n in 0..20 {
        dovecot.deliver(&source.login, &message(&format!("moved {n}"), 2_000));
    }
    let platform = Platform { blobs: "grace = \"4s\"\ncollect_every = \"1s\"\n", ..Platform::fresh() };
    let (first, user) = platform.first();
    let wrong = platform.prepared_beside(&first);
    let _process = start_at(&wrong, offset);
    let apart = seconds_of(&wrong, &user) - seconds_of(&first, &user);
    assert!((55..=65).contains(&apart.abs()), "the clock is not wrong: {apart} s");

    // A move that the right node holds, and goes on holding for more than a third of the term.
    follow(&first, &dovecot, &source);
    wait_until("the move follows", || {
        first.login(&user).ok("STATUS INBOX (MESSAGES)").untagged[0].text().contains("MESSAGES 20")
    });
    let held_by = holder(&platform);

    // Objects of both nodes, some of them garbage, while both collect.
    let (mut here, mut there) = (first.login(&user), wrong.login(&user));
    here.ok("CREATE Large");
    here.ok("SELECT Large");
    there.ok("SELECT Large");
    let begun = Instant::now();
    for n in 0.. {
        // Both nodes store the same body; after every other time it goes, and comes back with the next.
        let body = message(&format!("object {}", n / 2), 400_000);
        for wire in [&mut here, &mut there] {
            let answer = wire.append(b"Large", "", None, &body);
            if is_temporary(&answer.tagged) {
                // An upload that is older than the grace by the other's clock is taken for an abandoned one.
                continue;
            }
            assert!(answer.is_ok(), "{}", answer.tagged);
            let uid = uid_of(&answer.code("APPENDUID").unwrap());
            if n % 2 == 0 {
                wire.ok(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
                wire.ok(&format!("UID EXPUNGE {uid}"));
            }
        }
        if begun.elapsed() > Duration::from_secs(9) {
            break;
        }
        // Several rounds in each term of the collectors, and not so many objects that looking at them takes long.
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(holder(&platform), held_by, "the lease has changed hands");

    // A change by the wrong node reaches the right one at once, and back.
    for (from, to) in [(&wrong, &first), (&first, &wrong)] {
        let mut idling = to.login(&user);
        idling.ok("SELECT INBOX");
        idling.idle();
        let begun = Instant::now();
        appended(&mut from.login(&user), &message("a change", 1_000));
        while !idling.read().expect("the idling session is told").text().ends_with(" EXISTS") {}
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    let one = snapshot(&mut first.login(&user));
    one.assert_same(&snapshot(&mut wrong.login(&user)), Ignore::default());
    first.check();
}
