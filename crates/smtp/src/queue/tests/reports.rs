//! What senders are told.

use sterna_delivery::Notify;
use sterna_tests::python;

use super::*;

#[tokio::test]
async fn a_refusal_is_reported_to_the_sender() {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    let running = world.run();
    world.enqueue(&mail("lost"), &["no1@dest.example", "b@dest.example"]).await;
    let report = world.report().await;
    world.empty().await;
    running.stop().await;
    assert_eq!(sink.recipients(), ["b@dest.example"]);
    let file = world.place.data.join("report.eml");
    std::fs::write(&file, &report).unwrap();
    let script = r#"
import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
assert not m.defects, m.defects
assert m.get_content_type() == 'multipart/report' and m.get_param('report-type') == 'delivery-status'
assert m['Return-Path'] == '<>' and m['Auto-Submitted'] == 'auto-replied', m.items()
text, status, original = m.iter_parts()
assert 'no1@dest.example' in text.get_content() and '550 5.1.1 no such user here' in text.get_content()
whole, one = status.get_payload()
assert whole['Reporting-MTA'] == 'dns; me.example.org'
assert one['Final-Recipient'] == 'rfc822;no1@dest.example', one.items()
assert (one['Action'], one['Status']) == ('failed', '5.1.1')
assert one['Remote-MTA'] == 'dns; mx127-0-0-1.dest.example'
assert one['Diagnostic-Code'] == 'smtp; 550 5.1.1 no such user here'
inner = original.get_content()
assert original.get_content_type() == 'message/rfc822' and inner['Subject'] == 'lost' and 'hello' in inner.get_content()
print(m['Subject'])
"#;
    let subject = python(script, &[file.to_str().unwrap()]).success().stdout;
    assert_eq!(subject.trim(), "Your message could not be delivered");
}

#[tokio::test]
async fn a_sender_is_told_in_his_language() {
    let mut world = World::new().await;
    let _sink = world.sink("dest.example").await;
    let anne = world.store.find_account(&address("anne@example.org")).await.unwrap().unwrap().id;
    world.store.set_language(anne, Some("fr".to_owned())).await.unwrap();
    let running = world.run();
    world.enqueue(&mail("x"), &["no1@dest.example"]).await;
    assert!(world.report().await.contains("Votre message n'a pas pu =C3=AAtre remis =C3=A0"));
    running.stop().await;
}

#[tokio::test]
async fn who_is_late_is_told_once_and_who_is_too_late_is_given_up() {
    let mut world = World::new().await;
    world.config.delay_after = Duration::ZERO;
    let _sink = world.sink("dest.example").await;
    let running = world.run();
    world.enqueue(&mail("x"), &["later@dest.example"]).await;
    let report = world.report().await;
    assert!(report.contains("Action: delayed\r\n") && report.contains("Will-Retry-Until: "), "{report}");
    assert!(!report.contains("hello"), "a warning returns the header only");
    eventually("it was tried again", async || world.noted().await.0 >= 2).await;
    assert_eq!(world.inbox("anne@example.org").await.len(), 1);
    running.stop().await;

    let mut world = World::with(0).await;
    let _sink = world.sink("dest.example").await;
    let running = world.run();
    world.enqueue(&mail("x"), &["later@dest.example"]).await;
    let report = world.report().await;
    assert!(report.contains("Action: failed\r\nStatus: 5.4.7\r\n"), "{report}");
    assert!(report.contains("Diagnostic-Code: smtp; 451 4.7.1 not now\r\n"), "{report}");
    world.empty().await;
    running.stop().await;
}

/// What anne gets for a message with these wishes to a server with these extensions.
async fn reports(notify: Notify, to: &str, extensions: &'static [&'static str]) -> Vec<String> {
    let mut world = World::new().await;
    let sink = world.sink("dest.example").await;
    sink.change(|habits| habits.extensions = extensions);
    let running = world.run();
    let recipient = Recipient { notify, ..Recipient::new(to) };
    world.delivery.enqueue(&mail("x"), &[recipient]).await.unwrap();
    world.empty().await;
    running.stop().await;
    world.inbox("anne@example.org").await
}

#[tokio::test]
async fn success_is_reported_where_nobody_else_does() {
    let wish = Notify { success: true, failure: true, delay: false };
    let relayed = reports(wish, "b@dest.example", &[]).await;
    assert!(relayed.len() == 1 && relayed[0].contains("Action: relayed\r\nStatus: 2.0.0\r\n"), "{relayed:?}");
    assert!(reports(wish, "b@dest.example", &["DSN"]).await.is_empty());
    assert!(reports(Notify::default(), "b@dest.example", &[]).await.is_empty());
}

#[tokio::test]
async fn who_wants_no_report_gets_none() {
    assert!(reports(Notify::NEVER, "no1@dest.example", &[]).await.is_empty());
    assert_eq!(reports(Notify::default(), "no1@dest.example", &[]).await.len(), 1);
}

#[tokio::test]
async fn nobody_is_told_about_a_report() {
    let mut world = World::new().await;
    let _sink = world.sink("dest.example").await;
    let running = world.run();
    let null = Mail { envelope: Envelope::default(), ..mail("x") };
    world.enqueue(&null, &["no1@dest.example"]).await;
    world.empty().await;
    // A report whose own sender cannot be reached goes nowhere either.
    let stranger =
        Mail { envelope: Envelope { sender: "no2@dest.example".to_owned(), ..Envelope::default() }, ..mail("y") };
    world.enqueue(&stranger, &["no3@dest.example"]).await;
    world.empty().await;
    running.stop().await;
    assert!(world.inbox("anne@example.org").await.is_empty());
}
