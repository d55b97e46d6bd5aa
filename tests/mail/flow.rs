//! Mail flows between Sterna and Postfix, both ways, signed and verified; what cannot be delivered comes back.

use std::time::Duration;

use sterna_tests::python;

use crate::site::{PATIENCE, Site, letter};

/// Reads a message and a TXT record for each name; prints the verdict of a DKIM implementation that is not ours.
const VERIFY: &str = r#"
import sys, json, dkim
message = open(sys.argv[1], 'rb').read()
records = json.loads(sys.argv[2])
def txt(name, timeout=5):
    return records[name.decode().rstrip('.')].encode()
verdicts = []
for index, header in enumerate(h for h in message.split(b'\r\n') if h.lower().startswith(b'dkim-signature:')):
    verdicts.append(dkim.DKIM(message).verify(idx=index, dnsfunc=txt))
print(json.dumps(verdicts))
"#;

/// Makes both keys of `here.test`, publishes and activates them; gives the records.
fn publish_keys(site: &Site) -> serde_json::Value {
    let mut records = serde_json::Map::new();
    for algorithm in ["rsa", "ed25519"] {
        let made = site.sterna.json(&["domain", "dkim", "here.test", "add", "--algorithm", algorithm], "");
        let key = &made[0];
        let (name, value) = (key["record_name"].as_str().unwrap(), key["record"].as_str().unwrap());
        site.dns.set(name, "TXT", 60, value);
        records.insert(name.trim_end_matches('.').to_owned(), value.into());
        let selector = key["selector"].as_str().unwrap();
        site.sterna.cli(&["domain", "dkim", "here.test", "activate", "--selector", selector], "").success();
    }
    records.into()
}

#[test]
fn mail_flows_both_ways_and_the_signatures_are_valid() {
    let site = Site::start();
    let records = publish_keys(&site);
    site.submit("bob@there.test", "out").success();
    let arrived = site.postfix.wait_for(1, PATIENCE).remove(0);
    let text = String::from_utf8_lossy(&arrived).into_owned();
    assert!(text.contains("Subject: out"), "{text}");
    assert!(text.contains("Return-Path: <anne@here.test>"), "{text}");
    // The delivery agent of Postfix writes lines of its own file system, and prepends its fields.
    let signed = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let file = site.sterna.path().join("arrived.eml");
    std::fs::write(&file, &signed).unwrap();
    let verdicts = python(VERIFY, &[file.to_str().unwrap(), &records.to_string()]).success().stdout;
    assert_eq!(verdicts.trim(), "[true, true]", "{text}");

    site.receive("bob@there.test", &["anne@here.test"], &letter("bob@there.test", "anne@here.test", "in"));
    let message = site.wait_for("INBOX", 1).remove(0);
    for expected in [
        "Return-Path: <bob@there.test>",
        "Delivered-To: anne@here.test",
        "Received: from mx.there.test",
        "Authentication-Results: ",
        "spf=pass",
        "it is about in.",
    ] {
        assert!(message.contains(expected), "no {expected:?} in {message}");
    }
    site.sterna.check();
}

#[test]
fn postfix_hands_over_what_it_is_given_and_gets_an_answer() {
    let site = Site::start();
    let mut wire = sterna_tests::LineWire::hello(site.postfix.port(), "EHLO client.there.test");
    let message = letter("bob@there.test", "anne@here.test", "relayed");
    assert_eq!(wire.mail("bob@there.test", &["anne@here.test"], message.as_bytes()).code, 250);
    let arrived = site.wait_for("INBOX", 1).remove(0);
    assert!(arrived.contains("Subject: relayed"), "{arrived}");
    // Nobody at Sterna: Postfix bounces to Bob.
    let message = letter("bob@there.test", "nobody@here.test", "unknown");
    assert_eq!(wire.mail("bob@there.test", &["nobody@here.test"], message.as_bytes()).code, 250);
    let bounce = String::from_utf8_lossy(&site.postfix.wait_for(1, PATIENCE).remove(0)).into_owned();
    assert!(bounce.contains("5.1.1"), "{bounce}");
    site.sterna.check();
}

#[test]
fn a_recipient_that_does_not_exist_comes_back_as_a_delivery_status() {
    let site = Site::start();
    site.submit("nobody@there.test", "lost").success();
    let report = site.wait_for("INBOX", 1).remove(0);
    for expected in [
        "Content-Type: multipart/report",
        "report-type=delivery-status",
        "Final-Recipient: rfc822;",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp;",
        "Return-Path: <>",
        "Subject: lost",
    ] {
        assert!(report.contains(expected), "no {expected:?} in {report}");
    }
    site.wait_for_empty_queue();
    site.sterna.check();
}

#[test]
fn mail_waits_for_a_server_that_is_away() {
    let mut site = Site::with("retry = [\"1s\", \"1s\", \"2s\"]\n");
    site.postfix.stop();
    site.submit("bob@there.test", "patience").success();
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let list = site.sterna.json(&["queue", "list"], "");
        let text = list.to_string();
        if text.contains("bob@there.test") && text.contains("refused") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A restart of Sterna loses nothing.
    site.sterna.kill_9();
    site.sterna.restart();
    site.postfix.restart();
    site.postfix.wait_for(1, PATIENCE);
    site.wait_for_empty_queue();
    site.sterna.check();
}

#[test]
fn a_held_message_waits_until_it_is_released_and_a_removed_one_never_goes() {
    let mut site = Site::with("retry = [\"1s\"]\n");
    site.postfix.stop();
    site.submit("bob@there.test", "first").success();
    site.submit("bob@there.test", "second").success();
    let listed = site.sterna.json(&["queue", "list"], "");
    let ids: Vec<String> = listed.as_array().unwrap().iter().map(|m| m["id"].to_string().replace('"', "")).collect();
    assert_eq!(ids.len(), 2, "{listed}");
    site.sterna.cli(&["queue", "hold", &ids[0]], "").success();
    site.sterna.cli(&["queue", "remove", &ids[1]], "").success();
    site.postfix.restart();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(site.postfix.messages().len(), 0);
    site.sterna.cli(&["queue", "release", &ids[0]], "").success();
    site.sterna.cli(&["queue", "retry", &ids[0]], "").success();
    let arrived = site.postfix.wait_for(1, PATIENCE);
    assert!(String::from_utf8_lossy(&arrived[0]).contains("Subject: first"));
    site.wait_for_empty_queue();
    site.sterna.check();
}
