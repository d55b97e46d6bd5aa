//! Sessions that are open while the mailbox moves (P3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sterna_tests::live::Event;
use sterna_tests::{Cyrus, LiveClient, snapshot};

use crate::sample;
use crate::world::{self, World};

const SOON: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_millis(300);

fn login(world: &World) -> LiveClient {
    LiveClient::login(world.new.port(), &world.user.login, &world.user.password)
}

/// Between commands a client is told of news when it asks.
fn told(client: &mut LiveClient, exists: u32) {
    let begun = Instant::now();
    while client.view().messages.len() as u32 != exists {
        assert!(begun.elapsed() < SOON, "{} messages", client.view().messages.len());
        std::thread::sleep(Duration::from_millis(50));
        client.ok("NOOP");
    }
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
    let mut client = login(&world);
    client.select("INBOX");
    client.fetch_all();
    let exists = client.view().messages.len() as u32;
    client.idle();
    let port = client.local_port();
    world.follow();
    world.cut_over();
    client.silence(QUIET);
    world::deliver(&world.new, &world.user, "after the move");
    client.wait_for(SOON, |event| *event == Event::Exists(exists + 1));
    client.done();
    client.fetch_all();
    client.assert_in_step();
    assert!(client.is_open() && client.local_port() == port);
    let moved = world.receipt();
    assert_eq!(moved["receipt"]["cutover"]["flip"]["sessions"], 1, "{moved}");
    client.logout();
    world.new.check();
}

#[test]
fn sessions_of_every_kind_go_on() {
    let world = World::new();
    let mut idle = login(&world);
    idle.select("INBOX");
    idle.fetch_all();
    idle.idle();
    let mut resync = login(&world);
    resync.enable("QRESYNC");
    resync.select("Projets");
    resync.fetch_all();
    let mut reader = login(&world);
    reader.examine("Projets/2024");
    let unselected = login(&world);
    let mut half = login(&world);
    half.select("INBOX");
    half.append_half("INBOX", "\\Seen", &sample::message(99), 40);
    world.follow();
    // A client that works all the time notices nothing but a pause.
    let stop = Arc::new(AtomicBool::new(false));
    let busy = std::thread::spawn({
        let (mut client, stop) = (login(&world), stop.clone());
        move || {
            client.select("INBOX");
            client.fetch_all();
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::SeqCst) {
                let begun = Instant::now();
                client.ok("NOOP");
                longest = longest.max(begun.elapsed());
                client.store("2", "+FLAGS", "\\Answered");
                client.store("2", "-FLAGS", "\\Answered");
            }
            client.fetch_all();
            client.assert_in_step();
            client.logout();
            longest
        }
    });
    std::thread::sleep(QUIET);
    world.cut_over();
    std::thread::sleep(QUIET);
    stop.store(true, Ordering::SeqCst);
    let longest = busy.join().unwrap();
    assert!(longest < Duration::from_secs(4), "{longest:?}");
    assert!(half.append_rest().is_ok());
    half.fetch_all();
    half.assert_in_step();
    idle.done();
    idle.fetch_all();
    idle.assert_in_step();
    resync.ok("NOOP");
    resync.assert_in_step();
    assert!(resync.store("1", "+FLAGS", "\\Flagged").is_ok());
    assert!(!reader.command("STORE 1 +FLAGS (\\Deleted)").is_ok(), "opened by EXAMINE");
    reader.assert_in_step();
    for client in [idle, resync, reader, unselected, half] {
        client.logout();
    }
    world.new.check();
}

#[test]
fn cyrus_hands_its_sessions_over_too() {
    let world = World::<Cyrus>::on_cyrus();
    let (new, user) = (&world.new, &world.user);
    let mut idle = LiveClient::login(new.port(), &user.login, &user.password);
    idle.select("INBOX");
    idle.fetch_all();
    let exists = idle.view().messages.len() as u32;
    idle.idle();
    let mut between = LiveClient::login(new.port(), &user.login, &user.password);
    between.select("INBOX");
    world.follow();
    world.cut_over();
    idle.silence(QUIET);
    world::deliver(new, user, "after the move");
    idle.wait_for(SOON, |event| *event == Event::Exists(exists + 1));
    idle.done();
    idle.fetch_all();
    idle.assert_in_step();
    between.ok("NOOP");
    between.fetch_all();
    between.assert_in_step();
    idle.logout();
    between.logout();
    new.check();
}

