//! A source that misbehaves in one way at a time: what no real server does on command.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sterna_migrate::{MoveOptions, State};
use sterna_tests::User;

use crate::target::Target;

/// What the server answers; each fault is used up by occurring once, unless it says otherwise.
#[derive(Default)]
struct Script {
    /// Folder: LIST attributes, name on the wire, messages.
    folders: Vec<(&'static str, &'static str, Vec<Odd>)>,
    /// The answer to the next UID FETCH of bodies.
    throttle: Vec<&'static str>,
    /// Folders whose EXAMINE is refused, always.
    refused: Vec<&'static str>,
    /// The next so many EXAMINEs show no message.
    seems_empty: usize,
    /// The next so many LISTs show nothing.
    lists_nothing: usize,
    /// SPECIAL-USE is not offered.
    no_special_use: bool,
}

#[derive(Clone)]
struct Odd {
    uid: u32,
    flags: &'static str,
    date: &'static str,
    /// What RFC822.SIZE claims.
    size: usize,
    /// The next so many fetches give an empty body.
    empty: usize,
    /// Listed, and gone when it is fetched.
    vanished: bool,
    raw: String,
}

fn message(uid: u32) -> Odd {
    let raw = format!("Date: Sun, 1 Feb 2026 09:30:00 +0100\r\nSubject: {uid}\r\n\r\nbody {uid}\r\n");
    let date = "\" 1-Feb-2026 09:30:00 +0100\"";
    Odd { uid, flags: "\\Seen", date, size: raw.len(), empty: 0, vanished: false, raw }
}

struct Server {
    port: u16,
    script: Arc<Mutex<Script>>,
}

impl Server {
    fn start(script: Script) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(script));
        let shared = script.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = shared.clone();
                // A client that goes away ends its thread.
                std::thread::spawn(move || drop(serve(stream, &script)));
            }
        });
        Server { port, script }
    }

    async fn copy(&self, target: &Target) -> sterna_migrate::Result<State> {
        let user = User { login: "anne".into(), password: "secret".into() };
        target.plan(self.port, &user, MoveOptions { connections: 1, ..MoveOptions::default() }).await;
        target.run().await
    }
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    stream.write_all(b"* OK ready\r\n")?;
    let mut selected = String::new();
    while let Some(line) = lines.next().transpose()? {
        let (tag, command) = line.split_once(' ').unwrap();
        let upper = command.to_ascii_uppercase();
        let answer = answer(&mut script.lock().unwrap(), &mut selected, command, &upper);
        let (untagged, status) = answer.rsplit_once('|').unwrap_or(("", &answer));
        stream.write_all(format!("{untagged}{tag} {status}\r\n").as_bytes())?;
        if upper == "LOGOUT" {
            break;
        }
    }
    Ok(())
}

/// Untagged responses, `|`, the status.
fn answer(script: &mut Script, selected: &mut String, command: &str, upper: &str) -> String {
    let argument = || command.split_once(' ').map(|(_, a)| a.trim_matches('"').to_owned()).unwrap_or_default();
    if upper == "CAPABILITY" {
        let special = if script.no_special_use { "" } else { " SPECIAL-USE" };
        return format!("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ NAMESPACE{special}\r\n|OK done");
    }
    if upper == "NAMESPACE" {
        return "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n|OK done".into();
    }
    if upper.starts_with("LIST") {
        if script.lists_nothing > 0 {
            script.lists_nothing -= 1;
            return "|OK done".into();
        }
        let line =
            |(attributes, name, _): &(&str, &str, Vec<Odd>)| format!("* LIST ({attributes}) \"/\" \"{name}\"\r\n");
        return script.folders.iter().map(line).collect::<String>() + "|OK done";
    }
    if upper.starts_with("STATUS") || upper.starts_with("EXAMINE") {
        let name = match upper.starts_with("STATUS") {
            true => argument().split_once('(').unwrap().0.trim().trim_matches('"').to_owned(),
            false => argument(),
        };
        let Some((_, _, messages)) = script.folders.iter().find(|(_, n, _)| n.eq_ignore_ascii_case(&name)) else {
            return "|NO [NONEXISTENT] no such mailbox".into();
        };
        if script.refused.contains(&name.as_str()) {
            return "|NO this mailbox is broken".into();
        }
        let next = messages.iter().map(|m| m.uid + 1).max().unwrap_or(1);
        if upper.starts_with("STATUS") {
            let n = messages.len();
            return format!("* STATUS \"{name}\" (MESSAGES {n} UIDNEXT {next} UIDVALIDITY 7 UNSEEN 0)\r\n|OK done");
        }
        *selected = name;
        let exists = if script.seems_empty > 0 { 0 } else { messages.len() };
        script.seems_empty = script.seems_empty.saturating_sub(1);
        return format!(
            "* {exists} EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT {next}] n\r\n|OK [READ-ONLY] done"
        );
    }
    if upper.starts_with("UID FETCH") && upper.contains("BODY.PEEK") && !script.throttle.is_empty() {
        return format!("|{}", script.throttle.remove(0));
    }
    let Some((_, _, messages)) = script.folders.iter_mut().find(|(_, n, _)| n.eq_ignore_ascii_case(selected)) else {
        return "|OK done".into();
    };
    if upper.starts_with("UID SEARCH") {
        let uids: Vec<String> = messages.iter().map(|m| m.uid.to_string()).collect();
        return format!("* SEARCH {}\r\n|OK done", uids.join(" "));
    }
    if upper.starts_with("UID FETCH") {
        return fetch(messages, &upper["UID FETCH ".len()..]);
    }
    "|OK done".into()
}

