//! What a live old platform needs beyond IMAP: Dovecot takes mail over LMTP, serves POP3 and ManageSieve, believes a front
//! door about its clients, shares processes between sessions, dies and comes back.

use std::time::Duration;

use sterna_tests::{Dovecot, DovecotOptions, Ignore, ImapWire, LineWire, snapshot};

use crate::sample;

const MESSAGE: &[u8] = b"Subject: new\r\n\r\nx\r\n";

/// The answer of POP3 or ManageSieve to one line.
fn ask(wire: &mut LineWire, line: &str) -> String {
    wire.send(format!("{line}\r\n"));
    wire.line().expect("an answer")
}

/// Reads up to the line that ends a response of ManageSieve (RFC 5804 §1.2).
fn sieve(wire: &mut LineWire) -> (Vec<String>, String) {
    let mut lines = Vec::new();
    loop {
        let line = wire.line().expect("a line of a response");
        if ["OK", "NO", "BYE"].iter().any(|end| line.starts_with(end)) {
            return (lines, line);
        }
        lines.push(line);
    }
}

#[test]
fn lmtp_delivers_to_users_only_and_idle_sees_it() {
    let mut dovecot = Dovecot::with(DovecotOptions { lmtp: true, ..DovecotOptions::default() });
    let anne = dovecot.user("anne@example.org", "secret");
    let mut watcher = dovecot.login(&anne);
    watcher.ok("SELECT INBOX");
    let tag = watcher.idle();
    let mut lmtp = LineWire::hello(dovecot.lmtp_port(), "LHLO tests");
    let reply = lmtp.mail("bob@there.test", &["anne@example.org"], MESSAGE);
    assert_eq!(reply.code, 250, "{reply:?}");
    watcher.set_read_timeout(Duration::from_secs(20));
    assert_eq!(watcher.read().unwrap().text(), "* 1 EXISTS");
    assert!(watcher.done(&tag).is_ok());
    lmtp.expect("MAIL FROM:<bob@there.test>", 250);
    lmtp.expect("RCPT TO:<nobody@example.org>", 550);
}

#[test]
fn all_protocols_are_served_at_once_with_the_same_passwords() {
    let options = DovecotOptions { pop3: true, lmtp: true, sieve: true, ..DovecotOptions::default() };
    let mut dovecot = Dovecot::with(options);
    let anne = dovecot.user("anne@example.org", "secret");
    dovecot.deliver(&anne.login, MESSAGE);

    let mut pop = LineWire::connect(dovecot.pop3_port());
    assert!(pop.line().unwrap().starts_with("+OK"));
    assert!(ask(&mut pop, "USER anne@example.org").starts_with("+OK"));
    assert!(ask(&mut pop, "PASS wrong").starts_with("-ERR"));
    assert!(ask(&mut pop, "USER anne@example.org").starts_with("+OK"));
    assert!(ask(&mut pop, "PASS secret").starts_with("+OK"));
    assert!(ask(&mut pop, "STAT").starts_with("+OK 1 "));
    assert!(ask(&mut pop, "QUIT").starts_with("+OK"));

    let mut manager = LineWire::connect(dovecot.sieve_port());
    let (capabilities, greeting) = sieve(&mut manager);
    assert!(greeting.starts_with("OK") && capabilities.iter().any(|c| c.contains("PLAIN")), "{capabilities:?}");
    // NUL anne@example.org NUL wrong; then the right one.
    manager.send("AUTHENTICATE \"PLAIN\" \"AGFubmVAZXhhbXBsZS5vcmcAd3Jvbmc=\"\r\n");
    assert!(sieve(&mut manager).1.starts_with("NO"));
    manager.send("AUTHENTICATE \"PLAIN\" \"AGFubmVAZXhhbXBsZS5vcmcAc2VjcmV0\"\r\n");
    assert!(sieve(&mut manager).1.starts_with("OK"));
    let script = "require \"fileinto\"; fileinto :create \"Filed\";";
    let script = script.replace("\"fileinto\";", "[\"fileinto\", \"mailbox\"];");
    manager.send(format!("PUTSCRIPT \"main\" {{{}+}}\r\n{script}\r\nSETACTIVE \"main\"\r\n", script.len()));
    assert!(sieve(&mut manager).1.starts_with("OK") && sieve(&mut manager).1.starts_with("OK"));

    // The script that was put there runs when mail arrives.
    let reply = LineWire::hello(dovecot.lmtp_port(), "LHLO tests").mail("b@there.test", &["anne@example.org"], MESSAGE);
    assert_eq!(reply.code, 250, "{reply:?}");
    let account = snapshot(&mut dovecot.login(&anne));
    assert_eq!((account.folder("INBOX").messages.len(), account.folder("Filed").messages.len()), (1, 1));
}

