//! Sessions that are open while the mailbox moves (P3).

use std::time::Duration;

use sterna_tests::{ImapWire, snapshot};

use crate::world::{self, World};

/// Nothing comes for a while.
fn quiet(wire: &mut ImapWire) {
    wire.set_read_timeout(Duration::from_millis(300));
    let heard = wire.read();
    assert!(heard.is_err(), "{:?}", heard.map(|r| r.text()));
    wire.set_read_timeout(Duration::from_secs(30));
}

fn next(wire: &mut ImapWire) -> String {
    wire.read().unwrap().text()
}

#[test]
fn both_ways_to_the_old_platform_show_the_same() {
    let world = World::new();
    let direct = snapshot(&mut world.old.login(&world.user));
    let relayed = snapshot(&mut world.new.login(&world.user));
    direct.assert_same(&relayed, sterna_tests::Ignore::default());
}

#[test]
fn an_idle_session_hears_of_mail_after_the_move_on_the_same_connection() {
    let world = World::new();
    let mut wire = world.new.login(&world.user);
    let exists = wire.ok("SELECT INBOX").number("EXISTS").unwrap();
    let tag = wire.idle();
    world.follow();
    world.cut_over();
    quiet(&mut wire);
    let mut other = world.new.login(&world.user);
    assert!(other.append(b"INBOX", "", None, b"Subject: new here\r\n\r\nx\r\n").is_ok());
    assert_eq!(next(&mut wire), format!("* {} EXISTS", exists + 1));
    assert!(wire.done(&tag).is_ok());
    wire.ok("FETCH * (UID BODY.PEEK[])");
    // The old platform has nothing to do with it any more.
    world.new.check();
}

#[test]
fn mail_through_lmtp_reaches_the_side_that_has_the_mailbox() {
    let world = World::new();
    let mut wire = world.new.login(&world.user);
    let exists = wire.ok("SELECT INBOX").number("EXISTS").unwrap();
    let tag = wire.idle();
    world::deliver(&world.new, &world.user, "before");
    assert_eq!(next(&mut wire), format!("* {} EXISTS", exists + 1));
    world.follow();
    world.cut_over();
    world::deliver(&world.new, &world.user, "after");
    loop {
        let line = next(&mut wire);
        if line == format!("* {} EXISTS", exists + 2) {
            break;
        }
        assert!(line.contains("RECENT"), "{line}");
    }
    assert!(wire.done(&tag).is_ok());
    world.new.check();
}
