//! ManageSieve through the front door.

use sterna_tests::{DovecotOptions, LineWire};

use crate::house::{House, trusting};

// NUL anne@example.org NUL and the password.
const RIGHT: &str = "AUTHENTICATE \"PLAIN\" \"AGFubmVAZXhhbXBsZS5vcmcAb2xkIHNlY3JldA==\"";
const WRONG: &str = "AUTHENTICATE \"PLAIN\" \"AGFubmVAZXhhbXBsZS5vcmcAd3Jvbmc=\"";

/// A response: its lines, and the last one.
#[track_caller]
fn response(wire: &mut LineWire) -> (String, String) {
    let mut lines = String::new();
    loop {
        let line = wire.line().expect("a line of a response");
        if ["OK", "NO", "BYE"].iter().any(|end| line.starts_with(end)) {
            return (lines, line);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
}

#[track_caller]
fn command(wire: &mut LineWire, line: &str) -> (String, String) {
    wire.send(format!("{line}\r\n"));
    response(wire)
}

#[test]
fn scripts_are_put_on_the_old_platform_and_the_address_is_told() {
    let house = House::new(trusting(), &["--tell-client"]);
    let mut wire = LineWire::connect(house.sterna.port_of("sieve"));
    assert!(response(&mut wire).1.starts_with("OK"));
    assert!(command(&mut wire, WRONG).1.starts_with("NO "));
    let (_, said) = command(&mut wire, RIGHT);
    assert!(said.starts_with("OK"), "{said} {}", house.sterna.log());
    let (told, _) = command(&mut wire, "CAPABILITY");
    assert!(told.contains("\"SIEVE\"") && told.contains("fileinto"), "{told}");
    assert!(told.contains("Dovecot") && !told.contains("STARTTLS"), "{told}");
    // Pigeonhole has it, Sterna has it not.
    assert!(!told.contains("vnd.dovecot"), "{told}");
    let script = "require \"fileinto\";\r\nfileinto \"Filed\";\r\n";
    let put = format!("PUTSCRIPT \"main\" {{{}+}}\r\n{script}\r\nSETACTIVE \"main\"", script.len());
    assert!(command(&mut wire, &put).1.starts_with("OK"));
    assert!(response(&mut wire).1.starts_with("OK"));
    let (listed, _) = command(&mut wire, "LISTSCRIPTS");
    assert_eq!(listed, "\"main\" ACTIVE\n");
    assert!(command(&mut wire, WRONG).1.contains("logged in already"));
    assert!(command(&mut wire, "LOGOUT").1.starts_with("OK"));
    assert!(wire.line().is_none());
    assert!(house.dovecot.home(&house.user.login).join("sieve/main.sieve").exists());
    let (log, port) = (house.dovecot.log(), wire.local_port());
    let told =
        log.lines().any(|l| l.contains("managesieve-login: Info: Login") && l.contains(&format!("rport={port}")));
    assert!(told, "{port}: {log}");
}

#[test]
fn a_platform_that_is_down_says_try_later() {
    let mut house = House::new(DovecotOptions::default(), &[]);
    house.dovecot.stop();
    let mut wire = LineWire::connect(house.sterna.port_of("sieve"));
    assert!(response(&mut wire).1.starts_with("OK"));
    for _ in 0..6 {
        let (_, said) = command(&mut wire, RIGHT);
        assert!(said.starts_with("NO (TRYLATER)"), "{said}");
    }
}
