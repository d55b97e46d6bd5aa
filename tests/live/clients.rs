//! Clients that were set up once and are never touched again: what they fetch after the move (P1, P2).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sterna_tests::pop3_clients::{Client, Kind};
use sterna_tests::{
    Folder, ImapWire, Kept, Mbsync, MbsyncOptions, Message, Mutt, MuttReport, OfflineImap, Tap, Thunderbird,
    ThunderbirdReport, snapshot,
};

use crate::world::{self, Platform, World};

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

#[test]
fn thunderbird_keeps_its_connections_through_the_move_and_fetches_nothing_again() {
    for condstore in [false, true] {
        thunderbird_there_and_back(&World::new(), condstore);
    }
}

#[test]
fn thunderbird_does_so_with_cyrus_too() {
    thunderbird_there_and_back(&World::on_cyrus(), true);
}

fn thunderbird_there_and_back<Old: Platform>(world: &World<Old>, condstore: bool) {
    let tap = Tap::start(world.new.port());
    let mut client = Thunderbird::new(tap.port(), &world.user, condstore);
    client.synchronise();
    assert_eq!(client.fetched(), ThunderbirdReport { headers: 40, bodies: 40 });
    assert_eq!(client.known(), told(&mut world.new.login(&world.user)));
    let connections = tap.connections();
    world.follow();
    world.cut_over();
    // Nobody tells it to look: it is in IDLE.
    world::deliver(&world.new, &world.user, "after the move");
    let begun = Instant::now();
    while client.known()["INBOX"].len() < 11 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no new message: {:?}", client.known());
        std::thread::sleep(Duration::from_millis(100));
    }
    client.mark_read("INBOX", 1);
    client.synchronise();
    assert_eq!(client.fetched(), ThunderbirdReport { headers: 1, bodies: 1 });
    assert_eq!(client.known(), told(&mut world.new.login(&world.user)));
    assert_eq!(tap.connections(), connections);
    client.quit();
    client.synchronise();
    assert_eq!(client.fetched(), ThunderbirdReport::default());
    assert_eq!(client.known(), told(&mut world.new.login(&world.user)));
    // And back, which ends its sessions.
    let back = world.new.cli(&["move", "rollback", &world.user.login, "--wait"], "");
    assert!(back.status.success(), "{}{}", back.stdout, back.stderr);
    client.synchronise();
    assert_eq!(client.fetched(), ThunderbirdReport::default());
    assert_eq!(client.known(), told(&mut world.old.login(&world.user)));
    world.new.check();
}

#[test]
fn names_are_spelled_as_before_the_move_until_the_operator_says_otherwise() {
    let world = World::new();
    let address = world.user.login.as_str();
    let listed = |wire: &mut ImapWire| wire.ok("LIST \"\" *").untagged.iter().map(|r| r.text()).collect::<String>();
    assert!(listed(&mut world.new.login(&world.user)).contains("&AMk-l&AOk-ments"));
    world.follow();
    world.cut_over();
    let mut wire = world.new.login(&world.user);
    assert_eq!(wire.ok("ENABLE UTF8=ACCEPT CONDSTORE").untagged[0].text(), "* ENABLED CONDSTORE");
    assert!(listed(&mut wire).contains("&AMk-l&AOk-ments"));
    assert!(world.new.cli(&["account", "show", address], "").success().stdout.contains("no UTF8=ACCEPT"));
    world.new.cli(&["account", "set", address, "--utf8-accept", "on"], "").success();
    let mut wire = world.new.login(&world.user);
    wire.ok("ENABLE UTF8=ACCEPT");
    assert!(listed(&mut wire).contains("Éléments"));
    world.new.check();
}

/// What a Thunderbird that has everything knows of an account.
fn told(wire: &mut ImapWire) -> BTreeMap<String, BTreeMap<u32, Kept>> {
    let shown = ["\\seen", "\\answered", "\\flagged", "\\deleted"];
    let kept = |message: &Message| {
        let flags = message.flags.iter().filter(|flag| shown.contains(&flag.as_str())).cloned().collect();
        Kept { body: true, flags }
    };
    let folder = |(name, folder): (Vec<u8>, Folder)| {
        let messages = folder.messages.iter().map(|(uid, message)| (*uid, kept(message))).collect();
        (String::from_utf8_lossy(&name).into_owned(), messages)
    };
    snapshot(wire).0.into_iter().map(folder).collect()
}
