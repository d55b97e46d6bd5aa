//! Reports as programs read them, and what hostile servers and addresses cannot do to them.

use std::sync::Arc;

use bytes::Bytes;
use sterna_core::{DateTime, SystemClock};
use sterna_delivery::{Body, DeliveryConfig};
use sterna_store::{QueueFilter, Store};
use sterna_tests::backend::store_config;
use tempfile::TempDir;

use super::*;
use crate::client::{Failure, Reply};

async fn delivery() -> (TempDir, Delivery) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open_with(store_config(directory.path()), Arc::new(SystemClock)).await.unwrap();
    (directory, Delivery::new(store, DeliveryConfig::new("me.example.org")))
}

fn mail(sender: &str, text: &str) -> Mail {
    Mail {
        envelope: Envelope { sender: sender.to_owned(), ..Envelope::default() },
        trace: Bytes::from_static(b"Received: x\r\n"),
        body: Body::Memory(Bytes::copy_from_slice(text.as_bytes())),
        received: DateTime::utc(1_800_000_000),
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    }
}

fn refused(address: &str, said: &str) -> Reported {
    let reply = Reply { code: 550, lines: vec![said.to_owned()] };
    Reported::failed(Recipient::new(address), &Failure::refused(reply), Some("mx.example.com"))
}

async fn text(kind: Kind, mail: &Mail, reported: &[Reported]) -> Option<String> {
    let (_directory, delivery) = delivery().await;
    let report = report(&delivery, kind, mail, reported).await.unwrap()?;
    assert!(report.mail.envelope.sender.is_empty());
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut report.mail.body.reader().unwrap(), &mut bytes).unwrap();
    Some(String::from_utf8(bytes).unwrap())
}

/// The media types of a report's parts.
fn parts(report: &str) -> Vec<String> {
    let types = report.lines().skip_while(|line| !line.starts_with("--"));
    types.filter_map(|line| line.strip_prefix("Content-Type: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_returned_is_what_ret_says_and_never_much() {
    let original = mail("a@x.org", "Subject: s\r\n\r\nbody-of-it\r\n");
    let header = |mail: Mail| Mail { envelope: Envelope { headers_only: Some(true), ..mail.envelope.clone() }, ..mail };
    let large = mail("a@x.org", &format!("Subject: s\r\n\r\nbody-of-it{}\r\n", "x".repeat(70_000)));
    let forged = Mail { authenticated: false, ..original.clone() };
    let endless = mail("a@x.org", &format!("Subject: {}\r\n", "x".repeat(1_000_000)));
    for (kind, mail, whole) in [
        (Kind::Failure, original.clone(), true),
        (Kind::Failure, header(original.clone()), false),
        (Kind::Failure, large, false),
        (Kind::Failure, forged, false),
        (Kind::Failure, endless, false),
        (Kind::Delay, original.clone(), false),
        (Kind::Success, original, false),
    ] {
        let report = text(kind, &mail, &[refused("b@y.org", "no")]).await.unwrap();
        assert_eq!(report.contains("body-of-it"), whole);
        assert!(report.contains("\r\nReceived: x\r\nSubject: "));
        let last = if whole { "message/rfc822" } else { "text/rfc822-headers" };
        assert_eq!(parts(&report), ["text/plain; charset=utf-8", "message/delivery-status", last]);
        assert!(report.len() < 80_000);
    }
}

#[tokio::test]
async fn a_servers_words_end_nothing() {
    let said = "no\r\nAction: delivered\r\n\r\n--boundary\r\nContent-Type: text/html\r\n\r\n<script>é\u{1b}[0m";
    let mut reported = refused("b@y.org", said);
    reported.remote = Some("mx\r\nStatus: 2.0.0".to_owned());
    reported.recipient.original = Some("rfc822;c@z.org\r\nAction: delivered".to_owned());
    let mut original = mail("a@x.org", "Subject: s\r\n\r\n");
    original.envelope.envid = Some("x\r\nAction: delivered".to_owned());
    let report = text(Kind::Failure, &original, &[reported]).await.unwrap();
    let lines = |start: &str| report.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((lines("Action: "), lines("Status: "), lines("Content-Type: text/html")), (1, 1, 0), "{report}");
    assert!(report.is_ascii());
    assert!(!report.contains('\u{1b}'));
}

#[tokio::test]
async fn addresses_in_utf8_make_an_international_report() {
    let report =
        text(Kind::Failure, &mail("é@x.org", "Subject: s\r\n\r\n"), &[refused("ü@y.org", "no")]).await.unwrap();
    assert_eq!(parts(&report), ["text/plain; charset=utf-8", "message/global-delivery-status", "message/global"]);
    assert!(report.contains("\r\nFinal-Recipient: utf-8;ü@y.org\r\n"));
    assert!(report.contains("\r\nTo: <é@x.org>\r\n"));
}

#[tokio::test]
async fn strangers_are_not_disturbed() {
    let forged = Mail { authenticated: false, ..mail("a@x.org", "\r\n") };
    assert!(text(Kind::Delay, &forged, &[refused("b@y.org", "no")]).await.is_none());
    assert!(text(Kind::Failure, &mail("", "\r\n"), &[refused("b@y.org", "no")]).await.is_none());
    assert!(text(Kind::Failure, &mail("a@x.org", "\r\n"), &[]).await.is_none());
}

#[tokio::test]
async fn reception_reports_what_was_refused_late() {
    let (_directory, delivery) = delivery().await;
    let refusal = Refusal::new(550, "5.7.1", "rejected by a script");
    let never = Recipient { notify: Notify::NEVER, ..Recipient::new("c@y.org") };
    let original = mail("a@x.org", "Subject: s\r\n\r\n");
    let none = failure(&delivery, &original, &[(never.clone(), refusal.clone())]).await.unwrap();
    assert_eq!(none, None);
    let both = [(Recipient::new("b@y.org"), refusal.clone()), (never, refusal)];
    assert!(failure(&delivery, &original, &both).await.unwrap().is_some());
    let queued = delivery.store().queue_list(None, 10, QueueFilter::default()).await.unwrap();
    assert_eq!(queued.len(), 1);
    assert_eq!((queued[0].0.sender.as_str(), queued[0].1[0].address.as_str()), ("", "a@x.org"));
    let body = delivery.store().queue_body_range(queued[0].0.blob, 0, 100_000).await.unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("rfc822;b@y.org") && !body.contains("c@y.org"));
}
