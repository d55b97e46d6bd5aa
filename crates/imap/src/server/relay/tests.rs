//! A relayed session with another Sterna as the platform, and the hand-over to this one.

use std::sync::Arc;
use std::time::Duration;

use sterna_core::{Flags, ModSeq, SystemFlags, UidValidity};
use sterna_frontdoor::{Held, HoldError, HoldTimes, Settings};
use sterna_store::Account;
use sterna_tests::{Fault, Tap};

use crate::server::testing::{Client, PASSWORD, Server, USER};

const VALIDITY: u32 = 77;

struct World {
    old: Arc<Server>,
    new: Arc<Server>,
}

const TIMES: HoldTimes = HoldTimes { finish: Duration::from_millis(500), deadline: Duration::from_secs(5) };

/// Both sides with the same messages, UIDs 1 to `count`; logins go to the old one.
async fn world(count: u32) -> World {
    let (old, new) = (Server::start(|_| {}).await, Server::start(|_| {}).await);
    for server in [&old, &new] {
        server
            .account
            .write(|tx| {
                let inbox = tx.mailboxes()?[0].id;
                tx.import_identity(inbox, UidValidity::new(VALIDITY).unwrap(), 1, ModSeq(5))
            })
            .await
            .unwrap();
        for n in 1..=count {
            add(&server.account, n).await;
        }
    }
    let settings = Settings { imap: Some(format!("imap://{}?tls=none", old.address)), ..Settings::default() };
    new.store.add_platform("old", serde_json(&settings), None).await.unwrap();
    new.store.set_route(new.account.id(), Some("platform:old".into())).await.unwrap();
    World { old, new }
}

fn serde_json(settings: &Settings) -> String {
    // The one field that is set needs no library.
    format!("{{\"imap\":\"{}\"}}", settings.imap.as_deref().unwrap())
}

async fn add(account: &Account, n: u32) {
    let date = sterna_core::DateTime::parse_imap(b" 1-Feb-2026 09:30:00 +0100").unwrap();
    let text = format!("Subject: number {n}\r\n\r\nbody {n}\r\n");
    let email = sterna_message::Ingest::whole(&account.blobs(), text.as_bytes(), date).unwrap();
    let append = move |tx: &sterna_store::Tx<'_>| tx.append(tx.mailboxes()?[0].id, &email, &Flags::default());
    account.write(append).await.unwrap();
}

async fn flag(account: &Account, uid: u32) {
    let set = move |tx: &sterna_store::Tx<'_>| {
        let inbox = tx.mailboxes()?[0].id;
        let flags = Flags::system(SystemFlags::FLAGGED);
        tx.import_flags(inbox, sterna_core::Uid::new(uid).unwrap(), &flags, None)
    };
    account.write(set).await.unwrap();
}

async fn expunge(account: &Account, uid: u32) {
    let gone = move |tx: &sterna_store::Tx<'_>| {
        let uid = sterna_core::Uid::new(uid).unwrap();
        tx.expunge(tx.mailboxes()?[0].id, &[sterna_store::UidRange::one(uid)]).map(drop)
    };
    account.write(gone).await.unwrap();
}

impl World {
    async fn hold(&self) -> Result<Held, HoldError> {
        self.new.service.door.hold(self.new.account.id(), TIMES).await
    }

    /// As the mover does: park, look, change the route.
    async fn flip(&self) {
        let mut held = self.hold().await.unwrap();
        held.look_again().await.unwrap();
        self.new.store.set_route(self.new.account.id(), Some("local".into())).await.unwrap();
        held.release().await.unwrap();
    }

    async fn both(&self, change: impl AsyncFn(&Account)) {
        change(&self.old.account).await;
        change(&self.new.account).await;
    }
}

