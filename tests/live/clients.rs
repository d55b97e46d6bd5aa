//! Clients that were set up once and are never touched again: what they fetch after the move (P1, P2).

use sterna_tests::pop3_clients::{Client, Kind};
use sterna_tests::{Mbsync, MbsyncOptions, Mutt, MuttReport, OfflineImap, snapshot};

use crate::world::{self, World};

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

#[test]
fn fetchmail_goes_through_the_front_door_and_fetches_nothing_again_after_the_move() {
    let world = World::with_pop3();
    let inbox = snapshot(&mut world.old.login(&world.user)).folder("INBOX").clone();
    let unseen = inbox.messages.values().filter(|m| !m.flags.contains("\\seen")).count();
    let by_pop3 = Client::new(Kind::Fetchmail, world.new.port_of("pop3"), &world.user);
    let by_imap = Client::new(Kind::FetchmailImap, world.new.port(), &world.user);
    // Over IMAP first: what POP3 fetched is read, too.
    for (client, all) in [(&by_imap, unseen), (&by_pop3, inbox.messages.len())] {
        assert_eq!((client.fetch(), client.fetch()), (all as u64, 0));
    }
    world.follow();
    assert_eq!((by_imap.fetch(), by_pop3.fetch()), (0, 0));
    world.cut_over();
    assert_eq!((by_imap.fetch(), by_pop3.fetch()), (0, 0));
    world::deliver(&world.new, &world.user, "after the move");
    for client in [&by_imap, &by_pop3] {
        assert_eq!((client.fetch(), client.fetch()), (1, 0));
    }
    world.new.check();
}

#[test]
fn mutt_goes_through_the_front_door_and_fetches_nothing_again_after_the_move() {
    for qresync in [false, true] {
        let world = World::new();
        let client = Mutt::new(world.new.port(), &world.user, qresync);
        let (nothing, all) = (MuttReport::default(), MuttReport { headers: 10, bodies: 10 });
        for mailbox in ["INBOX", "Projets"] {
            assert_eq!((client.read(mailbox), client.read(mailbox)), (all.clone(), nothing.clone()), "{qresync}");
        }
        world.follow();
        world.cut_over();
        for mailbox in ["INBOX", "Projets"] {
            assert_eq!(client.read(mailbox), nothing, "{qresync}");
        }
        world::deliver(&world.new, &world.user, "after the move");
        let new = MuttReport { headers: 1, bodies: 1 };
        assert_eq!((client.read("INBOX"), client.read("INBOX")), (new, nothing), "{qresync}");
        world.new.check();
    }
}
