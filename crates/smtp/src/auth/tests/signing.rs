//! Our own signatures, judged by Python and by ourselves.

use std::sync::Arc;

use sterna_core::{DateTime, ManualClock};
use sterna_delivery::{Delivery, DeliveryConfig, Envelope, Mail, Recipient, Refusal, Spool};
use sterna_store::{DkimState, Store};

use super::super::Verdict;
use super::*;

/// A store with a domain and one active key of each kind, and their records.
pub(super) async fn domain(setup: &Setup, name: &str) -> (tempfile::TempDir, Store, Vec<(String, String)>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Arc::new(ManualClock::at(1_790_000_000))).await.unwrap();
    store.add_domain(name).await.unwrap();
    let mut records = Vec::new();
    for algorithm in [DkimAlgorithm::Ed25519, DkimAlgorithm::Rsa2048] {
        let key = setup.key(name, algorithm.as_str(), algorithm);
        store.add_dkim_key(key.clone()).await.unwrap();
        store.set_dkim_state(name, &key.selector, DkimState::Active).await.unwrap();
        records.push(dkim::record(&key));
    }
    (directory, store, records)
}

const MAIL: &str = "From: Me <me@ours.test>\r\nTo: you@there.test\r\nSubject: =?utf-8?q?=C3=A9?=\r\n folded\r\n\
    Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@ours.test>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain\r\nReply-To: me@ours.test\r\n\r\nHello,  you \r\n\r\n.\r\n \r\n\r\n";

#[tokio::test]
async fn python_and_we_believe_both_of_our_signatures() {
    let setup = Setup::start();
    let (_directory, store, records) = domain(&setup, "ours.test").await;
    let trace = b"Received: from client by mx.sterna.test; Sun, 22 Nov 2026 10:00:00 +0000\r\n";
    let body = Body::Memory(MAIL.as_bytes().to_vec().into());
    let fields = setup.auth.sign(&store, "Ours.Test", trace, &body).await.unwrap().unwrap();
    assert_eq!(fields.matches("DKIM-Signature: ").count(), 2);
    assert!(fields.ends_with("\r\n") && fields.lines().all(|line| line.len() < 100), "{fields}");
    let signed = [fields.as_bytes(), trace, MAIL.as_bytes()].concat();
    assert_eq!(python::verify(&signed, &records), [true, true]);
    let found = setup.verify("", &signed).await;
    assert_eq!(found.dkim.iter().map(|s| s.verdict).collect::<Vec<_>>(), [Verdict::Pass, Verdict::Pass]);
}

#[tokio::test]
async fn nobody_can_add_what_a_reader_sees() {
    let setup = Setup::start();
    let (_directory, store, records) = domain(&setup, "ours.test").await;
    let body = Body::Memory(MAIL.as_bytes().to_vec().into());
    let fields = setup.auth.sign(&store, "ours.test", b"", &body).await.unwrap().unwrap();
    for added in ["From: boss@ours.test", "Subject: Pay", "To: all@ours.test", "Cc: all@ours.test", "Date: now"] {
        let forged = [format!("{added}\r\n").as_bytes(), fields.as_bytes(), MAIL.as_bytes()].concat();
        assert_eq!(python::verify(&forged, &records), [false, false], "{added}");
        let found = setup.verify("", &forged).await;
        assert!(found.dkim.iter().all(|s| s.verdict == Verdict::Fail), "{added}");
    }
    // What relays and lists add does no harm.
    let relayed =
        ["Received: by relay\r\nList-Id: <l.test>\r\n".as_bytes(), fields.as_bytes(), MAIL.as_bytes()].concat();
    assert_eq!(python::verify(&relayed, &records), [true, true]);
}

#[tokio::test]
async fn a_large_body_is_signed_as_a_stream() {
    let setup = Setup::start();
    let (_directory, store, records) = domain(&setup, "ours.test").await;
    let mut mail = MAIL.as_bytes().to_vec();
    mail.extend(b"a line with  two spaces \r\n".iter().cycle().take(3 << 20));
    mail.extend_from_slice(b"\r\n \r\n");
    let directory = tempfile::tempdir().unwrap();
    let mut spool = Spool::new(directory.path());
    spool.write(&mail).unwrap();
    let fields = setup.auth.sign(&store, "ours.test", b"", &spool.finish().unwrap()).await.unwrap().unwrap();
    assert_eq!(python::verify(&[fields.as_bytes(), &mail].concat(), &records), [true, true]);
}

#[tokio::test]
async fn messages_without_end_or_author_are_not_signed() {
    let setup = Setup::start();
    let (_directory, store, _) = domain(&setup, "ours.test").await;
    let sign = async |domain: &str, mail: &[u8]| {
        setup.auth.sign(&store, domain, b"", &Body::Memory(mail.to_vec().into())).await.unwrap()
    };
    assert_eq!(sign("elsewhere.test", MAIL.as_bytes()).await, None);
    assert_eq!(sign("no domain", MAIL.as_bytes()).await, None);
    assert_eq!(sign("ours.test", b"Subject: x\r\n\r\nFrom: me@ours.test\r\n").await, None);
    assert_eq!(sign("ours.test", b"").await, None);
    assert_eq!(sign("ours.test", b"From: me@ours.test\n\nbody\n").await, None);
    assert_eq!(sign("ours.test", &vec![b'x'; 2 << 20]).await, None);
    assert!(sign("ours.test", b"From: me@ours.test\r\n").await.is_some());
    assert!(sign("ours.test", b"From: me@ours.test\r\n\r\n").await.is_some());
}

#[tokio::test]
async fn a_report_is_signed_for_the_domain_above_the_server() {
    let setup = Setup::start();
    let (_directory, store, records) = domain(&setup, "ours.test").await;
    let signer = Arc::new(setup.auth.clone());
    let delivery = Delivery::signing(store.clone(), DeliveryConfig::new("mx.ours.test"), signer);
    let mail = Mail {
        envelope: Envelope { sender: "you@there.test".to_owned(), ..Envelope::default() },
        trace: Default::default(),
        body: Body::Memory(MAIL.as_bytes().into()),
        received: DateTime::utc(1_790_000_000),
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    };
    let refused = [(Recipient::new("me@ours.test"), Refusal::new(552, "5.2.2", "full"))];
    crate::dsn::failure(&delivery, &mail, &refused).await.unwrap().unwrap();
    let queue = store.queue_list(None, 10, Default::default()).await.unwrap();
    let [(queued, ..)] = queue.as_slice() else { panic!("{queue:?}") };
    let report = store.queue_body_range(queued.blob, 0, queued.size).await.unwrap();
    assert_eq!(python::verify(&report, &records), [true, true]);
}
