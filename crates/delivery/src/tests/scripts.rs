//! Sieve at delivery: what a script decides is done, and nothing that a script does loses a message.

use sterna_core::Role;
use sterna_store::NewMailbox;

use crate::testing::{House, address, at, from, hello, mail};
use crate::{Delivered, Outcome, Recipient};

const CAROL: &str = "carol@remote.example";

#[tokio::test]
async fn fileinto_finds_a_mailbox_or_makes_it_and_sets_flags() {
    let house = House::new().await;
    let script = r#"require ["fileinto", "mailbox", "imap4flags", "subaddress", "envelope"];
        if envelope :detail "to" "work" { fileinto :create :flags ["\\Seen", "$Work"] "Lists/Work"; }
        elsif header :contains "subject" "missing" { fileinto "Nowhere"; }
        elsif header :contains "subject" "inbox" { fileinto "inbox"; }"#;
    house.script("anne", script).await;
    assert_eq!(house.accept(&hello("anne"), "anne+Work").await, Outcome::Delivered);
    let filed = house.flagged("anne", "Lists/Work").await;
    assert_eq!(filed.len(), 1);
    assert!(filed[0].0.starts_with("Return-Path: <ada@example.com>\r\nDelivered-To: anne@example.org\r\nFrom: "));
    assert_eq!(filed[0].1, "\\Seen $Work");
    for subject in ["missing", "inbox", "anything"] {
        let mail = mail(&format!("Subject: {subject}\r\n\r\n"));
        assert_eq!(house.accept(&mail, "anne").await, Outcome::Delivered);
    }
    assert_eq!(house.inbox("anne").await.len(), 3);
    assert_eq!(house.messages("anne", "Nowhere").await.len(), 0);
    house.check().await;
}

#[tokio::test]
async fn a_message_may_go_to_several_mailboxes_and_is_stored_once() {
    let house = House::new().await;
    let script = r#"require ["fileinto", "mailbox", "copy", "imap4flags"];
        fileinto :copy :create "A"; fileinto :copy :create "A"; fileinto :copy :create :flags "\\Flagged" "B/C"; keep;"#;
    house.script("anne", script).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    for (path, flags) in [("A", ""), ("B/C", "\\Flagged"), ("INBOX", "")] {
        let found = house.flagged("anne", path).await;
        assert_eq!(found.len(), 1, "{path}");
        assert_eq!(found[0].1, flags, "{path}");
    }
    let account = house.store.account(house.id("anne").await).await.unwrap();
    let report = account.check(sterna_message::check_structure).await.unwrap();
    assert_eq!((report.messages, report.bodies), (3, 1));
    house.check().await;
}

#[tokio::test]
async fn a_special_use_leads_to_its_mailbox() {
    let house = House::new().await;
    let account = house.store.account(house.id("anne").await).await.unwrap();
    let junk = NewMailbox { role: Some(Role::Junk), ..NewMailbox::named("Spam") };
    account.write(move |tx| tx.create_mailbox(&junk)).await.unwrap();
    let script = r#"require ["fileinto", "special-use"]; fileinto :specialuse "\\Junk" "Junk";"#;
    house.script("anne", script).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.messages("anne", "Spam").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn names_are_those_that_clients_see() {
    let house = House::new().await;
    let account = house.store.account(house.id("anne").await).await.unwrap();
    account.write(|tx| tx.set_namespace('.', "INBOX.")).await.unwrap();
    let script = r#"require ["fileinto", "mailbox"];
        if mailboxexists "INBOX.Été.x" { fileinto "INBOX.Été.x"; } else { fileinto :create "INBOX.Été.x"; }"#;
    house.script("anne", script).await;
    for _ in 0..2 {
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    }
    assert_eq!(house.messages("anne", "Été.x").await.len(), 2);
    house.check().await;
}

#[tokio::test]
async fn a_name_that_no_mailbox_can_have_is_inbox() {
    let house = House::new().await;
    let deep = "a/".repeat(60);
    let long = "x".repeat(2_000);
    for name in ["a//b", "/a", "", deep.as_str(), long.as_str()] {
        let script = format!("require [\"fileinto\", \"mailbox\"]; fileinto :create \"{name}\";");
        house.script("anne", &script).await;
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered, "{name}");
    }
    assert_eq!(house.inbox("anne").await.iter().filter(|m| m.contains("Subject: hello")).count(), 5);
    house.check().await;
}