#[test]
fn a_forwarded_address_is_believed_only_where_it_is_asked_for() {
    for trusts_loopback in [true, false] {
        let options = DovecotOptions { trusts_loopback, pop3: true, ..DovecotOptions::default() };
        let mut dovecot = Dovecot::with(options);
        let anne = dovecot.user("anne@example.org", "secret");
        let mut wire = ImapWire::connect(dovecot.port());
        wire.ok("ID (\"x-originating-ip\" \"192.0.2.7\" \"x-originating-port\" \"4711\")");
        wire.ok("LOGIN anne@example.org secret");
        let mut pop = LineWire::connect(dovecot.pop3_port());
        let greeting = pop.line().unwrap();
        assert!(greeting.starts_with("+OK"), "{greeting}");
        // Dovecot says yes in any case: only its log shows whether it believes.
        assert!(ask(&mut pop, "XCLIENT ADDR=192.0.2.8 PORT=4712").starts_with("+OK"));
        ask(&mut pop, "USER anne@example.org");
        assert!(ask(&mut pop, "PASS secret").starts_with("+OK"));
        dovecot.login(&anne).ok("LOGOUT");
        let log = dovecot.log();
        let told = |protocol: &str, address: &str| {
            log.lines().any(|l| l.contains(&format!("{protocol}-login: ")) && l.contains(&format!("rip={address},")))
        };
        assert_eq!(told("imap", "192.0.2.7"), trusts_loopback, "{log}");
        assert_eq!(told("pop3", "192.0.2.8"), trusts_loopback, "{log}");
        assert!(told("imap", "127.0.0.1"), "{log}");
    }
}

#[test]
fn sessions_share_a_process_when_many_are_held() {
    let processes = |imap_client_limit| {
        let mut dovecot = Dovecot::with(DovecotOptions { imap_client_limit, ..DovecotOptions::default() });
        let anne = dovecot.user("anne@example.org", "secret");
        let mut wires: Vec<ImapWire> = (0..30).map(|_| dovecot.login(&anne)).collect();
        for wire in &mut wires {
            wire.ok("SELECT INBOX");
            wire.idle();
        }
        dovecot.memory().processes
    };
    let (own, shared) = (processes(None), processes(Some(200)));
    assert!(own > 30 && shared + 20 < own, "{own} and {shared} processes");
}

#[test]
fn killed_it_comes_back_with_its_mail_and_its_ports() {
    let mut dovecot = Dovecot::with(DovecotOptions { lmtp: true, ..DovecotOptions::default() });
    let anne = dovecot.user("anne@example.org", "secret");
    let mut wire = dovecot.login(&anne);
    sample::fill(&mut wire);
    let account = snapshot(&mut wire);
    let ports = (dovecot.port(), dovecot.lmtp_port());
    dovecot.kill_9();
    assert!(wire.read().is_err());
    dovecot.restart();
    assert_eq!((dovecot.port(), dovecot.lmtp_port()), ports);
    snapshot(&mut dovecot.login(&anne)).assert_same(&account, Ignore::default());
}

#[test]
fn frozen_it_keeps_connections_and_answers_when_thawed() {
    let mut dovecot = Dovecot::start();
    let anne = dovecot.user("anne@example.org", "secret");
    let mut wire = dovecot.login(&anne);
    dovecot.freeze(true);
    wire.set_read_timeout(Duration::from_millis(300));
    let tag = wire.start("NOOP");
    assert!(wire.read().is_err());
    dovecot.freeze(false);
    wire.set_read_timeout(Duration::from_secs(20));
    assert!(wire.finish(&tag).is_ok());
}
