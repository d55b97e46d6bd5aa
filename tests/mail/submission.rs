//! What an account may send: as whom, how much, and what happens to one that behaves like a spammer.

use std::process::Command;

use sterna_tests::{LineWire, peer, run};

use crate::site::{PATIENCE, Site};

#[test]
fn msmtp_sends_over_implicit_tls() {
    let site = Site::start();
    let mut msmtp = Command::new(peer::require("msmtp", "msmtp"));
    let port = site.sterna.port_of("submissions").to_string();
    msmtp.args(["--file=/dev/null", "--host=127.0.0.1", "--port", &port, "--tls=on", "--tls-starttls=off"]);
    msmtp.args(["--tls-certcheck=off", "--auth=plain", "--user=anne@here.test", "--passwordeval=echo secret"]);
    msmtp.args(["--from=anne@here.test", "bob@there.test"]);
    let message = b"From: anne@here.test\nTo: bob@there.test\nSubject: over TLS\nBcc: hidden@there.test\n\nHello\n";
    run(&mut msmtp, message, PATIENCE).success();
    let arrived = String::from_utf8_lossy(&site.postfix.wait_for(1, PATIENCE).remove(0)).into_owned();
    assert!(arrived.contains("Subject: over TLS"), "{arrived}");
    assert!(arrived.contains("Message-ID:") && arrived.contains("\nDate:"), "what was missing is added: {arrived}");
    assert!(!arrived.contains("hidden@there.test"), "{arrived}");
    assert!(arrived.contains("Received: by localhost with ESMTPSA"), "where the client is concerns nobody: {arrived}");
}

#[test]
fn nobody_sends_as_somebody_else() {
    let site = Site::start();
    site.sterna.user("carl@here.test", "other");
    site.sterna.cli(&["alias", "add", "info@here.test", "anne@here.test"], "").success();
    let refused = site.swaks(&["--from", "carl@here.test", "--to", "bob@there.test"]);
    assert!(!refused.status.success() && refused.stdout.contains("5.7.1"), "{}", refused.stdout);
    // The envelope is right, the header lies.
    let refused =
        site.swaks(&["--from", "anne@here.test", "--h-From", "Carl <carl@here.test>", "--to", "bob@there.test"]);
    assert!(!refused.status.success() && refused.stdout.contains("carl@here.test"), "{}", refused.stdout);
    for good in ["info@here.test", "anne+list@here.test"] {
        site.swaks(&["--from", good, "--to", "bob@there.test"]).success();
    }
    site.postfix.wait_for(2, PATIENCE);
    // Without a login nothing is taken for others.
    let mut wire = LineWire::hello(site.sterna.port_of("submission"), "EHLO client");
    assert_eq!(wire.smtp("MAIL FROM:<anne@here.test>").code, 530);
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO client");
    wire.expect("MAIL FROM:<anne@here.test>", 250);
    let refused = wire.smtp("RCPT TO:<bob@there.test>");
    assert_eq!((refused.code, refused.lines[0].starts_with("5.7.1")), (550, true), "{refused:?}");
}

#[test]
fn an_account_sends_so_many_messages_an_hour_and_no_more() {
    let site = Site::start();
    site.sterna.cli(&["account", "set", "anne@here.test", "--hourly-limit", "3"], "").success();
    for n in 0..3 {
        site.submit("bob@there.test", &format!("message {n}")).success();
    }
    let refused = site.submit("bob@there.test", "one too many");
    assert!(!refused.status.success() && refused.stdout.contains("4.7.1"), "{}", refused.stdout);
    // Who goes on knocking is locked, and told so; the lock goes when the administrator says.
    for n in 0..8 {
        site.submit("bob@there.test", &format!("knock {n}"));
    }
    let shown = site.sterna.json(&["account", "show", "anne@here.test"], "");
    assert!(!shown["lock"].is_null(), "{shown}");
    let notice = site.wait_for("INBOX", 1).remove(0);
    assert!(notice.contains("Auto-Submitted: auto-generated"), "{notice}");
    site.sterna.cli(&["account", "set", "anne@here.test", "--hourly-limit", "100", "--unlock"], "").success();
    site.submit("bob@there.test", "again").success();
    site.postfix.wait_for(4, PATIENCE);
    site.sterna.check();
}
