//! A move that is undone: everything that happened since is on the old platform (P5), whichever server that is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sterna_tests::{Cyrus, Ignore, LiveClient, Mailboxes, Mbsync, MbsyncOptions, snapshot};

use crate::world::{self, Platform, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// What one side has that the other cannot: MODSEQ, UIDNEXT, and the UIDVALIDITY of a folder that is made anew there.
const OF_THE_OTHER_SIDE: Ignore = Ignore { uid_next: true, mod_seq: true, uid_validity: true, delimiter: false };

#[test]
fn after_a_rollback_the_old_platform_has_everything_and_a_second_move_doubles_nothing() {
    there_and_back(&World::new());
}

#[test]
fn after_a_rollback_cyrus_has_everything_and_a_second_move_doubles_nothing() {
    there_and_back(&World::<Cyrus>::on_cyrus());
}

#[test]
fn with_back_sync_the_old_platform_has_everything_when_this_one_is_lost() {
    let mut world = World::new();
    login(&world).logout();
    world.follow();
    world.new.cli(&["move", "cutover", &world.user.login, "--back-sync", "--wait"], "").success();
    work(&world);
    let here = contents(&snapshot(&mut world.new.login(&world.user)));
    let begun = Instant::now();
    let mut there = BTreeMap::new();
    while there != here {
        assert!(begun.elapsed() < PATIENCE, "here {here:#?}\nthere {there:#?}");
        std::thread::sleep(Duration::from_millis(500));
        there = contents(&snapshot(&mut world.old.login(&world.user)));
    }
    world.new.kill_9();
    assert_eq!(contents(&snapshot(&mut world.old.login(&world.user))), here);
    world.new.restart();
    world.new.check();
    let status = world.new.cli(&["move", "status", &world.user.login], "").stdout;
    assert!(status.contains("the old side was up to date"), "{status}");
    // Nothing is brought over that came from here, and a rollback has nothing left to carry.
    world.new.cli(&["move", "rollback", &world.user.login, "--wait"], "").success();
    let cutover = world.new.json(&["move", "status", &world.user.login], "")[0]["cutover"].clone();
    assert_eq!(
        (&cutover["rollback"]["messages"], &cutover["rollback"]["expunged"]),
        (&0.into(), &0.into()),
        "{cutover:#}"
    );
    assert_eq!(
        (&cutover["back_sync"]["messages"], &cutover["flip"]["stragglers"]),
        (&4.into(), &1.into()),
        "{cutover:#}"
    );
    assert_eq!(contents(&snapshot(&mut world.new.login(&world.user))), here);
}

/// What is in each folder, whatever its UIDs.
fn contents(all: &Mailboxes) -> BTreeMap<String, Vec<String>> {
    let folders = all.0.iter().filter(|(_, folder)| !folder.attributes.contains("\\nonexistent"));
    folders
        .map(|(name, folder)| {
            let mut messages: Vec<String> = folder.messages.values().map(|message| format!("{message:?}")).collect();
            messages.sort();
            (format!("{} {}", name.escape_ascii(), folder.subscribed), messages)
        })
        .collect()
}

fn login<Old>(world: &World<Old>) -> LiveClient {
    LiveClient::login(world.new.port(), &world.user.login, &world.user.password)
}

fn there_and_back<Old: Platform>(world: &World<Old>) {
    // The front door learns the password, as the platform was added with --learn.
    login(world).logout();
    let origin = snapshot(&mut world.old.login(&world.user));
    // Folders that are made there anew have another UIDVALIDITY, which is a new folder to a client.
    let patterns = "INBOX Projets Vieux".to_owned();
    let synced = Mbsync::new(world.new.port(), &world.user, MbsyncOptions { patterns, ..MbsyncOptions::default() });
    world.follow();
    world.cut_over();
    work(world);
    assert!(synced.run().success);
    assert!(synced.run().nothing_happened());
    let mut known = login(world);
    known.enable("QRESYNC");
    known.select("INBOX");
    known.fetch_all();
    let (validity, mod_seq) = (known.view().uid_validity.unwrap(), known.view().highest_mod_seq);
    known.logout();
    let before = snapshot(&mut world.new.login(&world.user));
    world.new.cli(&["move", "rollback", &world.user.login, "--wait"], "").success();
    // It says so that both sides differ: what is here becomes a copy of the old side only a moment later.
    let receipt = world.new.cli(&["move", "receipt", &world.user.login, "--json"], "").stdout;
    let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    let undone = &receipt["receipt"]["cutover"]["rollback"];
    let old = snapshot(&mut world.old.login(&world.user));
    let relayed = snapshot(&mut world.new.login(&world.user));
    old.assert_same(&relayed, Ignore::default());
    before.with_other_uids(&undone["changed_uids"]).assert_same(&old, OF_THE_OTHER_SIDE);
    for name in ["left", "behind", "remarks"] {
        assert!(undone[name].is_null(), "{undone:#}");
    }
    // Three in new places, one of them carried as a body, and the one that was delivered.
    assert_eq!(undone["messages"], 4, "{undone:#}");
    kept(&origin, &old);
    // Clients that know what was here go on there: nothing is fetched again, and nothing is missed.
    let after = synced.run();
    assert!(after.nothing_happened(), "{after:?}");
    let mut client = login(world);
    client.select("INBOX");
    client.store("1", "+FLAGS", "\\Answered");
    client.logout();
    let mut known = login(world);
    known.enable("QRESYNC");
    let told = known.select_qresync("INBOX", validity, mod_seq);
    let told = told.untagged.iter().any(|r| r.text().contains("FETCH (") && r.text().contains("UID 1 "));
    assert!(told, "{}", known.transcript());
    known.logout();
    let changed = synced.run();
    assert_eq!((changed.fetched, changed.near_changed), (0, 1), "{changed:?}");
    world.new.check();
    let old = snapshot(&mut world.old.login(&world.user));
    world.follow();
    world.cut_over();
    let again = snapshot(&mut world.new.login(&world.user));
    // The clock here never goes back.
    old.assert_same(&again, Ignore { mod_seq: true, ..Ignore::default() });
    let after = synced.run();
    assert!(after.nothing_happened(), "{after:?}");
    world.new.check();
}

/// What clients and senders do while the mailbox is here.
fn work<Old: Platform>(world: &World<Old>) {
    world::deliver(&world.new, &world.user, "new mail");
    let mut client = login(world);
    client.select("INBOX");
    client.ok("UID STORE 1 +FLAGS (\\Flagged $Later)");
    client.ok("UID STORE 2 +FLAGS (\\Deleted)");
    client.ok("UID EXPUNGE 2");
    client.ok("CREATE Neu");
    client.ok("UID MOVE 4 Neu");
    assert!(client.append("Neu", "\\Seen", b"Subject: written here\r\n\r\nx\r\n").is_some());
    client.ok("RENAME Projets/2024 Vieux");
    client.select("Vieux");
    client.ok("UID STORE 5 +FLAGS (\\Flagged)");
    client.ok("UID COPY 6 Projets");
    client.ok("UNSUBSCRIBE \"&AMk-l&AOk-ments\"");
    client.ok("DELETE \"&AMk-l&AOk-ments\"");
    // Somebody past the front door makes a folder, and it comes over under a UIDVALIDITY of here.
    let mut old = world.old.login(&world.user);
    old.ok("CREATE Tard");
    assert!(old.append(b"Tard", "", None, b"Subject: straggler\r\n\r\nx\r\n").is_ok());
    let begun = Instant::now();
    while !client.command("STATUS Tard (MESSAGES)").untagged.iter().any(|r| r.text().ends_with("(MESSAGES 1)")) {
        assert!(begun.elapsed() < PATIENCE, "it did not come over");
        std::thread::sleep(Duration::from_millis(100));
    }
    client.logout();
}

/// What nobody touched here is under its UID in the same folder as before the move.
fn kept(origin: &Mailboxes, old: &Mailboxes) {
    for (was, is, touched) in
        [("INBOX", "INBOX", &[1, 2, 4][..]), ("Projets", "Projets", &[]), ("Projets/2024", "Vieux", &[5])]
    {
        let (was, is) = (origin.folder(was), old.folder(is));
        assert_eq!(was.uid_validity, is.uid_validity);
        for (uid, message) in was.messages.iter().filter(|(uid, _)| !touched.contains(uid)) {
            assert_eq!(is.messages.get(uid), Some(message), "UID {uid}");
        }
    }
}
