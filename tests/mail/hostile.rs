//! Bad input and bad peers, against the real binary.

use std::time::{Duration, Instant};

use sterna_tests::LineWire;

use crate::site::{PATIENCE, Site, letter};

#[test]
fn no_variant_of_a_line_end_smuggles_a_second_message() {
    let site = Site::start();
    for end in ["\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r", "\n\n.\r\n", "\r\n\x00.\r\n"] {
        let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
        wire.expect("MAIL FROM:<bob@there.test>", 250);
        wire.expect("RCPT TO:<anne@here.test>", 250);
        wire.expect("DATA", 354);
        let smuggled = format!(
            "Subject: outer\r\n\r\nx{end}MAIL FROM:<evil@there.test>\r\nRCPT TO:<anne@here.test>\r\nDATA\r\n\
             Subject: smuggled\r\n\r\nevil\r\n.\r\n"
        );
        wire.send(smuggled);
        let reply = wire.reply();
        // One message or none; and exactly one reply: what follows is the answer to QUIT.
        assert!(reply.code == 250 || reply.code / 100 == 5, "{end:?}: {reply:?}");
        let after = wire.smtp("QUIT");
        assert_eq!(after.code, 221, "{end:?}: {after:?}");
    }
    site.wait_for_empty_queue();
    for message in site.wait_for("INBOX", 0) {
        assert!(message.contains("Return-Path: <bob@there.test>"), "{message}");
    }
    site.sterna.check();
}

#[test]
fn commands_sent_before_tls_are_not_taken_after_it() {
    let site = Site::start();
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    wire.send("STARTTLS\r\nMAIL FROM:<evil@there.test>\r\n");
    let reply = wire.reply();
    assert!(reply.code >= 500, "{reply:?}");
}

