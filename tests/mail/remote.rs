//! LMTP both ways: Postfix hands over to Sterna, and Sterna hands over to the platform that holds a mailbox.

use sterna_tests::{Dovecot, DovecotOptions, LineWire, Port, Postfix, PostfixOptions};

use crate::site::{PATIENCE, Site, letter, messages};

#[test]
fn postfix_delivers_over_lmtp_with_an_answer_for_each_recipient() {
    let site = Site::start();
    site.sterna.user("carl@here.test", "secret");
    let routes = vec![("here.test".to_owned(), site.sterna.port_of("lmtp"))];
    let relay = Postfix::start(&PostfixOptions {
        domain: "relay.test".to_owned(),
        lmtp_routes: routes,
        // A bounce goes to its sender.
        routes: vec![("there.test".to_owned(), site.postfix.port())],
        ..PostfixOptions::default()
    });
    let mut wire = LineWire::hello(relay.port(), "EHLO client");
    let message = letter("bob@there.test", "anne@here.test", "three at once");
    let recipients = ["anne@here.test", "nobody@here.test", "carl@here.test"];
    assert_eq!(wire.mail("bob@there.test", &recipients, message.as_bytes()).code, 250);
    site.wait_for("INBOX", 1);
    let bounce = String::from_utf8_lossy(&site.postfix.wait_for(1, PATIENCE).remove(0)).into_owned();
    assert!(bounce.contains("nobody@here.test") && !bounce.contains("Final-Recipient: rfc822; carl"), "{bounce}");
    site.sterna.check();
}

#[test]
fn mail_for_a_mailbox_on_another_platform_is_handed_to_it() {
    let lmtp = Port::free();
    let extra = format!(
        "protocols = imap lmtp\nservice lmtp {{\n inet_listener lmtp {{\n address = 127.0.0.1\n port = {}\n }}\n}}\n",
        lmtp.number()
    );
    let mut dovecot = Dovecot::with(DovecotOptions { extra, ..DovecotOptions::default() });
    let remote = dovecot.user("dora@here.test", "secret");
    let site = Site::start();
    site.sterna.user("dora@here.test", "secret");
    let route = format!("lmtp://127.0.0.1:{}?tls=none", lmtp.number());
    site.sterna.cli(&["account", "set", "dora@here.test", "--deliver-to", &route], "").success();
    site.receive("bob@there.test", &["dora@here.test"], &letter("bob@there.test", "dora@here.test", "elsewhere"));
    site.wait_for_empty_queue();
    let arrived = messages(&mut dovecot.login(&remote), "INBOX");
    assert_eq!(arrived.len(), 1);
    assert!(arrived[0].contains("Subject: elsewhere"), "{}", arrived[0]);
    // The platform is away, and back; then the mailbox comes home.
    dovecot.stop();
    site.receive("bob@there.test", &["dora@here.test"], &letter("bob@there.test", "dora@here.test", "while away"));
    site.sterna.cli(&["account", "set", "dora@here.test", "--deliver-to", "none"], "").success();
    site.sterna.cli(&["queue", "retry", "--recipient", "dora@here.test"], "").success();
    site.wait_for_empty_queue();
    let dora = sterna_tests::User { login: "dora@here.test".to_owned(), password: "secret".to_owned() };
    assert_eq!(messages(&mut site.sterna.login(&dora), "INBOX").len(), 1);
    site.sterna.check();
}

#[test]
fn mail_goes_to_a_platform_and_comes_home_by_the_route_of_the_day() {
    let lmtp = Port::free();
    let extra = format!(
        "protocols = imap lmtp\nservice lmtp {{\n inet_listener lmtp {{\n address = 127.0.0.1\n port = {}\n }}\n}}\n",
        lmtp.number()
    );
    let mut dovecot = Dovecot::with(DovecotOptions { extra, ..DovecotOptions::default() });
    let remote = dovecot.user("dora@here.test", "secret");
    let site = Site::start();
    site.sterna.user("dora@here.test", "secret");
    let cli = |words: &[&str]| site.sterna.cli(words, "").success();
    let imap = format!("imap://127.0.0.1:{}?tls=none", dovecot.port());
    cli(&["platform", "add", "old", "--imap", &imap]);
    cli(&["account", "set", "dora@here.test", "--platform", "old"]);
    // The operator forgot to say where mail goes: it waits, and nobody is refused.
    site.receive("bob@there.test", &["dora@here.test"], &letter("bob@there.test", "dora@here.test", "no way yet"));
    let route = format!("lmtp://127.0.0.1:{}?tls=none", lmtp.number());
    cli(&["platform", "set", "old", "--deliver", &route]);
    cli(&["queue", "retry", "--recipient", "dora@here.test"]);
    site.wait_for_empty_queue();
    // An alias of here leads there.
    cli(&["alias", "add", "sales@here.test", "dora@here.test"]);
    site.receive("bob@there.test", &["sales@here.test"], &letter("bob@there.test", "sales@here.test", "by alias"));
    site.wait_for_empty_queue();
    let arrived = messages(&mut dovecot.login(&remote), "INBOX").concat();
    assert!(arrived.contains("Subject: no way yet") && arrived.contains("Subject: by alias"), "{arrived}");
    // The platform is away for good; what waits for it is delivered where the mailbox is by then.
    dovecot.stop();
    site.receive("bob@there.test", &["dora@here.test"], &letter("bob@there.test", "dora@here.test", "while away"));
    cli(&["account", "set", "dora@here.test", "--here"]);
    cli(&["queue", "retry", "--recipient", "dora@here.test"]);
    site.wait_for_empty_queue();
    let dora = sterna_tests::User { login: "dora@here.test".to_owned(), password: "secret".to_owned() };
    let here = messages(&mut site.sterna.login(&dora), "INBOX");
    assert_eq!(here.len(), 1);
    assert!(here[0].contains("Subject: while away"), "{}", here[0]);
    site.sterna.check();
}
