//! A mailbox is moved from Dovecot; whoever left his mail there fetches none of it again.

use sterna_tests::{Dovecot, DovecotOptions, ImapWire, SternaConfig, SternaServer, Tap, User};

use crate::clients::{Client, Kind};

const MESSAGES: usize = 2_000;

/// Messages of which many are alike: some with one header and other bodies, some alike in all.
fn mail(n: usize) -> String {
    let (subject, body) = match n % 10 {
        0 => ("the same header".to_owned(), format!("body {:06}", n / 20)),
        1 => ("alike in all".to_owned(), "the same".to_owned()),
        _ => (n.to_string(), format!(".dot\r\n{}", "text\r\n".repeat(n % 40))),
    };
    format!("From: a@example.org\r\nTo: b@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n")
}

fn fill(wire: &mut ImapWire) {
    for n in 0..MESSAGES {
        assert!(wire.append(b"INBOX", "", None, mail(n).as_bytes()).is_ok());
    }
    // With gaps, and with messages that one cannot see from outside.
    wire.ok("SELECT INBOX");
    wire.ok("UID STORE 3,50:55 +FLAGS.SILENT (\\Deleted)");
    wire.ok("UID EXPUNGE 3,50:55");
}

struct Places {
    dovecot: Dovecot,
    sterna: SternaServer,
    user: User,
    /// What stands in the clients' configurations.
    host: Tap,
}

/// `uidl`: how Dovecot makes its unique ids.
fn places(uidl: &str) -> Places {
    let extra = format!("pop3_uidl_format = {uidl}\n");
    let mut dovecot = Dovecot::with(DovecotOptions { pop3: true, extra, ..DovecotOptions::default() });
    let user = dovecot.user("anne@example.org", "secret");
    fill(&mut dovecot.login(&user));
    let sterna = SternaServer::with(&SternaConfig { listen: &["pop3"], ..SternaConfig::default() });
    sterna.cli(&["domain", "add", "example.org"], "").success();
    sterna.user(&user.login, &user.password);
    let host = Tap::start(dovecot.pop3_port());
    Places { dovecot, sterna, user, host }
}

impl Places {
    /// Moves the mailbox with its unique ids; what the receipt says of them.
    fn move_over(&self) -> serde_json::Value {
        let from = format!("imap://127.0.0.1:{}?tls=none", self.dovecot.port());
        let pop3 = format!("pop3://127.0.0.1:{}?tls=none", self.dovecot.pop3_port());
        let (address, password) = (self.user.login.as_str(), format!("{}\n", self.user.password));
        let start = ["move", "start", address, "--from", &from, "--pop3", &pop3, "--user", address];
        self.sterna.cli(&[&start[..], &["--password-stdin", "--wait"]].concat(), &password).success();
        let receipt = self.sterna.json(&["move", "receipt", address], "");
        receipt.pointer("/receipt/pop3").unwrap_or_else(|| panic!("no POP3 in {receipt}")).clone()
    }

    fn append(&self, raw: &str) {
        let mut wire = self.sterna.login(&self.user);
        assert!(wire.append(b"INBOX", "", None, raw.as_bytes()).is_ok());
    }
}

#[test]
fn clients_that_left_their_mail_on_dovecot_fetch_none_of_it_again() {
    let places = places("%08Xu%08Xv");
    let clients = Kind::ALL.map(|kind| Client::new(kind, places.host.port(), &places.user));
    let all = (MESSAGES - 7) as u64;
    for client in &clients {
        assert_eq!((client.fetch(), client.fetch()), (all, 0));
    }
    let said = places.move_over();
    assert_eq!((&said["listed"], &said["carried"]), (&all.into(), &all.into()), "{said}");
    assert_eq!((&said["in_order"], &said["not_listed"]), (&true.into(), &0.into()), "{said}");
    places.host.point_at(places.sterna.port_of("pop3"));
    for client in &clients {
        let before = places.host.from_server();
        assert_eq!(client.fetch(), 0);
        // Lists, and nothing of the mail.
        assert!(places.host.from_server() - before < 150_000, "{}", places.host.from_server() - before);
    }
    // What is new is fetched once.
    places.append(&mail(2));
    for client in &clients {
        assert_eq!((client.fetch(), client.fetch()), (1, 0));
    }
    places.sterna.check();
}

#[test]
fn ids_that_say_nothing_are_matched_by_what_the_messages_are() {
    // Dovecot's hash of the whole message, and the name of its file: neither tells the UID.
    let places = places("%g");
    let clients = [Kind::Mpop, Kind::Poplib].map(|kind| Client::new(kind, places.host.port(), &places.user));
    let all = (MESSAGES - 7) as u64;
    for client in &clients {
        assert_eq!(client.fetch(), all);
    }
    let said = places.move_over();
    assert_eq!((&said["carried"], &said["not_carried"]), (&all.into(), &0.into()), "{said}");
    places.host.point_at(places.sterna.port_of("pop3"));
    for client in &clients {
        assert_eq!(client.fetch(), 0);
    }
}

#[test]
fn a_server_with_nothing_but_pop3_is_moved_with_its_ids() {
    let places = places("%f");
    let client = Client::new(Kind::Poplib, places.host.port(), &places.user);
    let all = (MESSAGES - 7) as u64;
    assert_eq!(client.fetch(), all);
    let from = format!("pop3://127.0.0.1:{}?tls=none", places.dovecot.pop3_port());
    let address = places.user.login.as_str();
    let start = ["move", "start", address, "--from", &from, "--user", address, "--password-stdin", "--wait"];
    places.sterna.cli(&start, "secret\n").success();
    let receipt = places.sterna.json(&["move", "receipt", address], "");
    assert_eq!(receipt.pointer("/receipt/equal"), Some(&true.into()), "{receipt}");
    places.host.point_at(places.sterna.port_of("pop3"));
    assert_eq!(client.fetch(), 0);
    places.sterna.check();
}
