//! What clients download again after the move: mbsync, OfflineIMAP and two POP3 clients that had synchronised through the front
//! door before. Every client is set up once; a tap stands for the host's name and counts what the server sends.

use sterna_tests::pop3_clients::{Client as Pop3Client, Kind};
use sterna_tests::{DovecotOptions, Mbsync, MbsyncOptions, OfflineImap, SternaConfig, Tap, User};

use super::mailboxes::{self, Content, Master};
use super::page::{Page, Table, grouped};
use super::stage::Stage;

/// One client at its host.
struct Place {
    name: &'static str,
    host: Tap,
    client: Box<dyn Synchronises>,
}

/// What a client did in one run.
struct Run {
    /// Message bodies that it asked for, or messages that it stored.
    bodies: u64,
    /// The bytes of those bodies, if it tells them.
    bytes: Option<u64>,
    complaints: usize,
}

trait Synchronises {
    fn run(&self) -> Run;
}

impl Synchronises for Mbsync {
    fn run(&self) -> Run {
        let report = Mbsync::run(self);
        let complaints = report.errors.len() + usize::from(!report.success);
        Run { bodies: report.fetched.max(report.near_added), bytes: Some(report.fetched_bytes), complaints }
    }
}

impl Synchronises for OfflineImap {
    fn run(&self) -> Run {
        let report = OfflineImap::run(self);
        let complaints = report.errors.len() + usize::from(!report.success);
        Run { bodies: report.copied.max(report.near_added), bytes: None, complaints }
    }
}

impl Synchronises for Pop3Client {
    fn run(&self) -> Run {
        Run { bodies: self.fetch(), bytes: None, complaints: 0 }
    }
}

impl Place {
    fn all(stage: &Stage, user: &User) -> Vec<Place> {
        let [imap, pop3] = [stage.sterna.port(), stage.sterna.port_of("pop3")];
        let at = |name, port, client: &dyn Fn(u16) -> Box<dyn Synchronises>| {
            let host = Tap::start(port);
            Place { name, client: client(host.port()), host }
        };
        vec![
            at("mbsync", imap, &|port| Box::new(Mbsync::new(port, user, MbsyncOptions::default()))),
            at("OfflineIMAP", imap, &|port| Box::new(OfflineImap::new(port, user))),
            at("mpop (POP3)", pop3, &|port| Box::new(Pop3Client::new(Kind::Mpop, port, user))),
            at("poplib (POP3)", pop3, &|port| Box::new(Pop3Client::new(Kind::Poplib, port, user))),
        ]
    }

    /// One run, and what the server sent in it.
    fn run(&self) -> (Run, u64) {
        let before = self.host.from_server();
        let run = self.client.run();
        (run, self.host.from_server() - before)
    }
}

/// Lets all synchronise a mailbox of so many messages, moves it, and lets all synchronise again.
pub fn measure(messages: usize, page: &mut Page) {
    let old = &mut mailboxes::platform(DovecotOptions { pop3: true, ..DovecotOptions::default() });
    let user = &mailboxes::users(old, "again", 1)[0];
    Master::fill(old, user, Content::Folders(messages));
    let stage = Stage::start(old, true, &SternaConfig { listen: &["pop3"], ..SternaConfig::default() });
    stage.account(user);
    let places = Place::all(&stage, user);
    let before: Vec<_> = places.iter().map(|place| (place.run(), place.run())).collect();
    stage.seed(user);
    stage.cut_over(user);
    let mut table = Table::new(
        "What clients download again after the move",
        &[
            "client",
            "bodies before, at first",
            "bytes from the server",
            "bytes of a run with nothing new",
            "bodies after the move",
            "bytes of those",
            "bytes from the server after the move",
            "complaints",
        ],
    );
    for (place, ((first, all), (second, idle))) in places.iter().zip(before) {
        assert!(first.bodies > 0 && second.bodies == 0, "{} did not synchronise before the move", place.name);
        let (after, sent) = place.run();
        // Who does not count bytes has fetched none, or what it fetched is somewhere in all that was sent.
        let bytes = after.bytes.unwrap_or(if after.bodies == 0 { 0 } else { sent });
        table.row(&[
            place.name,
            &grouped(first.bodies),
            &grouped(all),
            &grouped(idle),
            &grouped(after.bodies),
            &grouped(bytes),
            &grouped(sent),
            &(first.complaints + second.complaints + after.complaints).to_string(),
        ]);
    }
    page.add(table);
    page.note(
        "Downloaded again: bodies are those that mbsync asked for by its own log of the network, messages that OfflineIMAP says \
         it has copied, and messages that the POP3 clients have stored; never fewer than the files that appeared. The bytes from \
         the server are those of a tap between the client and the front door: what is there without a body is lists, flags and \
         headers.",
    );
}
