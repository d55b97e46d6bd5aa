//! Cyrus starts in every variant that the suites use, and keeps what was put into it.

use std::process::Command;
use std::time::{Duration, Instant};

use sterna_tests::{Certificate, Cyrus, CyrusOptions, Dovecot, Ignore, ImapWire, LineWire, python, run, snapshot};

use crate::sample;

const MESSAGE: &[u8] = b"Subject: new\r\n\r\nx\r\n";

#[test]
fn two_users_log_in_and_see_what_was_put_in() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret word%s");
    let bob = cyrus.user("bob", "another");
    let mut wire = cyrus.login(&anne);
    sample::fill(&mut wire);
    assert!(cyrus.login(&bob).append(b"INBOX", "", None, MESSAGE).is_ok());
    let account = snapshot(&mut wire);
    for folder in sample::FOLDERS {
        assert_eq!(account.folder(folder).messages, sample::expected(folder), "{folder}");
    }
    assert_eq!((account.0.len(), snapshot(&mut cyrus.login(&bob)).messages()), (sample::FOLDERS.len(), 1));
    // After a restart all is as it was.
    cyrus.restart();
    snapshot(&mut cyrus.login(&anne)).assert_same(&account, Ignore::default());
    // And after a death without warning.
    cyrus.kill_9();
    cyrus.restart();
    snapshot(&mut cyrus.login(&anne)).assert_same(&account, Ignore::default());
}

#[test]
fn a_wrong_password_is_refused_on_every_protocol() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret");
    cyrus.user("bob@example.org", "another");
    for login in ["anne@example.org wrong", "anne@example.org another", "anne secret", "nobody@example.org secret"] {
        let refused = ImapWire::connect(cyrus.port()).command(&format!("LOGIN {login}"));
        assert!(refused.tagged.starts_with("NO "), "{login}: {}", refused.tagged);
    }
    let mut pop = LineWire::connect(cyrus.pop3_port());
    assert!(pop.line().unwrap().starts_with("+OK"));
    pop.send("USER anne@example.org\r\nPASS wrong\r\n");
    assert!(pop.line().unwrap().starts_with("+OK"));
    assert!(pop.line().unwrap().starts_with("-ERR"));
    assert!(cyrus.login(&anne).ok("CAPABILITY").is_ok());
    if cyrus.has_log() {
        assert!(cyrus.log().contains("badlogin: localhost [127.0.0.1]"), "{}", cyrus.log());
    }
}

#[test]
fn the_master_user_opens_an_account_for_its_owner() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret");
    assert!(cyrus.login(&anne).append(b"INBOX", "", None, MESSAGE).is_ok());
    let plain = |login: &str, password: &str| {
        let script = "import base64, sys; print(base64.b64encode('\\0'.join(sys.argv[1:]).encode()).decode())";
        let secret = python(script, &[&anne.login, login, password]).success().stdout;
        let mut wire = ImapWire::connect(cyrus.port());
        let answer = wire.command(&format!("AUTHENTICATE PLAIN {}", secret.trim()));
        answer.is_ok().then_some(wire)
    };
    let mut wire = plain(Cyrus::MASTER, Cyrus::MASTER_PASSWORD).expect("the master user logs in");
    assert_eq!(wire.ok("SELECT INBOX").number("EXISTS"), Some(1));
    assert!(plain(Cyrus::MASTER, "wrong").is_none());
    assert!(plain("bob@example.org", "secret").is_none());
}

#[test]
fn condstore_and_qresync_are_offered_and_tell_of_what_is_gone() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret");
    let mut wire = cyrus.login(&anne);
    let capability = wire.ok("CAPABILITY").untagged[0].text();
    for name in ["CONDSTORE", "QRESYNC", "IDLE", "UIDPLUS", "MOVE", "ESEARCH"] {
        assert!(capability.split(' ').any(|c| c == name), "{name}: {capability}");
    }
    for _ in 0..3 {
        assert!(wire.append(b"INBOX", "", None, MESSAGE).is_ok());
    }
    let selected = wire.ok("SELECT INBOX (CONDSTORE)");
    let (validity, mod_seq) = (selected.code("UIDVALIDITY").unwrap(), selected.code("HIGHESTMODSEQ").unwrap());
    wire.ok("UID STORE 2 +FLAGS (\\Deleted)");
    wire.ok("EXPUNGE");
    let mut wire = cyrus.login(&anne);
    wire.ok("ENABLE QRESYNC");
    let missed = wire.ok(&format!("SELECT INBOX (QRESYNC ({validity} {mod_seq}))"));
    assert!(missed.untagged.iter().any(|r| r.text() == "* VANISHED (EARLIER) 2"), "{missed:?}");
}

#[test]
fn idle_sees_what_lmtp_delivers() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret");
    let mut wire = cyrus.login(&anne);
    wire.ok("SELECT INBOX");
    let tag = wire.idle();
    cyrus.deliver(&anne.login, b"Subject: hello\r\n\r\n.x\r\n");
    // Well below the minute after which Cyrus looks by itself: its `idled` has told it.
    wire.set_read_timeout(Duration::from_secs(20));
    assert_eq!(wire.read().unwrap().text(), "* 1 EXISTS");
    while wire.read().unwrap().text() != "* 1 RECENT" {}
    assert!(wire.done(&tag).is_ok());
    let body = wire.ok("FETCH 1 BODY.PEEK[TEXT]");
    assert!(body.untagged.iter().any(|r| r.0.ends_with(b"{4}\r\n.x\r\n)")), "{body:?}");
    let mut lmtp = LineWire::hello(cyrus.lmtp_port(), "LHLO tests");
    lmtp.expect("MAIL FROM:<sender@there.test>", 250);
    lmtp.expect("RCPT TO:<nobody@example.org>", 550);
}

