//! The tour: an old platform and a new one on loopback, a mailbox that moves from one to the other, and letters.
//!
//! Everything it shows is done by this very program through its command line, in child processes, as an operator would;
//! the old platform is a second Sterna and knows nothing of its role. Nothing is left behind.

mod client;
mod dns;
mod live;
mod mail;
mod platform;
mod postgres;

use std::io::{IsTerminal, Write};
use std::time::Instant;

use clap::Args;
use sterna_bench::corpus::{Corpus, Profile};

use client::Client;
use platform::Platform;
use postgres::Postgres;

/// A step of the tour that did not work: a sentence for the person who watches.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

const ADDRESS: &str = "anne.martin@example.org";
const PASSWORD: &str = "correct horse battery staple";

/// Options of `sterna demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Messages in the mailbox that moves.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,
    /// End after the tour instead of leaving both platforms running until Enter. The default without a terminal.
    #[arg(long)]
    no_wait: bool,
}

/// Runs the tour.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let directory = tempfile::Builder::new().prefix("sterna-demo-").tempdir()?;
    heading("1. Two platforms on this machine");
    let mut old = Platform::prepare(&directory.path().join("old"), "")?;
    let mut new = Platform::prepare(&directory.path().join("new"), "")?;
    let dns = dns::nameless()?;
    old.relay_to(&new, dns)?;
    new.relay_to(&old, dns)?;
    old.serve()?;
    new.serve()?;
    say(&format!("the old one answers IMAP on 127.0.0.1:{}, the new one on 127.0.0.1:{}", old.port, new.port));
    for platform in [&old, &new] {
        platform.cli(&["domain", "add", "example.org"], "")?;
    }
    old.cli(&["account", "add", ADDRESS, "--password-stdin"], PASSWORD)?;

    heading("2. A mailbox with some years of mail on the old platform");
    let mut client = Client::login(old.port, ADDRESS, PASSWORD)?;
    let begun = Instant::now();
    let (messages, bytes) = fill(&mut client, args.messages as usize)?;
    let size = sterna_core::format_bytes(bytes);
    say(&format!("{messages} messages, {size}, written by IMAP APPEND in {:.1} s", begun.elapsed().as_secs_f32()));
    let before = client.identity("INBOX")?;
    show("the mail client sees INBOX as", &before);

    heading("3. The front door: clients connect to the new platform, their mailbox is still on the old one");
    let (mut connected, sees) = live::front_door(&old, &new)?;
    if before != sees {
        return Err("the front door shows another mailbox: please report this".into());
    }

    heading("4. The move, under the open connection");
    live::cut_over(&old, &new)?;
    let after = Client::login(new.port, ADDRESS, PASSWORD)?.identity("INBOX")?;
    show("a client that connects now sees", &after);
    if before != after {
        return Err("the two sides differ: please report this".into());
    }
    say("nothing differs: clients keep their settings and download nothing again");
    live::prove(&old, &new, &mut connected)?;

    heading("5. The receipt, which compares both sides message by message");
    new.watch(&["move", "receipt", ADDRESS], "")?;
    heading("6. Every invariant of the new platform");
    new.watch(&["check"], "")?;

    heading("7. Mail in and out");
    old.cli(&["domain", "add", "example.net"], "")?;
    old.cli(&["account", "add", mail::PAUL, "--password-stdin"], PASSWORD)?;
    // It had Anne's mailbox, and sends on what still comes for her.
    let moved = format!("smtp://127.0.0.1:{}?tls=none", new.smtp);
    old.cli(&["account", "set", ADDRESS, "--deliver-to", &moved], "")?;
    mail::correspond(&old, &new)?;

    heading("8. The same mailbox in PostgreSQL");
    let mut database = None;
    match postgres::installed() {
        Some(programs) => {
            let before = Client::login(new.port, ADDRESS, PASSWORD)?.identity("INBOX")?;
            let postgres = Postgres::start(&programs, &directory.path().join("postgres"))?;
            let mut shared = Platform::prepare(&directory.path().join("shared"), &postgres.tables())?;
            shared.relay_to(&old, dns)?;
            new.stop();
            let to = shared.configuration.display().to_string();
            say(&format!("$ sterna store copy --to {to}"));
            new.watch(&["store", "copy", "--to", &to], "")?;
            shared.serve()?;
            let after = Client::login(shared.port, ADDRESS, PASSWORD)?.identity("INBOX")?;
            if before != after {
                return Err("the copy differs: please report this".into());
            }
            say("the same client sees the same mailbox; with [blobs] in S3, several nodes would serve it");
            new = shared;
            database = Some(postgres);
        }
        None => say("PostgreSQL is not installed here (apt install postgresql): this step is left out"),
    }

    heading("Try it yourself");
    say("any mail client, no encryption (this is loopback), user name and password the same on both:");
    for (name, platform) in [("old", &old), ("new", &new)] {
        let Platform { port, submission, .. } = platform;
        say(&format!("    {name} platform   IMAP 127.0.0.1 port {port}, SMTP (submission) port {submission}"));
    }
    say("    somebody to write to: paul@example.net");
    say(&format!("    user name      {ADDRESS}"));
    say(&format!("    password       {PASSWORD}"));
    say(&format!("    command line   STERNA_CONFIG={} sterna …", new.configuration.display()));
    if !args.no_wait && std::io::stdin().is_terminal() {
        say("Enter ends the tour and removes everything.");
        std::io::stdin().read_line(&mut String::new())?;
    }
    // The server first: it has sessions open there.
    drop(new);
    drop(database);
    Ok(())
}

/// Writes the corpus into the mailbox; messages and bytes.
fn fill(client: &mut Client, messages: usize) -> Result<(usize, u64), Failure> {
    let (mut count, mut bytes) = (0, 0);
    let mut known = std::collections::HashSet::from(["INBOX"]);
    for message in Corpus::sized(Profile::Small, messages, 1) {
        if known.insert(message.folder) {
            client.create(message.folder)?;
        }
        let date = message.internal_date.imap().to_string();
        client.append(message.folder, &message.flags.to_string(), Some(&date), &message.raw)?;
        count += 1;
        bytes += message.raw.len() as u64;
    }
    Ok((count, bytes))
}

fn heading(text: &str) {
    say(&format!("\n\x1b[1m{text}\x1b[0m"));
}

fn show(what: &str, lines: &[String]) {
    say(&format!("{what}:"));
    lines.iter().for_each(|line| say(&format!("    {line}")));
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Somebody who closed the pipe has seen enough.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