fn fetch(messages: &mut [Odd], arguments: &str) -> String {
    let (set, items) = arguments.split_once(' ').unwrap();
    let wanted = |uid: u32| {
        set.split(',').any(|range| {
            let (first, last) = range.split_once(':').unwrap_or((range, range));
            let last = if last == "*" { u32::MAX } else { last.parse().unwrap() };
            (first.parse().unwrap()..=last).contains(&uid)
        })
    };
    let mut out = String::new();
    for (n, m) in messages.iter_mut().enumerate().filter(|(_, m)| wanted(m.uid)) {
        let mut parts = vec![format!("UID {}", m.uid)];
        if items.contains("FLAGS") {
            parts.push(format!("FLAGS ({})", m.flags));
        }
        if items.contains("INTERNALDATE") {
            parts.push(format!("INTERNALDATE {}", m.date));
        }
        if items.contains("RFC822.SIZE") {
            parts.push(format!("RFC822.SIZE {}", m.size));
        }
        if items.contains("BODY.PEEK[]") {
            if m.vanished {
                continue;
            }
            if m.empty > 0 {
                m.empty -= 1;
                parts.push(if m.empty % 2 == 0 { "BODY[] NIL".into() } else { "BODY[] \"\"".into() });
            } else {
                parts.push(format!("BODY[] {{{}}}\r\n{}", m.raw.len(), m.raw));
            }
        }
        out += &format!("* {} FETCH ({})\r\n", n + 1, parts.join(" "));
    }
    out + "|OK done"
}