#[test]
fn pop3_serves_the_inbox() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret");
    cyrus.deliver(&anne.login, MESSAGE);
    let mut pop = LineWire::connect(cyrus.pop3_port());
    pop.line();
    pop.send("USER anne@example.org\r\nPASS secret\r\nUIDL\r\n");
    for _ in 0..3 {
        assert!(pop.line().unwrap().starts_with("+OK"));
    }
    assert!(pop.until_dot().starts_with(b"1 "));
}

#[test]
fn managesieve_greets() {
    let cyrus = Cyrus::start();
    let mut sieve = LineWire::connect(cyrus.sieve_port());
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.starts_with("OK")) {
        lines.push(sieve.line().expect("a greeting"));
    }
    assert!(lines.iter().any(|l| l.starts_with("\"SASL\" \"") && l.contains("PLAIN")), "{lines:?}");
}

#[test]
fn names_stand_below_inbox_with_dots_and_roles() {
    let mut cyrus = Cyrus::with(CyrusOptions {
        separator: '.',
        beside_inbox: false,
        special_use: true,
        quota: Some(20),
        ..CyrusOptions::default()
    });
    let anne = cyrus.user("anne@example.org", "secret");
    let mut wire = cyrus.login(&anne);
    let account = snapshot(&mut wire);
    let sent = account.folder("INBOX.Sent");
    assert!(sent.attributes.contains("\\sent") && sent.subscribed && sent.delimiter == b".", "{sent:?}");
    let message = format!("Subject: big\r\n\r\n{}\r\n", "x".repeat(12_000));
    assert!(wire.append(b"INBOX", "", None, message.as_bytes()).is_ok());
    let refused = wire.append(b"INBOX", "", None, message.as_bytes());
    assert!(refused.tagged.contains("Over quota"), "{}", refused.tagged);
}

#[test]
fn tls_is_served_both_ways() {
    let mut cyrus = Cyrus::with(CyrusOptions { tls: Some(Certificate::Valid), ..CyrusOptions::default() });
    let anne = cyrus.user("anne@example.org", "secret");
    let script = "import imaplib, ssl, sys\nc = ssl.create_default_context(cafile=sys.argv[3])\n\
                  m = imaplib.IMAP4_SSL('localhost', int(sys.argv[1]), ssl_context=c)\nm.login(*sys.argv[4:6])\n\
                  n = imaplib.IMAP4('localhost', int(sys.argv[2]))\nn.starttls(c)\nn.login(*sys.argv[4:6])\nprint(n.sock.version())\n";
    let (tls, plain) = (cyrus.tls_port().to_string(), cyrus.port().to_string());
    let ca = cyrus.ca_file();
    let shown = python(script, &[&tls, &plain, ca.to_str().unwrap(), &anne.login, &anne.password]).success().stdout;
    assert!(shown.starts_with("TLSv1"), "{shown}");
}

#[test]
fn two_at_once_do_not_disturb_each_other_and_leave_nothing() {
    let (mut one, mut other) = (Cyrus::start(), Cyrus::start());
    let (anne, same) = (one.user("anne@example.org", "first"), other.user("anne@example.org", "second"));
    assert!(one.login(&anne).append(b"INBOX", "", None, MESSAGE).is_ok());
    let mut wire = other.login(&same);
    assert_eq!(wire.ok("SELECT INBOX").number("EXISTS"), Some(0));
    let mut refused = ImapWire::connect(other.port());
    assert!(!refused.command("LOGIN anne@example.org first").is_ok());
    wire.idle();
    let place = one.path().to_owned();
    // The first one ends with a client in IDLE; the second one does not notice.
    let mut left = one.login(&anne);
    left.ok("SELECT INBOX");
    left.idle();
    one.stop();
    assert_no_process_names(place.to_str().unwrap());
    while left.read().is_ok() {}
    drop(one);
    assert!(!place.exists());
    other.deliver(&same.login, MESSAGE);
    assert_eq!(wire.read().unwrap().text(), "* 1 EXISTS");
    let place = other.path().to_owned();
    drop(other);
    assert_no_process_names(place.to_str().unwrap());
    assert!(!place.exists());
}

#[test]
fn a_frozen_one_says_nothing_until_it_is_thawed() {
    let mut cyrus = Cyrus::start();
    let anne = cyrus.user("anne@example.org", "secret");
    let mut wire = cyrus.login(&anne);
    cyrus.freeze(true);
    wire.set_read_timeout(Duration::from_millis(300));
    let tag = wire.start("NOOP");
    assert!(wire.read().is_err());
    cyrus.freeze(false);
    wire.set_read_timeout(Duration::from_secs(20));
    assert!(wire.finish(&tag).is_ok());
    assert!(cyrus.memory().processes >= 3);
}

#[test]
fn mail_goes_from_one_kind_of_server_to_the_other_unchanged() {
    let mut cyrus = Cyrus::start();
    let mut dovecot = Dovecot::start();
    let here = cyrus.user("anne@example.org", "secret");
    let there = dovecot.user("anne@example.org", "secret");
    let mut wires = [cyrus.login(&here), dovecot.login(&there)];
    for wire in &mut wires {
        sample::fill(wire);
    }
    let [one, other] = wires.each_mut().map(snapshot);
    for folder in sample::FOLDERS {
        assert_eq!(one.folder(folder).messages, other.folder(folder).messages, "{folder}");
    }
}

/// Killed processes need a moment.
fn assert_no_process_names(directory: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let shown = run(Command::new("ps").args(["-eo", "pid,args"]), b"", Duration::from_secs(10)).success().stdout;
        let left: Vec<&str> = shown.lines().filter(|line| line.contains(directory)).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
