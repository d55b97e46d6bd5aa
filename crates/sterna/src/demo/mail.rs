//! The tour's mail: a letter goes out, signed, and the answer comes in and is filed by a rule.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::Client;
use super::platform::Platform;
use super::{ADDRESS, Failure, PASSWORD, say};

/// The correspondent, on the other platform.
pub const PAUL: &str = "paul@example.net";

const RULE: &str = "require [\"fileinto\", \"mailbox\"];\n\
                    if address :is \"from\" \"paul@example.net\" { fileinto :create \"From Paul\"; }\n";

/// So long may a letter be under way.
const PATIENCE: Duration = Duration::from_secs(60);

/// From the new platform to the other and back.
pub fn correspond(other: &Platform, new: &Platform) -> Result<(), Failure> {
    for command in [
        &["domain", "dkim", "example.org", "add", "--algorithm", "ed25519", "--selector", "tour"][..],
        &["domain", "dkim", "example.org", "activate", "--selector", "tour", "--unchecked"],
        &["sieve", "put", ADDRESS, "rules"],
        &["sieve", "activate", ADDRESS, "rules"],
    ] {
        say(&format!("$ sterna {}", command.join(" ")));
        new.cli(command, RULE)?;
    }
    let begun = Instant::now();
    submit(new.submission, ADDRESS, PAUL, "A letter", "We have moved, and nothing changed for me.")?;
    let arrived = wait(other.port, PAUL, "INBOX")?;
    say(&format!("Paul has Anne's letter after {} ms:", begun.elapsed().as_millis()));
    for line in arrived.iter().filter(|line| is_worth_a_look(line)) {
        say(&format!("    {line}"));
    }
    submit(other.submission, PAUL, ADDRESS, "Re: A letter", "Good to hear.")?;
    wait(new.port, ADDRESS, "From Paul")?;
    say("his answer is in Anne's folder \"From Paul\", where her rule puts it; the queue:");
    new.watch(&["queue", "stats"], "")
}

/// Field lines that show the way of a letter.
fn is_worth_a_look(line: &str) -> bool {
    ["Return-Path:", "Delivered-To:", "Received:", "DKIM-Signature:", "From:", "Subject:"]
        .iter()
        .any(|name| line.starts_with(name))
}

/// Sends a letter as a mail client does (RFC 6409).
fn submit(port: u16, from: &str, to: &str, subject: &str, text: &str) -> Result<(), Failure> {
    let login = STANDARD.encode(format!("\0{from}\0{PASSWORD}"));
    send(port, Some(&format!("AUTH PLAIN {login}")), from, to, subject, text)
}

/// The same as another server does.
pub fn hand_over(port: u16, from: &str, to: &str, subject: &str, text: &str) -> Result<(), Failure> {
    send(port, None, from, to, subject, text)
}

fn send(port: u16, auth: Option<&str>, from: &str, to: &str, subject: &str, text: &str) -> Result<(), Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let message = format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{text}\r\n.");
    expect(&mut reader, '2')?;
    let (mail, rcpt) = (format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"));
    let steps = [
        (Some("EHLO tour.example"), '2'),
        (auth, '2'),
        (Some(&mail), '2'),
        (Some(&rcpt), '2'),
        (Some("DATA"), '3'),
        (Some(&message), '2'),
        (Some("QUIT"), '2'),
    ];
    for (command, class) in steps {
        let Some(command) = command else { continue };
        reader.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        expect(&mut reader, class)?;
    }
    Ok(())
}

/// Reads a reply, which must be of this class.
fn expect(reader: &mut BufReader<TcpStream>, class: char) -> Result<(), Failure> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if !line.starts_with(class) {
            return Err(format!("the server answered: {}", line.trim_end()).into());
        }
        if line.get(3..4) != Some("-") {
            return Ok(());
        }
    }
}

/// Waits for a message in a mailbox; the header of its newest one.
fn wait(port: u16, user: &str, mailbox: &str) -> Result<Vec<String>, Failure> {
    let begun = Instant::now();
    let mut client = Client::login(port, user, PASSWORD)?;
    loop {
        let exists = client.command(&format!("STATUS \"{mailbox}\" (MESSAGES)"));
        if exists.is_ok_and(|lines| lines.iter().any(|line| !line.contains("(MESSAGES 0)"))) {
            client.command(&format!("SELECT \"{mailbox}\""))?;
            return client.command("FETCH * BODY.PEEK[HEADER]");
        }
        if begun.elapsed() > PATIENCE {
            return Err("the letter did not arrive within a minute".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
