//! A live move by one node under the sessions of another: every node that has sessions of the account parks them, or is known to
//! have none.

use std::time::Duration;

use sterna_tests::live::Event;
use sterna_tests::{Dovecot, LiveClient, SternaServer, User};

use crate::platform::{Platform, message, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// The first node runs the move of a mailbox on Dovecot; the second is there for sessions.
fn moving() -> (Dovecot, SternaServer, SternaServer, User) {
    let mut old = Dovecot::start();
    let user = old.user("anne@example.org", "secret word");
    let mut wire = old.login(&user);
    for n in 0..5 {
        assert!(wire.append(b"INBOX", "", None, &message(&format!("number {n}"), 500)).is_ok());
    }
    let platform = Platform::fresh();
    let (first, _) = platform.first();
    let imap = format!("imap://127.0.0.1:{}?tls=none", old.port());
    first.cli(&["platform", "add", "old", "--imap", &imap], "").success();
    first.cli(&["account", "set", &user.login, "--platform", "old"], "").success();
    let start = ["move", "start", &user.login, "--from", &imap, "--user", &user.login, "--password-stdin", "--follow"];
    first.cli(&start, "secret word\n").success();
    wait_until("following", || status(&first, &user).contains("following"));
    let second = platform.beside(&first);
    (old, first, second, user)
}

fn status(node: &SternaServer, user: &User) -> String {
    node.cli(&["move", "status", &user.login], "").success().stdout
}

#[test]
fn sessions_of_another_node_are_handed_over() {
    let (_old, first, second, user) = moving();
    let mut idle = LiveClient::login(second.port(), &user.login, &user.password);
    idle.select("INBOX");
    idle.fetch_all();
    idle.idle();
    let mut here = LiveClient::login(first.port(), &user.login, &user.password);
    here.select("INBOX");
    first.cli(&["move", "cutover", &user.login, "--wait"], "").success();
    let told = status(&first, &user);
    assert!(told.contains("2 sessions handed over, 0 dropped"), "{told}");
    idle.silence(Duration::from_millis(300));
    assert!(here.append("INBOX", "", &message("after", 500)).is_some());
    idle.wait_for(SOON, |event| *event == Event::Exists(6));
    idle.done();
    idle.fetch_all();
    idle.assert_in_step();
    idle.logout();
    here.logout();
    second.check();
}

#[test]
fn a_frozen_node_delays_the_move_only_until_its_place_is_lost() {
    let (_old, first, mut second, user) = moving();
    let mut client = LiveClient::login(second.port(), &user.login, &user.password);
    client.select("INBOX");
    second.process().freeze(true);
    // It cannot answer: the hold is released at its deadline, and tried again until the node counts as dead.
    first.cli(&["move", "cutover", &user.login, "--wait"], "").success();
    let mut here = LiveClient::login(first.port(), &user.login, &user.password);
    here.select("INBOX");
    assert!(here.append("INBOX", "", &message("after", 500)).is_some());
    here.logout();
    second.process().freeze(false);
    // Its session may not go on as if nothing had happened: it ends, and the next one is here.
    wait_until("the session ends", || !client.is_open());
    let mut again = LiveClient::login(second.port(), &user.login, &user.password);
    again.select("INBOX");
    assert_eq!(again.view().messages.len(), 6);
    again.logout();
    first.check();
}
