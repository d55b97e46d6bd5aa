//! Rules that a user uploads with `sieve-connect` work at the next delivery.

use std::process::Command;

use sterna_tests::{Outcome, peer, run};

use crate::site::{PATIENCE, Site, letter};

/// Uploads a script and makes it the active one.
fn upload(site: &Site, script: &str) -> Outcome {
    let file = site.sterna.path().join("rules.sieve");
    std::fs::write(&file, script).unwrap();
    let port = site.sterna.port_of("sieve").to_string();
    let mut client = Command::new(peer::require("sieve-connect", "sieve-connect"));
    client.args(["--server", "127.0.0.1", "--port", &port, "--user", "anne@here.test", "--notlsverify"]);
    client.args(["--passwordfd", "0", "--localsieve", file.to_str().unwrap(), "--remotesieve", "rules", "--upload"]);
    let uploaded = run(&mut client, b"secret\n", PATIENCE);
    let mut client = Command::new(peer::require("sieve-connect", "sieve-connect"));
    client.args(["--server", "127.0.0.1", "--port", &port, "--user", "anne@here.test", "--notlsverify"]);
    client.args(["--passwordfd", "0", "--remotesieve", "rules", "--activate"]);
    if uploaded.status.success() {
        run(&mut client, b"secret\n", PATIENCE).success();
    }
    uploaded
}

#[test]
fn a_script_files_flags_redirects_and_answers() {
    let site = Site::start();
    site.sterna.user("carl@here.test", "secret");
    upload(
        &site,
        "require [\"fileinto\", \"mailbox\", \"imap4flags\", \"vacation\", \"copy\", \"subaddress\", \"envelope\"];\r\n\
         if header :contains \"subject\" \"invoice\" { fileinto :create :flags \"\\\\Flagged\" \"Accounts/In\"; stop; }\r\n\
         if envelope :detail \"to\" \"list\" { fileinto :create \"Lists\"; stop; }\r\n\
         if header :contains \"subject\" \"both\" { redirect :copy \"bob@there.test\"; }\r\n\
         if header :contains \"subject\" \"away\" { vacation :days 7 :subject \"Not here\" \"Back on Monday.\"; }\r\n",
    )
    .success();
    let receive = |to: &str, subject: &str| {
        site.receive("bob@there.test", &[to], &letter("bob@there.test", to, subject));
    };
    receive("anne@here.test", "your invoice");
    receive("anne+list@here.test", "news");
    assert_eq!(site.wait_for("Accounts/In", 1).len(), 1);
    assert_eq!(site.wait_for("Lists", 1).len(), 1);
    let mut wire = site.imap();
    wire.ok("SELECT Accounts/In");
    assert!(wire.ok("FETCH 1 FLAGS").untagged[0].text().contains("\\Flagged"));
    receive("anne@here.test", "both");
    let copy = String::from_utf8_lossy(&site.postfix.wait_for(1, PATIENCE).remove(0)).into_owned();
    assert!(copy.contains("Return-Path: <SRS0=") && copy.contains("@here.test>"), "{copy}");
    // Twice, answered once.
    receive("anne@here.test", "are you away");
    receive("anne@here.test", "still away");
    site.wait_for("INBOX", 3);
    site.wait_for_empty_queue();
    let answers = site.postfix.wait_for(2, PATIENCE);
    assert_eq!(answers.len(), 2);
    let answer = String::from_utf8_lossy(&answers[1]).into_owned();
    for expected in ["Return-Path: <>", "Subject: Not here", "Auto-Submitted: auto-replied", "In-Reply-To: <", "Monday"]
    {
        assert!(answer.contains(expected), "no {expected:?} in {answer}");
    }
    site.sterna.check();
}

#[test]
fn lists_bounces_and_robots_get_no_answer() {
    let site = Site::start();
    upload(&site, "require \"vacation\";\r\nvacation :days 1 \"I am away.\";\r\n").success();
    let to = "anne@here.test";
    for (sender, extra) in [
        ("", ""),
        ("news@there.test", "List-Id: <news.there.test>\r\n"),
        ("bulk@there.test", "Precedence: bulk\r\n"),
        ("robot@there.test", "Auto-Submitted: auto-generated\r\n"),
        ("owner-list@there.test", ""),
        ("list-request@there.test", ""),
        ("mailer-daemon@there.test", ""),
    ] {
        site.receive(sender, &[to], &format!("{extra}{}", letter("x@there.test", to, "robots")));
    }
    // Not addressed to her: a copy that some list sent without saying so.
    site.receive("hidden@there.test", &[to], &letter("hidden@there.test", "undisclosed@there.test", "bcc"));
    site.wait_for("INBOX", 8);
    site.wait_for_empty_queue();
    assert_eq!(site.postfix.messages().len(), 0);
    // And a person does.
    site.receive("bob@there.test", &[to], &letter("bob@there.test", to, "hello"));
    site.postfix.wait_for(1, PATIENCE);
}

#[test]
fn a_script_with_an_error_is_refused_with_its_place() {
    let site = Site::start();
    let refused = upload(&site, "require \"fileinto\";\r\nif header :contains \"subject\" { keep; }\r\n");
    assert!(
        !refused.status.success() || refused.stderr.contains("line 2") || refused.stdout.contains("line 2"),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    assert!(site.sterna.json(&["sieve", "list", "anne@here.test"], "").as_array().unwrap().is_empty());
}
