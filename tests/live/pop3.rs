//! POP3 sessions that are open when their mailbox moves: they cannot be handed over, for their deletions take place at QUIT
//! (RFC 1939 §6). They come to their end in time, or are ended and delete nothing.

use std::time::{Duration, Instant};

use sterna_tests::{LineWire, LiveClient, snapshot};

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);

/// A session in the TRANSACTION state, through the front door.
pub fn session(world: &World) -> LineWire {
    let mut wire = LineWire::connect(world.new.port_of("pop3"));
    assert!(wire.line().unwrap().starts_with("+OK"));
    ok(&mut wire, &format!("USER {}", world.user.login));
    ok(&mut wire, &format!("PASS {}", world.user.password));
    wire
}

#[track_caller]
pub fn ok(wire: &mut LineWire, command: &str) -> String {
    wire.send(format!("{command}\r\n"));
    let line = wire.line().unwrap();
    assert!(line.starts_with("+OK"), "{command}: {line}");
    line
}

/// The unique ids of all messages, in their order.
#[track_caller]
fn ids(wire: &mut LineWire) -> Vec<String> {
    ok(wire, "UIDL");
    let list = String::from_utf8(wire.until_dot()).unwrap();
    list.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

/// Messages in INBOX, past the front door.
fn left(world: &World) -> usize {
    snapshot(&mut world.old.login(&world.user)).folder("INBOX").messages.len()
}

#[test]
fn a_session_that_comes_to_its_end_has_deleted_what_it_marked() {
    let world = World::with_pop3();
    let mut reader = session(&world);
    let before = ids(&mut reader);
    ok(&mut reader, "QUIT");
    let mut idle = LiveClient::login(world.new.port(), &world.user.login, &world.user.password);
    idle.select("INBOX");
    idle.fetch_all();
    idle.idle();
    world.follow();
    let mut open = session(&world);
    ok(&mut open, "DELE 1");
    ok(&mut open, "DELE 4");
    let mut moving = world.new.spawn(&["move", "cutover", &world.user.login, "--wait", "--finish", "40s"]);
    world.wait_for("holding");
    // Whoever comes now waits for the end of the hold, and is then where the mailbox is.
    let mut late = LineWire::connect(world.new.port_of("pop3"));
    late.send(format!("USER {}\r\nPASS {}\r\n", world.user.login, world.user.password));
    std::thread::sleep(Duration::from_secs(1));
    // It is not pressed: it reads on, and deletes more.
    ok(&mut open, "RETR 2");
    assert!(!open.until_dot().is_empty());
    ok(&mut open, "DELE 5");
    assert!(moving.poll().is_none(), "the hold did not wait: {}", moving.log_tail());
    assert_eq!(left(&world), before.len());
    ok(&mut open, "QUIT");
    assert!(moving.wait(PATIENCE).is_some_and(|status| status.success()), "{}", moving.log_tail());
    let kept: Vec<String> =
        before.iter().enumerate().filter(|(n, _)| ![0, 3, 4].contains(n)).map(|(_, id)| id.clone()).collect();
    for _ in ["the greeting", "USER", "PASS"] {
        let line = late.line().unwrap();
        assert!(line.starts_with("+OK"), "{line}");
    }
    assert_eq!(ids(&mut late), kept);
    assert_eq!(ids(&mut session(&world)), kept);
    assert_eq!(left(&world), kept.len());
    idle.done();
    idle.fetch_all();
    idle.assert_in_step();
    assert_eq!(idle.view().messages.len(), kept.len());
    idle.logout();
    world.new.check();
}

#[test]
fn a_session_that_does_not_is_ended_and_deletes_nothing_on_either_side() {
    let world = World::with_pop3();
    world.follow();
    let mut open = session(&world);
    let before = ids(&mut open);
    ok(&mut open, "DELE 1");
    ok(&mut open, "DELE 4");
    let begun = Instant::now();
    world.new.cli(&["move", "cutover", &world.user.login, "--wait", "--finish", "2s"], "").success();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // RFC 1939 §6: whatever ends it, it is not the UPDATE state.
    let said = open.line().expect("a word before the end");
    assert!(said.starts_with("-ERR [SYS/TEMP]"), "{said}");
    assert_eq!(open.line(), None);
    assert_eq!(ids(&mut session(&world)), before);
    assert_eq!(left(&world), before.len());
    // And it comes again, as it was told.
    let mut again = session(&world);
    ok(&mut again, "DELE 1");
    ok(&mut again, "QUIT");
    assert_eq!(ids(&mut session(&world)), before[1..]);
    world.new.check();
}
