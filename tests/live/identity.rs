//! A folder of the old platform gets another UIDVALIDITY while its mailbox is held: UIDs mean something else from then on.

use std::time::Duration;

use sterna_tests::{Ignore, LiveClient, snapshot};

use crate::pop3;
use crate::world::{self, World};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_uidvalidity_that_changes_under_the_hold_ends_it_and_the_next_one_has_the_folder_anew() {
    let world = World::with_pop3();
    let login = || LiveClient::login(world.new.port(), &world.user.login, &world.user.password);
    let mut idle = login();
    idle.select("INBOX");
    idle.fetch_all();
    idle.idle();
    let mut knows = login();
    knows.select("Projets");
    knows.fetch_all();
    world.follow();
    // All was compared before the hold, which now waits for this session.
    let mut open = pop3::session(&world);
    let mut moving = world.new.spawn(&["move", "cutover", &world.user.login, "--wait", "--finish", "40s"]);
    world.wait_for("holding");
    world.old.doveadm(&["mailbox", "update", "-u", &world.user.login, "--uid-validity", "77", "Projets"]).success();
    pop3::ok(&mut open, "QUIT");
    assert!(moving.wait(PATIENCE).is_some_and(|status| status.success()), "{}", moving.log_tail());
    assert!(world.new.log().contains("UIDVALIDITY of \"Projets\" changed at the source"), "{}", world.new.log());
    let receipt = world.receipt();
    let cutover = &receipt["receipt"]["cutover"];
    assert_eq!(cutover["failed_holds"], 1, "{cutover:#}");
    let (old, new) = (snapshot(&mut world.old.login(&world.user)), snapshot(&mut world.new.login(&world.user)));
    old.assert_same(&new, Ignore { mod_seq: true, ..Ignore::default() });
    assert_eq!((new.folder("Projets").uid_validity, new.folder("Projets").messages.len()), (77, 10));
    // Whoever had it open under the old one is not led on to the other.
    assert!(!knows.is_open(), "{}", knows.transcript());
    // Others notice nothing.
    world::deliver(&world.new, &world.user, "after the move");
    idle.done();
    idle.fetch_all();
    idle.assert_in_step();
    assert_eq!(idle.view().messages.len(), 11);
    idle.logout();
    world.new.check();
}
