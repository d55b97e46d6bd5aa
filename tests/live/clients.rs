//! Clients that were set up once and are never touched again: what they fetch after the move (P1, P2).

use sterna_tests::{Mbsync, MbsyncOptions, OfflineImap};

use crate::world::World;

#[test]
fn mbsync_goes_through_the_front_door_and_fetches_nothing_again_after_the_move() {
    let world = World::new();
    let client = Mbsync::new(world.new.port(), &world.user, MbsyncOptions::default());
    assert!(client.run().success);
    assert!(client.run().nothing_happened());
    world.follow();
    assert!(client.run().nothing_happened());
    world.cut_over();
    let after = client.run();
    assert!(after.nothing_happened(), "{after:?}");
    let mut wire = world.new.login(&world.user);
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 1 +FLAGS (\\Flagged)");
    assert!(wire.append(b"INBOX", "", None, b"Subject: after the move\r\n\r\nx\r\n").is_ok());
    let changed = client.run();
    assert_eq!((changed.fetched, changed.near_changed), (1, 1), "{changed:?}");
    world.new.check();
}

#[test]
fn offlineimap_goes_through_the_front_door_and_fetches_nothing_again_after_the_move() {
    let world = World::new();
    let client = OfflineImap::new(world.new.port(), &world.user);
    assert!(client.run().success);
    assert!(client.run().nothing_happened());
    world.follow();
    world.cut_over();
    let after = client.run();
    assert!(after.nothing_happened(), "{after:?}");
    world.new.check();
}
