//! The mail clients synchronise with Dovecot, and their reports say what really happened.

use sterna_tests::{Dovecot, Fault, Mbsync, MbsyncOptions, OfflineImap, Tap, User};

use crate::sample;

fn filled() -> (Dovecot, User) {
    let mut dovecot = Dovecot::start();
    let user = dovecot.user("anne@example.org", "secret word%s");
    sample::fill(&mut dovecot.login(&user));
    (dovecot, user)
}

fn change(dovecot: &Dovecot, user: &User) {
    let mut wire = dovecot.login(user);
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 1 +FLAGS (\\Flagged)");
    wire.ok("UID STORE 2 +FLAGS (\\Deleted)");
    wire.ok("UID EXPUNGE 2");
    assert!(wire.append(b"INBOX", "", None, b"Subject: new\r\n\r\nx\r\n").is_ok());
}

#[test]
fn mbsync_fetches_once_and_then_only_what_changed() {
    let (dovecot, user) = filled();
    let client = Mbsync::new(dovecot.port(), &user, MbsyncOptions::default());
    let first = client.run();
    assert!(first.success && first.errors.is_empty(), "{first:?}");
    // A message marked \Deleted is expunged by the first run, on both sides, without being fetched.
    assert_eq!((first.fetched, first.near_added, first.pushed), (12, 12, 0), "{first:?}");
    assert!(first.fetched_bytes > 500);
    let second = client.run();
    assert!(second.nothing_happened(), "{second:?}");
    change(&dovecot, &user);
    let third = client.run();
    assert_eq!((third.fetched, third.near_added, third.near_removed, third.near_changed), (1, 1, 1, 1), "{third:?}");
}

#[test]
fn mbsync_complains_about_another_uidvalidity() {
    let (dovecot, user) = filled();
    let client = Mbsync::new(dovecot.port(), &user, MbsyncOptions::default());
    assert!(client.run().success);
    dovecot.doveadm(&["mailbox", "update", "-u", &user.login, "--uid-validity", "77", "Projets"]).success();
    let report = client.run();
    assert!(!report.success && report.errors.iter().any(|e| e.contains("UIDVALIDITY")), "{report:?}");
}

#[test]
fn mbsync_pushes_local_mail() {
    let (dovecot, user) = filled();
    let client = Mbsync::new(dovecot.port(), &user, MbsyncOptions::default());
    assert!(client.run().success);
    std::fs::write(client.mail().join("INBOX/new/1790000000.1.here"), "Subject: local\n\nx\n").unwrap();
    let report = client.run();
    assert_eq!((report.pushed, report.fetched), (1, 0), "{report:?}");
}

#[test]
fn offlineimap_copies_once_and_then_only_what_changed() {
    let (dovecot, user) = filled();
    let client = OfflineImap::new(dovecot.port(), &user);
    let first = client.run();
    assert!(first.success && first.errors.is_empty(), "{first:?}");
    assert_eq!((first.copied, first.near_added), (12, 12), "{first:?}");
    let second = client.run();
    assert!(second.nothing_happened(), "{second:?}");
    change(&dovecot, &user);
    let third = client.run();
    assert_eq!((third.copied, third.deleted, third.near_added, third.near_removed), (1, 1, 1, 1), "{third:?}");
    assert!(third.flags >= 1, "{third:?}");
}

#[test]
fn offlineimap_complains_about_another_uidvalidity() {
    let (dovecot, user) = filled();
    let client = OfflineImap::new(dovecot.port(), &user);
    assert!(client.run().success);
    dovecot.doveadm(&["mailbox", "update", "-u", &user.login, "--uid-validity", "77", "Projets"]).success();
    let report = client.run();
    assert!(report.errors.iter().any(|e| e.contains("UID validity")), "{report:?}");
}

#[test]
fn a_tap_counts_what_crosses_and_can_cut_it() {
    let (dovecot, user) = filled();
    let tap = Tap::start(dovecot.port());
    let client = Mbsync::new(tap.port(), &user, MbsyncOptions::default());
    let report = client.run();
    assert!(report.success && tap.from_server() > report.fetched_bytes && tap.connections() == 1, "{report:?}");
    let mut wire = sterna_tests::ImapWire::login(tap.port(), &user.login, &user.password);
    tap.cut();
    assert!(wire.read().is_err());
    tap.fault(Fault::Refuse);
    assert!(!client.run().success && tap.met() > 0);
}
