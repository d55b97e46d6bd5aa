//! A move that is undone: everything that happened since is on the old platform (P5).

use sterna_tests::{Ignore, LiveClient, snapshot};

use crate::world::{self, World};

#[test]
fn after_a_rollback_the_old_platform_has_everything_and_a_second_move_doubles_nothing() {
    let world = World::new();
    // The front door learns the password, as the platform was added with --learn.
    LiveClient::login(world.new.port(), &world.user.login, &world.user.password).logout();
    world.follow();
    world.cut_over();
    world::deliver(&world.new, &world.user, "new mail");
    let mut client = LiveClient::login(world.new.port(), &world.user.login, &world.user.password);
    client.select("INBOX");
    client.ok("UID STORE 1 +FLAGS (\\Flagged $Later)");
    client.ok("UID STORE 2 +FLAGS (\\Deleted)");
    client.ok("UID EXPUNGE 2");
    client.ok("CREATE Neu");
    client.ok("UID MOVE 4 Neu");
    assert!(client.append("Neu", "\\Seen", b"Subject: written here\r\n\r\nx\r\n").is_some());
    client.logout();
    let before = snapshot(&mut world.new.login(&world.user));
    world.new.cli(&["move", "rollback", &world.user.login, "--wait"], "").success();
    let old = snapshot(&mut world.old.login(&world.user));
    let relayed = snapshot(&mut world.new.login(&world.user));
    old.assert_same(&relayed, Ignore::default());
    before.assert_same(&old, Ignore { uid_next: true, mod_seq: true, uid_validity: true, ..Ignore::default() });
    world.new.check();
    world.follow();
    world.cut_over();
    let again = snapshot(&mut world.new.login(&world.user));
    // The clock here never goes back.
    old.assert_same(&again, Ignore { mod_seq: true, ..Ignore::default() });
    world.new.check();
}