#[test]
fn ten_thousand_recipients_are_taken_in_portions_or_refused_one_by_one() {
    let site = Site::start();
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    wire.expect("MAIL FROM:<bob@there.test>", 250);
    let mut taken = 0;
    for n in 0..10_000 {
        wire.send(format!("RCPT TO:<anne+{n}@here.test>\r\n"));
        let reply = wire.try_reply();
        match reply.map(|r| r.code) {
            Some(250) => taken += 1,
            Some(452) => {}
            // A client that goes on and on is sent away.
            Some(421) | None => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(taken, 1_000);
    assert!(site.sterna.memory().rss < 400 << 20, "{:?}", site.sterna.memory());
}

#[test]
fn a_large_message_is_taken_in_bounded_memory_and_a_larger_one_refused() {
    let site = Site::with("message = \"120M\"\n");
    let before = site.sterna.memory().rss;
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    wire.expect("MAIL FROM:<bob@there.test> SIZE=104857600", 250);
    wire.expect("RCPT TO:<anne@here.test>", 250);
    wire.expect("DATA", 354);
    wire.send("Subject: large\r\n\r\n");
    let line = format!("{}\r\n", "0123456789abcdef".repeat(4));
    let block = line.repeat(1_000);
    for _ in 0..(100 << 20) / block.len() {
        wire.send(&block);
    }
    wire.send("\r\n.\r\n");
    wire.set_read_timeout(Duration::from_secs(120));
    assert_eq!(wire.reply().code, 250);
    let grown = site.sterna.memory().rss.saturating_sub(before);
    assert!(grown < 400 << 20, "{} MiB more", grown >> 20);
    let mut imap = site.imap();
    imap.ok("SELECT INBOX");
    let size = imap.ok("FETCH 1 RFC822.SIZE").untagged[0].text();
    assert!(size.contains("RFC822.SIZE 10"), "{size}");
    let refused = wire.smtp("MAIL FROM:<bob@there.test> SIZE=134217728");
    assert_eq!((refused.code, &refused.lines[0][..5]), (552, "5.3.4"), "{refused:?}");
    site.sterna.check();
}

#[test]
fn a_full_mailbox_refuses_at_the_door_and_can_still_send() {
    let site = Site::start();
    site.sterna.cli(&["account", "set", "anne@here.test", "--quota", "20k"], "").success();
    let long = letter("bob@there.test", "anne@here.test", "long").replace("Hello", &"filler ".repeat(3_000));
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    wire.expect("MAIL FROM:<bob@there.test>", 250);
    wire.expect("RCPT TO:<anne@here.test>", 250);
    wire.expect("DATA", 354);
    wire.send(sterna_tests::wire::stuffed(long.as_bytes()));
    let refused = wire.reply();
    assert_eq!((refused.code, &refused.lines[0][..5]), (552, "5.2.2"), "{refused:?}");
    wire.expect(&format!("MAIL FROM:<bob@there.test> SIZE={}", long.len()), 250);
    let refused = wire.smtp("RCPT TO:<anne@here.test>");
    assert_eq!((refused.code, &refused.lines[0][..5]), (552, "5.2.2"), "{refused:?}");
    site.submit("bob@there.test", "still sending").success();
    site.postfix.wait_for(1, PATIENCE);
    site.sterna.check();
}

#[test]
fn a_loop_ends() {
    let site = Site::start();
    site.sterna.user("carl@here.test", "secret");
    // Two accounts that forward to each other, and an alias that is its own target.
    for (from, to) in [("anne@here.test", "carl@here.test"), ("carl@here.test", "anne@here.test")] {
        site.sterna.cli(&["account", "set", from, "--forward", to, "--keep-copy"], "").success();
    }
    site.receive("bob@there.test", &["anne@here.test"], &letter("bob@there.test", "anne@here.test", "round"));
    site.wait_for_empty_queue();
    assert_eq!(site.wait_for("INBOX", 1).len(), 1);
    let received = "Received: from a by b; Sun, 22 Nov 2026 09:30:00 +0100\r\n".repeat(60);
    let message = format!("{received}{}", letter("bob@there.test", "anne@here.test", "hops"));
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    let refused = wire.mail("bob@there.test", &["anne@here.test"], message.as_bytes());
    assert_eq!((refused.code / 100, &refused.lines[0][..5]), (5, "5.4.6"), "{refused:?}");
    site.sterna.check();
}

#[test]
fn a_forged_sender_gets_no_bounce() {
    let site = Site::start();
    // SPF says that nobody sends for forged.test.
    site.dns.set("forged.test", "TXT", 60, "v=spf1 -all");
    site.dns.set("forged.test", "MX", 60, "10 mx.there.test");
    let rules = "require \"reject\";\r\nreject \"I do not want this.\";\r\n";
    site.sterna.cli(&["sieve", "put", "anne@here.test", "rules"], rules).success();
    site.sterna.cli(&["sieve", "activate", "anne@here.test", "rules"], "").success();
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.forged.test");
    let message = letter("victim@forged.test", "anne@here.test", "spam");
    // Refused in the dialogue: the one who sends it has to cope.
    let refused = wire.mail("victim@forged.test", &["anne@here.test"], message.as_bytes());
    assert_eq!(refused.code / 100, 5, "{refused:?}");
    site.wait_for_empty_queue();
    assert_eq!(site.postfix.messages().len(), 0);
}

#[test]
fn a_client_that_trickles_does_not_stay() {
    let site = Site::with("");
    let started = Instant::now();
    let mut idle: Vec<LineWire> = (0..50).map(|_| LineWire::hello(site.sterna.port_of("smtp"), "EHLO slow")).collect();
    for wire in &mut idle {
        wire.send("MAIL FR");
    }
    // Meanwhile others are served.
    site.receive("bob@there.test", &["anne@here.test"], &letter("bob@there.test", "anne@here.test", "quick"));
    assert!(started.elapsed() < Duration::from_secs(30));
    site.wait_for("INBOX", 1);
}

#[test]
fn malformed_addresses_are_refused_and_the_session_goes_on() {
    let site = Site::start();
    let mut wire = LineWire::hello(site.sterna.port_of("smtp"), "EHLO mx.there.test");
    for bad in
        ["<", "<@>", "<bob>", "<bob@>", "<@there.test>", "<bob@there..test>", "<b ob@there.test>", "bob@there.test> x"]
    {
        let reply = wire.smtp(&format!("MAIL FROM:{bad}"));
        assert!((500..=555).contains(&reply.code), "{bad}: {reply:?}");
    }
    wire.send(b"MAIL FROM:<bob\xff@there.test>\r\n".as_slice());
    assert!(wire.reply().code >= 500);
    wire.expect("MAIL FROM:<\"quoted local\"@there.test>", 250);
    wire.expect("RCPT TO:<Anne@HERE.test>", 250);
    wire.expect("RSET", 250);
    wire.expect("MAIL FROM:<jos\u{e9}@there.test> SMTPUTF8", 250);
    wire.expect("QUIT", 221);
}
