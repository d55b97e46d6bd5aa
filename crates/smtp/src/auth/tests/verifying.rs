//! DKIM signatures of others (RFC 6376), made by Python.

use std::process::Command;

use sterna_delivery::Spool;
use sterna_tests::{peer, run};

use super::super::Verdict;
use super::python::Sign;
use super::*;

fn verdicts(found: &Authentication) -> Vec<Verdict> {
    found.dkim.iter().map(|signature| signature.verdict).collect()
}

#[tokio::test]
async fn every_canonicalization_of_both_algorithms_verifies() {
    let setup = Setup::start();
    let mut mail = message("Author <a@author.test>");
    // RFC 6376 §3.4.4: runs of white space shrink, and what is empty at the end does not count.
    mail.extend_from_slice(b"two  spaces \t and a tab\t\r\n \r\n\t \r\n  \r\n\r\n\r\n");
    for algorithm in [DkimAlgorithm::Ed25519, DkimAlgorithm::Rsa2048] {
        let key = setup.key("author.test", algorithm.as_str(), algorithm);
        for canonicalization in
            [["relaxed", "relaxed"], ["relaxed", "simple"], ["simple", "relaxed"], ["simple", "simple"]]
        {
            let signed = Sign { canonicalization, ..Sign::new(&key) }.sign(&mail);
            let found = setup.verify("a@author.test", &signed).await;
            assert_eq!(verdicts(&found), [Verdict::Pass], "{algorithm:?} {canonicalization:?}\n{}", found.header);
            assert_eq!(found.dkim[0].domain, "author.test");
            assert!(found.passed, "the author's own signature");
        }
    }
}

