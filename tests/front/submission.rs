//! Submission with the password that only the old platform knows.

use sterna_tests::{DovecotOptions, LineWire};

use crate::house::House;

// NUL anne@example.org NUL and the password.
const RIGHT: &str = "AUTH PLAIN AGFubmVAZXhhbXBsZS5vcmcAb2xkIHNlY3JldA==";
const WRONG: &str = "AUTH PLAIN AGFubmVAZXhhbXBsZS5vcmcAd3Jvbmc=";

/// In the old platform's log.
const LOGIN: &str = "imap-login: Info: Login";

#[test]
fn the_old_password_submits_mail_and_is_believed_for_a_moment() {
    let house = House::new(DovecotOptions::default(), &[]);
    house.sterna.cli(&["domain", "add", "here.example"], "").success();
    let bob = house.sterna.user("bob@here.example", "x");
    let asked = || house.dovecot.log_with(LOGIN, 1).matches(LOGIN).count();
    for _ in 0..3 {
        let mut wire = LineWire::hello(house.sterna.port_of("submission"), "EHLO tests");
        wire.expect(RIGHT, 235);
        let message = b"From: anne@example.org\r\nSubject: hello\r\n\r\nx\r\n";
        let reply = wire.mail("anne@example.org", &["bob@here.example"], message);
        assert_eq!(reply.code, 250, "{reply:?}");
        assert_eq!(asked(), 1);
    }
    let mut wire = LineWire::hello(house.sterna.port_of("submission"), "EHLO tests");
    wire.expect(WRONG, 535);
    assert_eq!(asked(), 1);
    // After a wrong one the platform is asked again.
    wire.expect(RIGHT, 235);
    assert_eq!(house.dovecot.log_with(LOGIN, 2).matches(LOGIN).count(), 2);
    assert_eq!(
        house.sterna.login(&bob).ok("SELECT INBOX").untagged.iter().filter(|r| r.text() == "* 3 EXISTS").count(),
        1
    );
    house.sterna.check();
}

#[test]
fn a_platform_that_is_down_is_a_temporary_error() {
    let mut house = House::new(DovecotOptions::default(), &[]);
    house.dovecot.stop();
    let mut wire = LineWire::hello(house.sterna.port_of("submission"), "EHLO tests");
    for _ in 0..6 {
        let reply = wire.expect(RIGHT, 454);
        assert!(reply.lines[0].contains("4.7.0"), "{reply:?}");
    }
    house.dovecot.restart();
    wire.expect(RIGHT, 235);
}
