//! mbsync and OfflineIMAP, set up against Dovecot, go on against Sterna: nothing fetched, nothing deleted (P1, P2).

use sterna_tests::{Ignore, Mbsync, MbsyncOptions, OfflineImap, SternaServer, User, snapshot};

use crate::sample;

/// What happens to a mailbox after the move must reach the client, and only that.
fn change(server: &SternaServer, user: &User) {
    let mut wire = server.login(user);
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 1 +FLAGS (\\Flagged)");
    wire.ok("UID STORE 2 +FLAGS (\\Deleted)");
    wire.ok("UID EXPUNGE 2");
    assert!(wire.append(b"INBOX", "", None, b"Subject: after the move\r\n\r\nx\r\n").is_ok());
}

#[test]
fn mbsync_goes_on_after_the_move_without_a_transfer() {
    let (dovecot, user) = sample::dovecot();
    let mut client = Mbsync::new(dovecot.port(), &user, MbsyncOptions::default());
    assert!(client.run().success);
    assert!(client.run().nothing_happened());
    let server = sample::sterna(&user);
    server.move_from(&user.login, dovecot.port(), &user).success();
    client.point_at(server.port());
    let after = client.run();
    assert!(after.nothing_happened(), "{after:?}");
    change(&server, &user);
    let changed = client.run();
    let seen = (changed.fetched, changed.near_added, changed.near_removed, changed.near_changed);
    assert_eq!(seen, (1, 1, 1, 1), "{changed:?}");
    std::fs::write(client.mail().join("INBOX/new/1790000000.1.here"), "Subject: local\n\nx\n").unwrap();
    let pushed = client.run();
    assert_eq!((pushed.pushed, pushed.fetched), (1, 0), "{pushed:?}");
    server.check();
}

#[test]
fn offlineimap_goes_on_after_the_move_without_a_transfer() {
    let (dovecot, user) = sample::dovecot();
    let mut client = OfflineImap::new(dovecot.port(), &user);
    assert!(client.run().success);
    assert!(client.run().nothing_happened());
    let server = sample::sterna(&user);
    server.move_from(&user.login, dovecot.port(), &user).success();
    client.point_at(server.port());
    let after = client.run();
    assert!(after.nothing_happened(), "{after:?}");
    change(&server, &user);
    let changed = client.run();
    assert_eq!((changed.copied, changed.deleted), (1, 1), "{changed:?}");
    server.check();
}

#[test]
fn both_sides_show_the_same_and_a_second_run_adds_nothing() {
    let (dovecot, user) = sample::dovecot();
    let server = sample::sterna(&user);
    for _ in 0..2 {
        server.move_from(&user.login, dovecot.port(), &user).success();
        let old = snapshot(&mut dovecot.login(&user));
        let new = snapshot(&mut server.login(&user));
        old.assert_same(&new, Ignore::default());
    }
    let receipt = server.json(&["move", "receipt", &user.login], "");
    assert!(receipt.to_string().contains("INBOX"));
    let markdown = server.cli(&["move", "receipt", &user.login], "").success().stdout;
    assert!(markdown.contains("INBOX") && markdown.starts_with('#'), "{markdown}");
    server.check();
}
