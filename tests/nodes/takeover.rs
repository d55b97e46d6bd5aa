//! A node that dies or freezes while it moves a mailbox: another takes the move over and finishes it, and every message is
//! there once.

use std::time::Duration;

use sterna_tests::{Dovecot, Ignore, SternaServer, User, psql, snapshot};

use crate::platform::{Platform, message, wait_until};

/// Large enough that a debug build is still seeding when it is killed.
const MESSAGES: usize = 3_000;

fn filled(messages: usize) -> (Dovecot, User) {
    let mut dovecot = Dovecot::start();
    let source = dovecot.user("anne@example.org", "secret word");
    let new = dovecot.home(&source.login).join("Maildir/new");
    std::fs::create_dir_all(&new).unwrap();
    for n in 0..messages {
        let message = message(&format!("message {n}"), 500 + n % 7 * 300);
        std::fs::write(new.join(format!("1700000000.{n:05}.test")), message).unwrap();
    }
    dovecot.take_over_files(&source.login);
    (dovecot, source)
}

/// `sterna move start --follow` through a node.
pub fn follow(node: &SternaServer, dovecot: &Dovecot, source: &User) {
    let from = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    let login = &source.login;
    let arguments = ["move", "start", login, "--from", &from, "--user", login, "--password-stdin", "--follow"];
    node.cli(&arguments, &format!("{}\n", source.password)).success();
}

/// The token of whoever holds the move, 0 if nobody does.
pub fn holder(platform: &Platform) -> u64 {
    let sql = "SELECT COALESCE(max(token), 0) FROM job WHERE until > extract(epoch FROM now()) * 1000";
    psql(&platform.database, sql).trim().parse().unwrap()
}

fn copied(platform: &Platform) -> u64 {
    psql(&platform.database, "SELECT count(*) FROM message").trim().parse().unwrap()
}

/// The move is through: both sides equal, every message once, the receipt says so.
fn assert_moved(node: &SternaServer, dovecot: &Dovecot, source: &User) {
    wait_until("the move follows", || {
        node.json(&["move", "status", &source.login], "").to_string().contains("\"following\"")
    });
    let (old, new) = (snapshot(&mut dovecot.login(source)), snapshot(&mut node.login(source)));
    old.assert_same(&new, Ignore { mod_seq: true, ..Ignore::default() });
    let receipt = node.cli(&["move", "receipt", &source.login], "").success().stdout;
    assert!(receipt.contains("Both sides are equal"), "{receipt}");
    node.check();
}

#[test]
fn a_move_of_a_killed_node_is_finished_by_another() {
    let (mut dovecot, source) = filled(MESSAGES);
    let platform = Platform::fresh();
    let (mut first, _) = platform.first();
    let second = platform.beside(&first);
    follow(&first, &dovecot, &source);
    wait_until("the move has begun", || copied(&platform) > 0);
    let token = holder(&platform);
    first.kill_9();
    let at_death = copied(&platform);
    assert!(token > 0 && at_death < MESSAGES as u64, "{at_death} messages were copied before the kill");
    dovecot.deliver(&source.login, &message("while nobody moves it", 1_000));
    wait_until("another node takes the move", || holder(&platform) > token);
    wait_until("everything is copied", || copied(&platform) > MESSAGES as u64);
    assert_moved(&second, &dovecot, &source);
}

#[test]
fn a_node_frozen_beyond_its_lease_writes_nothing_when_it_is_thawed() {
    let (mut dovecot, source) = filled(MESSAGES);
    // A node that freezes in the middle of a transaction keeps its locks until the database ends it: twice this time.
    let platform = Platform { store: "statement_timeout = \"3s\"\n", ..Platform::fresh() };
    let (mut first, _) = platform.first();
    let second = platform.beside(&first);
    follow(&first, &dovecot, &source);
    wait_until("the move has begun", || copied(&platform) > 0);
    let token = holder(&platform);
    first.process().freeze(true);
    assert!(copied(&platform) < MESSAGES as u64, "the move was through before the freeze");
    dovecot.deliver(&source.login, &message("while nobody moves it", 1_000));
    wait_until("another node takes the move", || holder(&platform) > token);
    let token = holder(&platform);
    // In the middle of the other's work.
    wait_until("the other node goes on", || copied(&platform) > MESSAGES as u64 / 2);
    first.process().freeze(false);
    wait_until("everything is copied", || copied(&platform) > MESSAGES as u64);
    // The thawed node looks for work and finds none.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(holder(&platform), token, "the lease has changed hands");
    assert_moved(&second, &dovecot, &source);
    let (one, other) = (snapshot(&mut first.login(&source)), snapshot(&mut second.login(&source)));
    one.assert_same(&other, Ignore::default());
}