#[tokio::test]
async fn discard_throws_away() {
    let house = House::new().await;
    house.script("anne", "discard;").await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), house.queue().await.len()), (0, 0));
    house.check().await;
}

#[tokio::test]
async fn reject_is_5_7_1_with_its_reason_on_one_line() {
    let house = House::new().await;
    house.script("anne", "require \"reject\"; reject text:\nNot\nhere\n.\n;").await;
    let Outcome::Refused(refusal) = house.accept(&hello("anne"), "anne").await else { panic!() };
    assert_eq!(refusal.to_string(), "550 5.7.1 Not here");
    let said = house.delivery.deliver_local(&hello("anne"), &Recipient::new(&at("anne"))).await;
    assert_eq!(said, Delivered::Refused(refusal));
    assert_eq!(house.inbox("anne").await.len(), 0);
    house.check().await;
}

#[tokio::test]
async fn redirect_rewrites_a_foreign_sender_and_leaves_its_trace() {
    let house = House::new().await;
    house.script("anne", &format!("redirect \"{CAROL}\";")).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.inbox("anne").await.len(), 0);
    let queue = house.queue().await;
    assert_eq!(queue[0].to, CAROL);
    assert!(queue[0].sender.starts_with("SRS0=") && queue[0].sender.ends_with("@example.org"), "{}", queue[0].sender);
    assert!(queue[0].text.starts_with("Delivered-To: anne@example.org\r\nFrom: "), "{}", queue[0].text);
    assert!(!queue[0].text.contains("Return-Path"));
    // With a copy, to one of ours: the sender stays.
    house.script("anne", "require \"copy\"; redirect :copy \"bob@example.org\";").await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.inbox("anne").await.len(), 1);
    assert_eq!(house.queue().await[1].sender, "ada@example.com");
    assert!(house.run().await.contains(&(at("bob"), Delivered::Done)));
    assert_eq!(house.inbox("bob").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn a_redirect_to_oneself_keeps_the_message() {
    let house = House::new().await;
    house.alias("me", &["anne"]).await;
    for own in ["anne@example.org", "Anne@EXAMPLE.org", "me@example.org"] {
        house.script("anne", &format!("redirect \"{own}\";")).await;
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered, "{own}");
    }
    assert_eq!((house.inbox("anne").await.len(), house.queue().await.len()), (3, 0));
    house.check().await;
}

#[tokio::test]
async fn two_scripts_that_redirect_to_each_other_stop() {
    let house = House::new().await;
    house.script("anne", "require \"copy\"; redirect :copy \"bob@example.org\";").await;
    house.script("bob", "require \"copy\"; redirect :copy \"anne@example.org\";").await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    let said = house.run().await;
    assert_eq!(said[0], (at("bob"), Delivered::Done));
    assert!(matches!(&said[1], (to, Delivered::Refused(r)) if *to == at("anne") && r.status == "5.4.6"), "{said:?}");
    assert_eq!(said.len(), 2);
    assert_eq!((house.inbox("anne").await.len(), house.inbox("bob").await.len()), (1, 1));
    house.check().await;
}

#[tokio::test]
async fn a_script_that_redirects_to_a_thousand_is_broken_and_the_message_kept() {
    let house = House::new().await;
    let redirects: String = (0..1000).map(|n| format!("redirect \"u{n}@remote.example\";\n")).collect();
    house.script("anne", &redirects).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.queue().await.len(), 0);
    let inbox = house.inbox("anne").await;
    assert_eq!(inbox.iter().filter(|m| m.contains("Subject: hello")).count(), 1);
    assert_eq!(inbox.len(), 2);
    house.check().await;
}