/// RFC 8301 §3.1. OpenDKIM's tool still signs so.
#[tokio::test]
async fn sha1_is_not_believed() {
    let setup = Setup::start();
    let key = setup.key("author.test", "s", DkimAlgorithm::Rsa2048);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key.pem");
    std::fs::write(&file, python::secret(&key).1).unwrap();
    let mut command = Command::new(peer::require("opendkim-testmsg", "opendkim-tools"));
    command.args(["-C", "-d", "author.test", "-s", "s", "-k"]).arg(&file);
    let mail = [b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n", &message("a@author.test")[..]].concat();
    let signed = run(&mut command, &mail, Duration::from_secs(60)).success().stdout;
    assert!(signed.contains("a=rsa-sha1;"), "{signed}");
    let found = setup.verify("a@author.test", signed.as_bytes()).await;
    assert_eq!((verdicts(&found), found.passed), (vec![Verdict::Neutral], false));
    assert!(found.header.contains("dkim=neutral (not acceptable)"), "{}", found.header);
}

#[tokio::test]
async fn the_end_of_a_body_is_canonicalized_by_the_letter() {
    let setup = Setup::start();
    let key = setup.key("author.test", "s", DkimAlgorithm::Ed25519);
    let head = b"From: a@author.test\r\n\r\n";
    let signed = |body: &[u8]| Sign::new(&key).sign(&[head, body].concat());
    // One body signed, another delivered: relaxed takes them for equal, or not.
    for (body, other, equal) in [
        (&b"text\r\n"[..], &b"text\r\n \r\n\t\r\n"[..], true),
        (b"text\r\n", b"text \t\r\n\r\n", true),
        (b"text\r\n", b"text", true),
        (b"a  b\r\n", b"a\tb\r\n", true),
        (b"a b\r\n", b"ab\r\n", false),
        (b"text\r\n", b"text\r\n \r\nmore\r\n", false),
        (b"", b"\r\n \r\n", true),
        (b"", b"text\r\n", false),
    ] {
        let field = signed(body);
        let field = &field[..field.len() - head.len() - body.len()];
        let found = setup.verify("a@author.test", &[field, head, other].concat()).await;
        let expected = if equal { Verdict::Pass } else { Verdict::Neutral };
        assert_eq!(verdicts(&found), [expected], "{:?}", String::from_utf8_lossy(other));
    }
}

#[tokio::test]
async fn what_was_changed_does_not_verify() {
    let setup = Setup::start();
    let key = setup.key("author.test", "s", DkimAlgorithm::Rsa2048);
    let signed = String::from_utf8(Sign::new(&key).sign(&message("a@author.test"))).unwrap();
    let body = setup.verify("a@author.test", signed.replace("The text", "Another text").as_bytes()).await;
    assert_eq!(verdicts(&body), [Verdict::Neutral]);
    assert!(unfolded(&body.header).contains("dkim=neutral (the body was changed) header.d=author.test header.s=s"));
    let header = setup.verify("a@author.test", signed.replace("Subject: Hello", "Subject: Bye").as_bytes()).await;
    assert_eq!(verdicts(&header), [Verdict::Fail]);
    assert!(!header.passed && !body.passed);
}

#[tokio::test]
async fn a_signature_with_an_end_expires() {
    let setup = Setup::start();
    let key = setup.key("author.test", "s", DkimAlgorithm::Ed25519);
    for (expires, verdict) in [(3600, Verdict::Pass), (-3600, Verdict::Neutral)] {
        let signed = Sign { expires: Some(expires), ..Sign::new(&key) }.sign(&message("a@author.test"));
        assert!(String::from_utf8_lossy(&signed).contains("x="));
        assert_eq!(verdicts(&setup.verify("a@author.test", &signed).await), [verdict], "{expires}");
    }
}

#[tokio::test]
async fn a_part_of_a_body_is_not_enough() {
    let setup = Setup::start();
    let key = setup.key("author.test", "s", DkimAlgorithm::Rsa2048);
    let signed = Sign { length: true, ..Sign::new(&key) }.sign(&message("a@author.test"));
    let found = setup.verify("a@author.test", &[&signed[..], b"<b>added</b>\r\n"].concat()).await;
    assert_eq!((verdicts(&found), found.passed), (vec![Verdict::Neutral], false));
}

#[tokio::test]
async fn keys_that_are_gone_or_broken_are_told_from_a_silent_server() {
    let setup = Setup::start();
    let key = dkim::generate("author.test", "s", DkimAlgorithm::Ed25519).unwrap();
    let signed = Sign::new(&key).sign(&message("a@author.test"));
    let name = "s._domainkey.author.test";
    for (record, verdict) in [
        (None, Verdict::PermError),
        (Some("v=DKIM1; k=ed25519; p="), Verdict::PermError),
        (Some("v=DKIM1; k=ed25519; p=AAAA"), Verdict::PermError),
        (Some("v=DKIM1; k=rot13; p=AAAA"), Verdict::PermError),
        (Some("nothing of the kind"), Verdict::PermError),
        // Another domain's key.
        (Some("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), Verdict::Fail),
    ] {
        setup.dns.remove(name);
        if let Some(record) = record {
            setup.dns.set(name, "TXT", 0, record);
        }
        // Each asks anew: a verifier keeps what it heard.
        setup.auth.resolver().txt_anew(name).await;
        assert_eq!(verdicts(&setup.verify("a@author.test", &signed).await), [verdict], "{record:?}");
    }
    setup.dns.fail(name);
    setup.auth.resolver().txt_anew(name).await;
    assert_eq!(verdicts(&setup.verify("a@author.test", &signed).await), [Verdict::TempError]);
}

#[tokio::test]
async fn a_big_message_is_verified_within_the_budget_and_not_beyond() {
    let setup = Setup::with(|config| {
        config.memory = 3 << 20;
        config.patience = Duration::from_secs(2);
    });
    setup.dns.set("_dmarc.author.test", "TXT", 60, "v=DMARC1; p=reject");
    let key = setup.key("author.test", "s", DkimAlgorithm::Ed25519);
    let directory = tempfile::tempdir().unwrap();
    for (size, verdict) in [(2 << 20, Verdict::Pass), (4 << 20, Verdict::TempError)] {
        let mut mail = message("a@author.test");
        mail.extend(b"0123456789 abcdefghij\r\n".iter().cycle().take(size));
        let mut spool = Spool::new(directory.path());
        spool.write(&Sign::new(&key).sign(&mail)).unwrap();
        let body = spool.finish().unwrap();
        assert!(matches!(body, Body::File(..)));
        let found = setup.auth.verify(PEER.parse().unwrap(), "client.test", "", &body).await;
        assert_eq!((verdicts(&found), found.dmarc), (vec![verdict], verdict), "{size}");
        assert_eq!(found.disposition, super::super::Disposition::Accept, "what was not checked is not refused");
        assert_eq!(setup.auth.memory.available_permits(), 3 << 10, "the room is given back");
    }
}

#[tokio::test]
async fn a_message_in_memory_may_be_verified_on_a_thread() {
    let setup = Setup::with(|config| config.patience = Duration::from_millis(500));
    let key = setup.key("author.test", "s", DkimAlgorithm::Ed25519);
    let mut mail = message("a@author.test");
    mail.extend(b"0123456789 abcdefghij\r\n".repeat(30_000));
    let signed = Sign::new(&key).sign(&mail);
    let found = setup.verify("a@author.test", &signed).await;
    assert_eq!(verdicts(&found), [Verdict::Pass], "{}", found.header);
    // All threads are taken.
    let threads = setup.auth.threads.clone();
    let taken = threads.acquire_many(super::super::THREADS as u32).await.unwrap();
    assert_eq!(verdicts(&setup.verify("a@author.test", &signed).await), [Verdict::TempError]);
    drop(taken);
    assert_eq!(verdicts(&setup.verify("a@author.test", &signed).await), [Verdict::Pass]);
}