#[test]
fn mail_through_lmtp_reaches_the_side_that_has_the_mailbox() {
    let world = World::new();
    let mut client = login(&world);
    client.select("INBOX");
    let exists = client.view().messages.len() as u32;
    client.idle();
    world::deliver(&world.new, &world.user, "before");
    client.wait_for(SOON, |event| *event == Event::Exists(exists + 1));
    world.follow();
    world.cut_over();
    world::deliver(&world.new, &world.user, "after");
    client.wait_for(SOON, |event| *event == Event::Exists(exists + 2));
    client.done();
    client.logout();
    world.new.check();
}

#[test]
fn what_still_reaches_the_old_platform_comes_over_once() {
    let mut world = World::new();
    let mut client = login(&world);
    client.select("INBOX");
    let exists = client.view().messages.len() as u32;
    world.follow();
    world.cut_over();
    // Both sides give the same UID to different messages.
    world::deliver(&world.new, &world.user, "here");
    told(&mut client, exists + 1);
    world.old.deliver("anne@example.org", b"Subject: straggler\r\n\r\nx\r\n");
    told(&mut client, exists + 2);
    client.fetch_all();
    client.assert_in_step();
    world.new.restart();
    std::thread::sleep(Duration::from_secs(3));
    let mut again = login(&world);
    again.select("INBOX");
    assert_eq!(again.view().messages.len() as u32, exists + 2);
    again.logout();
    world.new.check();
}

#[test]
fn a_folder_that_is_deleted_here_does_not_come_back() {
    let world = World::new();
    let mut client = login(&world);
    world.follow();
    world.cut_over();
    client.ok("DELETE Projets/2024");
    client.ok("CREATE Brouillons");
    // A pass later: something else has come over.
    let mut old = world.old.login(&world.user);
    assert!(old.append(b"INBOX", "", None, b"Subject: straggler\r\n\r\nx\r\n").is_ok());
    client.select("INBOX");
    told(&mut client, 11);
    let list = client.ok("LIST \"\" *");
    let names: Vec<String> = list.untagged.iter().map(|r| r.text()).collect();
    assert!(!names.iter().any(|name| name.contains("2024")), "{names:?}");
    // New mail in it has a place all the same.
    assert!(old.append(b"Projets/2024", "", None, b"Subject: late\r\n\r\nx\r\n").is_ok());
    let begun = Instant::now();
    while !client.command("STATUS Projets/2024 (MESSAGES)").is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come over");
        std::thread::sleep(Duration::from_millis(200));
    }
    client.select("Projets/2024");
    assert_eq!(client.view().messages.len(), 1);
    client.logout();
    world.new.check();
}

#[test]
fn a_session_that_cannot_be_parked_is_told_to_reconnect_and_counted() {
    let world = World::new();
    login(&world).logout();
    let large = [&b"Subject: large\r\n\r\n"[..], &b"0123456789abcdef\r\n".repeat(2_000_000)].concat();
    assert!(world.old.login(&world.user).append(b"INBOX", "", None, &large).is_ok());
    world.follow();
    let mut idle = login(&world);
    idle.select("INBOX");
    idle.idle();
    // It asked for more than anything on the way can hold, and does not read.
    let mut busy = world.new.login(&world.user);
    busy.ok("SELECT INBOX");
    busy.start("FETCH * BODY[]");
    std::thread::sleep(QUIET);
    world.cut_over();
    let status = world.new.cli(&["move", "status", &world.user.login], "").stdout;
    assert!(status.contains("1 sessions handed over, 1 dropped"), "{status}");
    busy.cut();
    idle.done();
    let mut again = login(&world);
    again.select("INBOX");
    again.logout();
    idle.logout();
    world.new.check();
}

#[test]
fn a_folder_that_the_old_server_shows_to_new_sessions_only_moves() {
    let world = World::new();
    login(&world).logout();
    world.follow();
    let folders = || {
        let status = world.new.json(&["move", "status", &world.user.login], "");
        status[0]["folders"].as_u64().expect("a number of folders")
    };
    let before = folders();
    // To those who have listed before, Dovecot 2.3 does not list what a session makes that has renamed something.
    let mut user = world.new.login(&world.user);
    user.ok("CREATE Before");
    user.ok("RENAME Before Renamed");
    world::deliver(&world.new, &world.user, "wakes the move");
    let begun = Instant::now();
    while folders() == before {
        assert!(begun.elapsed() < SOON, "the renamed folder was not seen");
        std::thread::sleep(Duration::from_millis(20));
    }
    user.ok("CREATE Made");
    world.cut_over();
    let mut fresh = world.new.login(&world.user);
    assert!(fresh.command("SELECT Made").is_ok(), "it stayed behind");
    world.new.check();
}