#[tokio::test]
async fn a_broken_script_keeps_mail_and_is_told_once_a_day() {
    let house = House::new().await;
    let told = async || house.inbox("anne").await.iter().filter(|m| m.contains("Auto-Submitted")).count();
    house.script("anne", "this is not sieve").await;
    for _ in 0..3 {
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    }
    assert_eq!((house.inbox("anne").await.len(), told().await), (4, 1));
    assert!(house.inbox("anne").await.iter().any(|m| m.contains("main")));
    house.clock.advance(86_401);
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!((house.inbox("anne").await.len(), told().await), (6, 2));
    house.check().await;
}

#[tokio::test]
async fn a_script_that_includes_itself_or_nothing_is_broken() {
    let house = House::new().await;
    for script in [
        "require \"include\"; include \"main\";",
        "require \"include\"; include \"missing\";",
        "require \"include\"; include \"broken\";",
        "require \"include\"; include \"ring\";",
        "require \"include\"; include :global \"main\";",
    ] {
        house.put_script("anne", "broken", "if {").await;
        house.put_script("anne", "ring", "require \"include\"; include \"main\";").await;
        house.script("anne", script).await;
        let before = house.inbox("anne").await.iter().filter(|m| m.contains("Subject: hello")).count();
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered, "{script}");
        let after = house.inbox("anne").await.iter().filter(|m| m.contains("Subject: hello")).count();
        assert_eq!(after, before + 1, "{script}");
    }
    house.put_script("anne", "part", "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Part\";").await;
    house.script("anne", "require \"include\"; include \"part\";").await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.messages("anne", "Part").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn an_edited_header_is_what_is_stored_and_sent_on() {
    let house = House::new().await;
    let script = r#"require ["editheader", "copy"];
        addheader "X-Filter" "one"; deleteheader "Subject"; deleteheader "Delivered-To";
        redirect :copy "carol@remote.example"; addheader :last "X-Last" "two";"#;
    house.script("anne", script).await;
    let mut mail = hello("anne");
    mail.trace = bytes::Bytes::from_static(b"Received: by us\r\n");
    assert_eq!(house.accept(&mail, "anne").await, Outcome::Delivered);
    let stored = house.inbox("anne").await.remove(0);
    assert!(stored.starts_with("Return-Path: <ada@example.com>\r\n"), "{stored}");
    assert!(stored.contains("X-Filter: one\r\n") && stored.contains("X-Last: two\r\n\r\nhi\r\n"), "{stored}");
    assert!(!stored.contains("Subject:") && stored.ends_with("\r\n\r\nhi\r\n"), "{stored}");
    assert!(stored.contains("Delivered-To: anne@example.org\r\n"), "{stored}");
    assert_eq!(stored.matches("Received: by us").count(), 1, "{stored}");
    let sent = house.queue().await.remove(0).text;
    assert!(sent.contains("X-Filter: one\r\n") && !sent.contains("X-Last") && !sent.contains("Return-Path"), "{sent}");
    assert_eq!(sent.matches("Delivered-To: anne@example.org\r\n").count(), 1, "{sent}");
    assert!(sent.ends_with("\r\n\r\nhi\r\n"), "{sent}");
    house.check().await;
}