async fn quiet(client: &mut Client) {
    let more = tokio::time::timeout(Duration::from_millis(200), client.response()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn commands_go_to_the_platform_and_its_answers_come_back() {
    let world = world(3).await;
    let mut client = world.new.connect().await;
    let login = client.cmd(&format!("LOGIN {USER} \"{PASSWORD}\"")).await;
    let told = login.last().unwrap();
    assert!(told.contains("QRESYNC") && told.contains("IDLE"), "{told}");
    // Not what could not be gone on with.
    assert!(!told.contains("OBJECTID") && !told.contains("COMPRESS"), "{told}");
    let capability = client.ok("CAPABILITY").await;
    assert!(capability.len() == 1 && !capability[0].contains("OBJECTID"), "{capability:?}");
    let selected = client.ok("SELECT INBOX").await;
    assert!(selected.iter().any(|line| line == "* 3 EXISTS"), "{selected:?}");
    let fetched = client.ok("FETCH 2 BODY.PEEK[]").await;
    assert!(fetched[0].contains("number 2"), "{fetched:?}");
    // A synchronizing literal.
    client.send("x1 SEARCH SUBJECT {8}\r\n").await;
    assert_eq!(client.response().await, "+ OK");
    client.send("number 3\r\n").await;
    assert_eq!(client.finish("x1").await[0], "* SEARCH 3");
    assert!(client.cmd("COMPRESS DEFLATE").await[0].starts_with("NO"));
    assert!(client.cmd("LOGIN a b").await[0].starts_with("BAD"));
    client.ok("APPEND INBOX {3+}\r\na\r\n").await;
    assert_eq!(world.old.account.index(inbox(&world.old.account).await).await.unwrap().len(), 4);
    assert_eq!(world.new.account.index(inbox(&world.new.account).await).await.unwrap().len(), 3);
    let bye = client.cmd("LOGOUT").await;
    assert!(bye[0].starts_with("* BYE"), "{bye:?}");
    // That the platform closes, too, is nothing that a client that has left should hear of.
    assert_eq!(client.response().await, "");
}

async fn inbox(account: &Account) -> sterna_core::MailboxId {
    account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap()
}

#[tokio::test]
async fn a_wrong_password_is_the_platforms_word_and_a_dead_platform_is_none() {
    let world = world(0).await;
    let mut client = world.new.connect().await;
    let refused = client.cmd(&format!("LOGIN {USER} wrong")).await;
    assert!(refused[0].starts_with("NO [AUTHENTICATIONFAILED]"), "{refused:?}");
    world.new.store.set_platform("old", "{\"imap\":\"imap://127.0.0.1:1?tls=none\"}".into(), None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let refused = client.cmd(&format!("LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(refused[0].starts_with("NO [UNAVAILABLE]"), "{refused:?}");
}

#[tokio::test]
async fn an_idle_session_goes_on_here_on_the_same_connection() {
    let world = world(3).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    client.begin("IDLE").await;
    assert!(client.response().await.starts_with('+'));
    world.flip().await;
    quiet(&mut client).await;
    add(&world.new.account, 4).await;
    assert_eq!(client.response().await, "* 4 EXISTS");
    client.send("DONE\r\n").await;
    assert!(client.finish("a3").await[0].starts_with("OK"));
    let fetched = client.ok("UID FETCH 1:* (FLAGS)").await;
    assert_eq!(fetched.len(), 4, "{fetched:?}");
    // Now everything is offered.
    assert!(client.ok("CAPABILITY").await[0].contains("OBJECTID"));
}

#[tokio::test]
async fn what_happened_between_commands_is_told_after_the_hand_over() {
    let world = world(5).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    // Others change the old side; the mover has carried it over.
    world
        .both(async |account| {
            expunge(account, 2).await;
            flag(account, 4).await;
            add(account, 6).await;
        })
        .await;
    world.flip().await;
    quiet(&mut client).await;
    // By its old numbers the client means what it meant.
    let fetched = client.ok("FETCH 3 UID").await;
    assert!(fetched[0].starts_with("* 3 FETCH (UID 3"), "{fetched:?}");
    let told = client.ok("NOOP").await;
    let has = |line: &str| told.iter().any(|t| t.starts_with(line)) || fetched.iter().any(|t| t.starts_with(line));
    assert!(has("* 2 EXPUNGE") && has("* 6 EXISTS"), "{fetched:?} {told:?}");
    assert!(fetched.iter().chain(&told).any(|t| t.contains("\\Flagged")), "{fetched:?} {told:?}");
}

/// A hold that comes to nothing; what the old side tells in it is withheld.
async fn held_in_vain(world: &World) {
    let mut held = world.hold().await.unwrap();
    held.look_again().await.unwrap();
    held.release().await.unwrap();
}

/// The platform behind a relay that can stall.
async fn behind_a_tap(world: &World) -> Tap {
    let tap = Tap::start(world.old.address.port());
    let settings = format!("{{\"imap\":\"imap://127.0.0.1:{}?tls=none\"}}", tap.port());
    world.new.store.set_platform("old", settings, None).await.unwrap();
    tap
}

/// In IDLE as before: it is told what happens, and DONE ends it.
async fn still_idles(world: &World, client: &mut Client) {
    quiet(client).await;
    flag(&world.old.account, 3).await;
    assert!(client.response().await.starts_with("* 3 FETCH"));
    client.send("DONE\r\n").await;
    assert!(client.finish("a3").await[0].starts_with("OK"));
    client.ok("NOOP").await;
}

/// A hold that is given up while the platform has not answered the DONE that it brought.
async fn interrupted(world: &World, tap: &Tap) -> Client {
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    client.begin("IDLE").await;
    assert!(client.response().await.starts_with('+'));
    tap.fault(Fault::Stall);
    assert!(tokio::time::timeout(Duration::from_millis(200), world.hold()).await.is_err());
    while world.new.store.hold(world.new.account.id()).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client
}

#[tokio::test]
async fn an_idle_that_ends_after_the_hold_goes_on() {
    let world = world(3).await;
    let tap = behind_a_tap(&world).await;
    let mut client = interrupted(&world, &tap).await;
    tap.pass();
    still_idles(&world, &mut client).await;
}

#[tokio::test]
async fn an_idle_that_ends_slowly_is_ended_once() {
    let world = world(3).await;
    let tap = behind_a_tap(&world).await;
    let mut client = interrupted(&world, &tap).await;
    let (held, ()) = tokio::join!(world.hold(), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tap.pass();
    });
    let mut held = held.unwrap();
    held.look_again().await.unwrap();
    held.release().await.unwrap();
    still_idles(&world, &mut client).await;
}

#[tokio::test]
async fn what_is_looked_for_and_comes_after_the_hold_is_withheld() {
    let world = world(5).await;
    let tap = behind_a_tap(&world).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    let mut held = world.hold().await.unwrap();
    expunge(&world.old.account, 2).await;
    tap.fault(Fault::Stall);
    let looking = tokio::time::timeout(Duration::from_millis(200), held.look_again());
    assert!(looking.await.is_err());
    held.release().await.unwrap();
    tap.pass();
    quiet(&mut client).await;
    let told = client.ok("NOOP").await;
    assert!(told.iter().any(|line| line == "* 2 EXPUNGE"), "{told:?}");
}

#[tokio::test]
async fn what_was_withheld_is_told_by_the_next_command_whichever_it_is() {
    let world = world(5).await;
    let mut client = world.new.login().await;
    client.ok("CREATE Drafts").await;
    client.ok("SELECT INBOX").await;
    let at_once = format!("APPEND Drafts {{{}+}}\r\n{}\r\n", 3, "abc");
    let large = format!("APPEND Drafts {{{}+}}\r\n{}\r\n", 70_000, "x".repeat(70_000));
    for (uid, append) in [(2, at_once.as_str()), (3, large.as_str())] {
        flag(&world.old.account, uid).await;
        held_in_vain(&world).await;
        quiet(&mut client).await;
        client.send(format!("t{uid} {append}")).await;
        let told = client.finish(&format!("t{uid}")).await;
        assert!(told[0].starts_with(&format!("* {uid} FETCH")) && told[0].contains("\\Flagged"), "{told:?}");
        assert!(told[1].starts_with("OK [APPENDUID"), "{told:?}");
    }
    // Told with a literal that the server must ask for.
    flag(&world.old.account, 4).await;
    held_in_vain(&world).await;
    client.send("t4 APPEND Drafts {3}\r\n").await;
    assert_eq!(client.response().await, "+ OK");
    client.send("abc\r\n").await;
    let told = client.finish("t4").await;
    assert!(told[0].starts_with("* 4 FETCH"), "{told:?}");
}

#[tokio::test]
async fn what_was_withheld_is_not_told_as_news_of_another_mailbox() {
    let world = world(5).await;
    let mut client = world.new.login().await;
    client.ok("CREATE Drafts").await;
    client.ok("SELECT INBOX").await;
    flag(&world.old.account, 2).await;
    expunge(&world.old.account, 5).await;
    held_in_vain(&world).await;
    let told = client.ok("SELECT Drafts").await;
    assert!(!told.iter().any(|line| line.contains("FETCH") || line.contains("EXPUNGE")), "{told:?}");
    let told = client.ok("SELECT INBOX").await;
    assert!(told.iter().any(|line| line == "* 4 EXISTS"), "{told:?}");
    assert!(client.ok("FETCH 1:* FLAGS").await[1].contains("\\Flagged"));
}

#[tokio::test]
async fn flags_that_change_again_before_they_are_told_are_told() {
    let world = world(3).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    world.both(async |account| flag(account, 2).await).await;
    world.flip().await;
    // Whichever flag another client changes: this one has been told neither.
    let seen = |tx: &sterna_store::Tx<'_>| {
        let (inbox, two) = (tx.mailboxes()?[0].id, sterna_store::UidRange::one(sterna_core::Uid::new(2).unwrap()));
        tx.change_flags(inbox, &[two], &sterna_store::FlagChange::Add(Flags::system(SystemFlags::SEEN)), None)
    };
    world.new.account.write(seen).await.unwrap();
    let told = client.ok("NOOP").await;
    let told = told.iter().find(|line| line.starts_with("* 2 FETCH")).unwrap_or_else(|| panic!("{told:?}"));
    assert!(told.contains("\\Flagged") && told.contains("\\Seen"), "{told}");
}

#[tokio::test]
async fn half_a_literal_is_finished_here() {
    let world = world(1).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    client.send("h1 APPEND INBOX {31}\r\n").await;
    assert_eq!(client.response().await, "+ OK");
    client.send("Subject: half\r\n").await;
    world.flip().await;
    quiet(&mut client).await;
    client.send("\r\nthe other half\r\n").await;
    let answer = client.finish("h1").await;
    assert!(answer.last().unwrap().starts_with("OK [APPENDUID 77 2]"), "{answer:?}");
    // A command in the middle of a line, too.
    assert!(client.ok("FETCH 2 BODY.PEEK[]").await[0].contains("the other half"));
    client.check().await;
}

#[tokio::test]
async fn half_a_command_with_a_literal_is_finished_here() {
    let world = world(3).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    client.send("h1 SEARCH SUBJECT {8}\r\n").await;
    assert_eq!(client.response().await, "+ OK");
    client.send("numb").await;
    world.flip().await;
    client.send("er 3\r\n").await;
    assert_eq!(client.finish("h1").await[0], "* SEARCH 3");
}

#[tokio::test]
async fn a_hold_that_is_released_changes_nothing() {
    let world = world(2).await;
    let mut idle = world.new.login().await;
    idle.ok("SELECT INBOX").await;
    idle.begin("IDLE").await;
    assert!(idle.response().await.starts_with('+'));
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    for _ in 0..3 {
        held_in_vain(&world).await;
    }
    quiet(&mut idle).await;
    expunge(&world.old.account, 1).await;
    assert_eq!(idle.response().await, "* 1 EXPUNGE");
    // What was learned while nothing could be told is told before the next command counts.
    held_in_vain(&world).await;
    let refused = client.cmd("FETCH 2 UID").await;
    assert!(refused[0].starts_with("NO [EXPUNGEISSUED]"), "{refused:?}");
    let told = client.ok("NOOP").await;
    assert!(told.contains(&"* 1 EXPUNGE".to_owned()), "{told:?}");
    assert!(client.ok("FETCH 1 UID").await[0].contains("UID 2"));
}

#[tokio::test]
async fn what_a_released_hold_withheld_is_told_before_the_answer_to_an_append() {
    let world = world(3).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    // Gathered, and passed on as it comes.
    for (size, gone) in [(5, 1), (1_200_000, 2)] {
        expunge(&world.old.account, gone).await;
        held_in_vain(&world).await;
        client.send(&format!("a{gone} APPEND INBOX {{{size}}}\r\n")).await;
        assert_eq!(client.response().await, "+ OK");
        client.send(&"x".repeat(size)).await;
        client.send("\r\n").await;
        let told = client.finish(&format!("a{gone}")).await;
        assert_eq!(told[..2], ["* 1 EXPUNGE", "* 3 EXISTS"], "{told:?}");
    }
    assert!(client.ok("FETCH 1 UID").await[0].contains("UID 3"));
}

#[tokio::test]
async fn a_session_whose_mailbox_is_another_here_is_ended() {
    let world = world(2).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    // The mover would not let this pass.
    expunge(&world.new.account, 1).await;
    world.flip().await;
    assert!(client.response().await.starts_with("* BYE [UNAVAILABLE]"));
}

#[tokio::test]
async fn a_saved_result_and_a_notify_go_on() {
    let world = world(4).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    client.ok("UID SEARCH RETURN (SAVE) UID 2:3").await;
    client.ok("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))").await;
    world.flip().await;
    add(&world.new.account, 5).await;
    assert_eq!(client.response().await, "* 5 EXISTS");
    assert!(client.response().await.starts_with("* 5 FETCH (UID 5"));
    let fetched = client.ok("UID FETCH $ (UID)").await;
    assert_eq!(fetched.len(), 2, "{fetched:?}");
}

#[tokio::test]
async fn a_mailbox_that_goes_back_ends_the_sessions_here() {
    let world = world(2).await;
    let mut client = world.new.login().await;
    client.ok("SELECT INBOX").await;
    world.flip().await;
    client.ok("NOOP").await;
    let held = world.hold().await.unwrap();
    world.new.store.set_route(world.new.account.id(), Some("platform:old".into())).await.unwrap();
    held.release().await.unwrap();
    assert!(client.response().await.starts_with("* BYE [UNAVAILABLE]"));
    let mut again = world.new.login().await;
    again.ok("SELECT INBOX").await;
}

#[tokio::test]
async fn a_large_message_is_passed_on_as_it_comes() {
    let world = world(0).await;
    let mut client = world.new.login().await;
    let size = 3 << 20;
    client.send(format!("l1 APPEND INBOX {{{size}}}\r\n")).await;
    assert_eq!(client.response().await, "+ OK");
    let line = b"0123456789012345678901234567890123456789012345678901234567890\r\n".repeat(size / 63 + 1);
    client.send(&line[..size]).await;
    client.send(" {5+}\r\nhello\r\n").await;
    let answer = client.finish("l1").await;
    assert!(answer.last().unwrap().contains("APPENDUID"), "{answer:?}");
    client.ok("SELECT INBOX").await;
    let fetched = client.ok("FETCH 1 BODY.PEEK[]").await;
    assert!(fetched[0].len() > size, "{}", fetched[0].len());
    // To a mailbox that is not there.
    client.send(format!("l2 APPEND nowhere {{{size}+}}\r\n")).await;
    client.send(&line[..size]).await;
    client.send("\r\n").await;
    assert!(client.finish("l2").await.last().unwrap().starts_with("NO [TRYCREATE]"));
    client.ok("NOOP").await;
}

/// A platform that logs anybody in, answers the next command with these bytes, and is gone.
async fn dying_platform(world: &World, answer: Vec<u8>) -> Client {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{{\"imap\":\"imap://{}?tls=none\"}}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        stream.write_all(b"* OK [CAPABILITY IMAP4rev1] here\r\n").await.unwrap();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let mut words = line.split_ascii_whitespace();
            let (tag, verb) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let said = match verb.to_ascii_uppercase().as_str() {
                "CAPABILITY" => format!("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n"),
                "LOGIN" => format!("{tag} OK in\r\n"),
                _ => {
                    stream.write_all(&answer).await.unwrap();
                    return;
                }
            };
            stream.write_all(said.as_bytes()).await.unwrap();
        }
    });
    world.new.store.set_platform("old", url, None).await.unwrap();
    world.new.login().await
}

#[tokio::test]
async fn a_platform_that_dies_in_the_middle_of_a_response_is_told_of() {
    let world = world(0).await;
    let mut client = dying_platform(&world, b"* 3 EXISTS\r\n* OK [UIDVAL".to_vec()).await;
    client.begin("SELECT INBOX").await;
    assert_eq!(client.response().await, "* 3 EXISTS");
    assert!(client.response().await.starts_with("* BYE [UNAVAILABLE]"));
    assert_eq!(client.response().await, "");
}

#[tokio::test]
async fn nothing_is_put_into_a_literal_whose_end_does_not_come() {
    let world = world(0).await;
    let mut answer = b"* 1 FETCH (BODY[] {20010}\r\n".to_vec();
    answer.resize(answer.len() + 20_000, b'x');
    let mut client = dying_platform(&world, answer).await;
    client.begin("FETCH 1 BODY[]").await;
    assert!(!client.rest().await.windows(3).any(|bytes| bytes == b"BYE"));
}