fn inbox(messages: Vec<Odd>) -> Script {
    Script { folders: vec![("", "INBOX", messages)], ..Script::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttling_source_is_given_the_time_it_asks_for() {
    let throttle = vec!["BAD Request is throttled. Suggested Backoff Time: 1300 milliseconds"];
    let server = Server::start(Script { throttle, ..inbox((1..=70).map(message).collect()) });
    let target = Target::new().await;
    let begun = Instant::now();
    assert_eq!(server.copy(&target).await.unwrap(), State::Following);
    assert!(begun.elapsed() >= Duration::from_millis(1300));
    assert_eq!(target.snapshot().await.folder("INBOX").messages.len(), 70);
    assert!(target.receipt().await.equal);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_body_is_asked_for_again_and_never_dropped() {
    let odd = vec![message(1), Odd { empty: 2, ..message(5) }, Odd { empty: 9, ..message(6) }, message(9)];
    let server = Server::start(inbox(odd));
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    let status = target.mover.status(target.account).await.unwrap().unwrap();
    // Both passes of a first run ask for it four times in vain.
    assert_eq!((status.missing, status.exceptions), (1, 1), "{status:?}");
    let receipt = target.receipt().await;
    assert!(!receipt.equal && receipt.folders[0].only_source == 1 && receipt.exceptions[0].uid == Some(6));
    // A later pass gets it.
    target.run().await.unwrap();
    assert_eq!(target.mover.status(target.account).await.unwrap().unwrap().missing, 0);
    assert!(target.receipt().await.equal);
    target.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_vanishes_before_it_is_fetched_is_no_error() {
    let server = Server::start(inbox(vec![message(1), Odd { vanished: true, ..message(2) }, message(3)]));
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    server.script.lock().unwrap().folders[0].2.remove(1);
    target.run().await.unwrap();
    let receipt = target.receipt().await;
    assert!(receipt.equal && receipt.exceptions.is_empty(), "{receipt:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_that_lie_dates_that_are_none_and_odd_flags_are_taken_and_told() {
    let server = Server::start(inbox(vec![
        Odd { size: 3, ..message(1) },
        Odd { size: 90_000_000, ..message(2) },
        Odd { date: "\"99-Foo-2026\"", ..message(3) },
        Odd { date: "NIL", raw: "Subject: no date\r\n\r\nx\r\n".into(), ..message(4) },
        Odd { flags: "\\Seen \\Forwarded Work \"a b\"", ..message(5) },
    ]));
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    let here = target.snapshot().await;
    let messages = &here.folder("INBOX").messages;
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[&3].internal_date, " 1-Feb-2026 09:30:00 +0100");
    assert_eq!(messages[&5].flags.iter().map(String::as_str).collect::<Vec<_>>(), ["\\seen", "work"]);
    let receipt = target.receipt().await;
    assert!(receipt.equal, "{receipt:#?}");
    assert_eq!(receipt.folders[0].sizes_claimed_wrongly, 3);
    for what in ["\"99-Foo-2026\" is not a date", "\"NIL\" is not a date", "\\\\Forwarded", "a b"] {
        assert!(receipt.exceptions.iter().any(|e| e.reason.contains(what)), "{what}: {:?}", receipt.exceptions);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_refuses_select_costs_only_itself() {
    let mut script = inbox(vec![message(1)]);
    script.folders.push(("", "Broken", vec![message(1)]));
    script.folders.push(("", "Good", vec![message(1)]));
    script.refused.push("Broken");
    let server = Server::start(script);
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    let status = target.mover.status(target.account).await.unwrap().unwrap();
    let [(folder, reason)] = &status.refused[..] else { panic!("{status:?}") };
    assert!(folder == "Broken" && reason.contains("this mailbox is broken"));
    assert_eq!(target.snapshot().await.messages(), 2);
    assert!(!target.receipt().await.equal);
    server.script.lock().unwrap().refused.clear();
    target.run().await.unwrap();
    assert!(target.receipt().await.equal);
    assert!(target.mover.status(target.account).await.unwrap().unwrap().refused.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubtful_answer_empties_nothing() {
    let server = Server::start(inbox((1..=5).map(message).collect()));
    server.script.lock().unwrap().folders.push(("", "Other", vec![message(1)]));
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    for fault in [|s: &mut Script| s.seems_empty = 1, |s: &mut Script| s.lists_nothing = 1] {
        fault(&mut server.script.lock().unwrap());
        assert_eq!(target.run().await.unwrap(), State::Following);
        assert_eq!(target.snapshot().await.messages(), 6);
        // Nothing was removed and brought again.
        assert_eq!(target.receipt().await.totals.messages, 6);
    }
    // Empty for every connection: then it is.
    server.script.lock().unwrap().folders[0].2.clear();
    target.run().await.unwrap();
    assert_eq!(target.snapshot().await.messages(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_special_use_claimed_twice_is_given_once() {
    let mut script = inbox(vec![]);
    script.folders.push(("\\Sent", "Sent", vec![]));
    script.folders.push(("\\Sent \\Trash", "Sent Items", vec![]));
    let server = Server::start(script);
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    let tree = target.account().await.read(|tx| tx.mailbox_tree()).await.unwrap();
    let role = |name| tree.find(name).unwrap().role.unwrap().as_str();
    assert_eq!((role("Sent"), role("Sent Items")), ("sent", "trash"));
    let receipt = target.receipt().await;
    assert!(receipt.exceptions.iter().any(|e| e.reason.contains("\\Sent")), "{:?}", receipt.exceptions);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_source_has_no_special_uses_names_are_guessed_and_odd_names_made_possible() {
    let mut script = Script { no_special_use: true, ..inbox(vec![message(1)]) };
    script.folders[0].1 = "Inbox";
    script.folders.push(("", "&AMk-l&AOk-ments envoy&AOk-s", vec![]));
    script.folders.push(("", "a//b", vec![message(1)]));
    script.folders.push(("", "Inbox/Sub", vec![message(1)]));
    let server = Server::start(script);
    let target = Target::new().await;
    server.copy(&target).await.unwrap();
    let tree = target.account().await.read(|tx| tx.mailbox_tree()).await.unwrap();
    assert_eq!(tree.find("Éléments envoyés").unwrap().role.unwrap().as_str(), "sent");
    assert_eq!(tree.find("a/_/b").unwrap().total, 1);
    assert_eq!((tree.find("INBOX").unwrap().total, tree.find("INBOX/Sub").unwrap().total), (1, 1));
    let receipt = target.receipt().await;
    assert!(receipt.exceptions.iter().any(|e| e.reason.contains("a part of it is empty")), "{:?}", receipt.exceptions);
}
