//! The tour's live move: a mail client, connected through the front door to the old platform, stays connected while its mailbox
//! moves to the new one.

use std::time::{Duration, Instant};

use super::client::Client;
use super::mail;
use super::platform::Platform;
use super::{ADDRESS, Failure, PASSWORD, say, show};

/// So long may a step take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has the new platform stand in front of the old one; gives a client that idles in INBOX, and what it sees there.
pub fn front_door(old: &Platform, new: &Platform) -> Result<(Client, Vec<String>), Failure> {
    let imap = format!("imap://127.0.0.1:{}?tls=none", old.port);
    let deliver = format!("smtp://127.0.0.1:{}?tls=none", old.smtp);
    for command in [
        &["platform", "add", "old", "--imap", &imap, "--deliver", &deliver, "--learn"][..],
        &["account", "add", ADDRESS, "--platform", "old"],
    ] {
        say(&format!("$ sterna {}", command.join(" ")));
        new.cli(command, "")?;
    }
    let mut client = Client::login(new.port, ADDRESS, PASSWORD)?;
    let sees = client.identity("INBOX")?;
    show("a mail client that connects to the new platform, with the password of the old one, sees", &sees);
    client.command("SELECT INBOX")?;
    client.idle()?;
    say(&format!("it waits for new mail (IDLE) on its connection from port {}", client.port()?));
    Ok((client, sees))
}

/// Copies and follows the mailbox while the client idles; then the mailbox changes sides under it.
pub fn cut_over(old: &Platform, new: &Platform) -> Result<(), Failure> {
    let from = format!("imap://127.0.0.1:{}?tls=none", old.port);
    let start = ["move", "start", ADDRESS, "--from", &from, "--user", ADDRESS, "--password-stdin", "--follow"];
    say(&format!("$ sterna {}", start.join(" ")));
    new.watch(&start, PASSWORD)?;
    let begun = Instant::now();
    while !new.ask(&["move", "status", ADDRESS])?.contains("following") {
        if begun.elapsed() > PATIENCE {
            return Err("the first copy was not complete within a minute".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    say("everything is copied, and followed; now the mailbox changes sides:");
    let cut = ["move", "cutover", ADDRESS, "--back-sync", "--wait"];
    say(&format!("$ sterna {}", cut.join(" ")));
    new.watch(&cut, "")
}

/// A letter comes to the new platform: the client that was connected to the old one hears of it on the same connection.
pub fn prove(old: &Platform, new: &Platform, client: &mut Client) -> Result<(), Failure> {
    let quiet = client.wait_line(Duration::from_millis(500))?;
    if let Some(line) = quiet {
        return Err(format!("the client was told \"{line}\" by the move: please report this").into());
    }
    say("the client was told nothing: for it, nothing has happened");
    mail::hand_over(new.smtp, "paul@example.net", ADDRESS, "First letter here", "It comes to the new platform.")?;
    let begun = Instant::now();
    let line = loop {
        match client.wait_line(PATIENCE)? {
            Some(line) if line.contains("EXISTS") => break line,
            Some(_) => {}
            None => return Err("the client did not hear of the letter".into()),
        }
    };
    let (port, millis) = (client.port()?, begun.elapsed().as_millis());
    say(&format!(
        "a letter to the new platform; the same connection, from port {port}, hears of it after {millis} ms:"
    ));
    say(&format!("    {line}"));
    client.done()?;
    // Somebody who does not know yet still writes to the old one.
    let mut late = Client::login(old.port, ADDRESS, PASSWORD)?;
    let letter = b"From: Paul <paul@example.org>\r\nSubject: To the old address\r\n\r\nA late message.\r\n";
    late.append("INBOX", "", None, letter)?;
    let begun = Instant::now();
    loop {
        let told = client.command("NOOP")?;
        if told.iter().any(|line| line.contains("EXISTS")) {
            say("a message that still reaches the old platform is brought over, with a UID of its own");
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err("a message on the old platform was not brought over within a minute".into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    // What came here is on the old one as well, before anybody asks for a rollback.
    loop {
        late.command("EXAMINE INBOX")?;
        let found = late.command("UID SEARCH SUBJECT \"First letter here\"")?;
        let is_there = found.iter().any(|line| line.strip_prefix("* SEARCH ").is_some_and(|uids| !uids.is_empty()));
        // The record says so when the whole pass is done.
        if is_there && new.ask(&["move", "status", ADDRESS])?.contains("; 1 messages") {
            say("the letter is on the old platform as well, until the rollback window closes (--back-sync)");
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err("the letter was not carried back to the old platform within a minute".into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