#[tokio::test]
async fn duplicate_is_remembered_when_delivered() {
    let house = House::new().await;
    house.script("anne", "require \"duplicate\"; if duplicate { discard; }").await;
    for _ in 0..3 {
        assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    }
    assert_eq!(house.inbox("anne").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn duplicate_last_counts_from_the_last_message() {
    // Messages after 0, 60 and 120 seconds; 120 seconds after the first, only the last one is younger than 100.
    for (tagged, kept) in [("duplicate :seconds 100", 2), ("duplicate :last :seconds 100", 1)] {
        let house = House::new().await;
        house.script("anne", &format!("require \"duplicate\"; if {tagged} {{ discard; }}")).await;
        for _ in 0..3 {
            assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
            house.clock.advance(60);
        }
        assert_eq!(house.inbox("anne").await.len(), kept, "{tagged}");
        house.check().await;
    }
}

#[tokio::test]
async fn vacation_answers_once_per_sender_and_keeps_the_message() {
    let house = House::new().await;
    house.script("anne", "require \"vacation\"; vacation :days 3 :subject \"Absente\" \"à lundi\";").await;
    for _ in 0..2 {
        assert_eq!(house.accept(&hello("anne@example.org"), "anne").await, Outcome::Delivered);
    }
    let other = from("eve@example.com", "From: eve@example.com\r\nTo: anne@example.org\r\nSubject: x\r\n\r\n");
    assert_eq!(house.accept(&other, "anne").await, Outcome::Delivered);
    let replies = house.queue().await;
    let told: Vec<(&str, &str)> = replies.iter().map(|r| (r.to.as_str(), r.sender.as_str())).collect();
    assert_eq!(told, [("ada@example.com", ""), ("eve@example.com", "")]);
    assert!(replies[0].text.contains("Auto-Submitted: auto-replied"), "{}", replies[0].text);
    assert!(replies[0].text.contains("In-Reply-To: <1@example.com>"), "{}", replies[0].text);
    assert_eq!(house.inbox("anne").await.len(), 3);
    house.clock.advance(3 * 86_400 + 1);
    assert_eq!(house.accept(&hello("anne@example.org"), "anne").await, Outcome::Delivered);
    assert_eq!(house.queue().await.len(), 3);
    house.check().await;
}

#[tokio::test]
async fn vacation_never_answers_what_rfc_3834_forbids() {
    let house = House::new().await;
    house.script("anne", "require \"vacation\"; vacation \"away\";").await;
    let text = |extra: &str| format!("From: x@example.com\r\nTo: anne@example.org\r\nSubject: x\r\n{extra}\r\nhi\r\n");
    for (sender, extra) in [
        ("", ""),
        ("list@example.com", "List-Id: <list.example.com>\r\n"),
        ("list@example.com", "List-Unsubscribe: <mailto:x@example.com>\r\n"),
        ("bulk@example.com", "Precedence: bulk\r\n"),
        ("auto@example.com", "Auto-Submitted: auto-replied\r\n"),
        ("owner-list@example.com", ""),
        ("list-request@example.com", ""),
        ("MAILER-DAEMON@example.com", ""),
        ("anne@example.org", ""),
    ] {
        assert_eq!(house.accept(&from(sender, &text(extra)), "anne").await, Outcome::Delivered);
        assert_eq!(house.queue().await.len(), 0, "{sender} {extra}");
    }
    // Nor what is addressed to somebody else.
    let blind = from("ada@example.com", "From: ada@example.com\r\nTo: bob@example.org\r\nSubject: x\r\n\r\n");
    assert_eq!(house.accept(&blind, "anne").await, Outcome::Delivered);
    assert_eq!(house.queue().await.len(), 0);
    // But to an alias of the account, and for somebody who does not read mail.
    house.alias("info", &["anne"]).await;
    let to_alias = from("noreply@example.com", "From: a@example.com\r\nTo: info@example.org\r\nSubject: x\r\n\r\n");
    assert_eq!(house.accept(&to_alias, "info").await, Outcome::Delivered);
    assert_eq!(house.queue().await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn vacation_may_say_something_else_to_external_senders() {
    let house = House::new().await;
    let script = r#"require ["vacation", "environment"];
        if environment "vnd.sterna.external" "yes" { vacation :handle "out" "external"; }
        else { vacation :handle "in" "internal"; }"#;
    house.script("anne", script).await;
    let mut forged = from("bob@example.org", "From: b@example.org\r\nTo: anne@example.org\r\n\r\n");
    for authenticated in [true, false] {
        forged.authenticated = authenticated;
        assert_eq!(house.accept(&forged, "anne").await, Outcome::Delivered);
    }
    assert_eq!(house.accept(&hello("anne@example.org"), "anne").await, Outcome::Delivered);
    let said: Vec<bool> = house.queue().await.iter().map(|r| r.text.contains("external")).collect();
    assert_eq!(said, [false, true, true]);
    house.check().await;
}

#[tokio::test]
async fn a_vacation_subject_cannot_add_a_field() {
    let house = House::new().await;
    let script = r#"require ["vacation", "variables", "encoded-character"];
        if header :matches "Subject" "*" { set "s" "${1}"; }
        vacation :subject "${s}${hex:0d 0a}Bcc: eve@example.com" "away";"#;
    house.script("anne", script).await;
    let mail = mail(
        "From: ada@example.com\r\nTo: anne@example.org\r\n\
         Subject: =?utf-8?q?x=0D=0ABcc:_mallory@example.com=0D=0A=0D=0Abody?=\r\n\r\nhi\r\n",
    );
    assert_eq!(house.accept(&mail, "anne").await, Outcome::Delivered);
    let queue = house.queue().await;
    assert_eq!(queue.len(), 1);
    let header = queue[0].text.split("\r\n\r\n").next().unwrap();
    assert!(!header.to_lowercase().contains("\nbcc"), "{header}");
    house.check().await;
}

#[tokio::test]
async fn notify_sends_mail() {
    let house = House::new().await;
    house.script("anne", "require \"enotify\"; notify :message \"new\" \"mailto:pager@remote.example\";").await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    let queue = house.queue().await;
    assert_eq!((queue[0].to.as_str(), queue[0].sender.as_str()), ("pager@remote.example", ""));
    assert_eq!(house.inbox("anne").await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn a_full_mailbox_sends_nothing_on() {
    let house = House::new().await;
    house.quota("anne", 10).await;
    house.script("anne", &format!("require \"copy\"; redirect :copy \"{CAROL}\";")).await;
    assert!(matches!(house.accept(&hello("anne"), "anne").await, Outcome::Refused(r) if r.status == "5.2.2"));
    assert_eq!(house.queue().await.len(), 0);
    // Without a copy nothing is stored, and the mailbox may be full.
    house.script("anne", &format!("redirect \"{CAROL}\";")).await;
    assert_eq!(house.accept(&hello("anne"), "anne").await, Outcome::Delivered);
    assert_eq!(house.queue().await.len(), 1);
    house.check().await;
}

#[tokio::test]
async fn a_script_that_does_much_ends_and_keeps_the_message() {
    let house = House::new().await;
    let mut script = String::from("require [\"variables\", \"fileinto\", \"mailbox\"];\nset \"a\" \"xxxxxxxxxx\";\n");
    (0..200).for_each(|_| script.push_str("set \"a\" \"${a}${a}\";\n"));
    script.push_str("if header :matches \"x\" [\"*a*a*a*a*a*a*a*a*b\"] { discard; }\n");
    house.script("anne", &script).await;
    let hostile = mail(&format!("Subject: hello\r\nX: {}\r\n\r\n", "a".repeat(100_000)));
    assert_eq!(house.accept(&hostile, "anne").await, Outcome::Delivered);
    assert_eq!(house.inbox("anne").await.iter().filter(|m| m.contains("Subject: hello")).count(), 1);
    house.check().await;
}

#[tokio::test]
async fn another_address_of_the_account_reaches_its_script() {
    let house = House::new().await;
    house.store.add_domain("second.example").await.unwrap();
    house.store.add_alias(&address("anne@second.example"), vec![address("anne@example.org")]).await.unwrap();
    let script = "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Seen\";";
    house.script("anne", script).await;
    assert_eq!(house.accept(&hello("x"), "anne@second.example").await, Outcome::Delivered);
    assert_eq!(house.messages("anne", "Seen").await.len(), 1);
    house.check().await;
}
