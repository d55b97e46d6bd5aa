//! Senders who want to break the verifier, or to be believed.

use std::time::Instant;

use super::super::{Disposition, Verdict};
use super::python::Sign;
use super::*;

#[tokio::test]
async fn what_a_sender_writes_stays_in_its_place() {
    let setup = Setup::start();
    let evil = "x\r\nX-Evil: 1\r\n;dkim=pass header.d=bank.test (\" \\";
    let sender = format!("{evil}@{evil}.test");
    let mail = b"DKIM-Signature: v=1; a=rsa-sha256; d=a.test;dkim=pass (; s=\x01\"\\; h=from; bh=YQ==; b=YQ==\r\n\
        From: \"\r\n (x) a@b\" <a@b\x00c.test>\r\n\r\nx\r\n";
    let found = setup.verify_from(PEER, evil, &sender, mail).await;
    let fields: Vec<&str> = found.header.split("\r\n").filter(|line| !line.starts_with('\t')).collect();
    assert_eq!(fields.len(), 3, "{}", found.header);
    assert!(fields[0].starts_with("Authentication-Results: mx.sterna.test;"));
    assert!(fields[1].starts_with("Received-SPF: "));
    assert_eq!(fields[2], "");
    let results = unfolded(&found.header);
    // Outside of quoted strings nothing says pass.
    let outside: String = results.replace("\\\\", "").replace("\\\"", "").split('"').step_by(2).collect();
    assert!(!outside.contains("dkim=pass") && !outside.contains("bank.test"), "{results}");
}

#[tokio::test]
async fn a_thousand_signatures_cost_as_much_as_ten() {
    let setup = Setup::start();
    let key = setup.key("author.test", "s", DkimAlgorithm::Rsa2048);
    let mail = message("a@author.test");
    let signed = Sign::new(&key).sign(&mail);
    let field = &signed[..signed.len() - mail.len()];
    let flood = [&field.repeat(1000)[..], &mail].concat();
    let began = Instant::now();
    let found = setup.verify("", &flood).await;
    assert_eq!(found.dkim.len(), 10);
    assert!(found.dkim.iter().all(|signature| signature.verdict == Verdict::Pass));
    assert!(found.header.len() < 4096);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());

    let keys: String = (0..1000)
        .map(|n| format!("DKIM-Signature: v=1; a=rsa-sha256; d=d{n}.test; s=s; h=From; bh=2jmj7l5rSw0yVb/vlWAYkK/YBwk=; b=YQ==\r\n"))
        .collect();
    let found = setup.verify("", &[keys.as_bytes(), &mail].concat()).await;
    assert_eq!(found.dkim.len(), 10);
}

#[tokio::test]
async fn a_header_too_long_is_not_read() {
    let setup = Setup::start();
    for header in ["X: y\r\n".repeat(5_000), format!("X: {}\r\n", "y".repeat(2 << 20))] {
        let mail = [header.as_bytes(), &message("a@author.test")].concat();
        let found = setup.verify("", &mail).await;
        assert_eq!(found.dmarc, Verdict::PermError);
        assert!(matches!(found.disposition, Disposition::Reject { .. }));
    }
}

#[tokio::test]
async fn a_signature_that_names_everything_is_not_verified() {
    let setup = Setup::start();
    let names: Vec<String> = (0..100_000).map(|n| format!("n{n}")).collect();
    let field =
        format!("DKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s; h=From:{}; bh=YQ==; b=YQ==\r\n", names.join(":"));
    let fields = "X: y\r\n".repeat(1_000);
    let mail = [field.as_bytes(), fields.as_bytes(), &message("a@author.test")].concat();
    let found = setup.verify("", &mail).await;
    assert_eq!(found.dkim.iter().map(|signature| signature.verdict).collect::<Vec<_>>(), [Verdict::Neutral]);
}

#[tokio::test]
async fn giant_records_and_circles_are_errors_of_the_sender() {
    let setup = Setup::start();
    let giant = "v=spf1 ".to_owned() + &"ip4:203.0.113.1 ".repeat(3_000) + "-all";
    setup.dns.set("giant.test", "TXT", 60, &giant);
    setup.dns.set("one.test", "CNAME", 60, "two.test");
    setup.dns.set("two.test", "CNAME", 60, "one.test");
    for domain in ["giant.test", "one.test"] {
        let found = setup.verify(&format!("a@{domain}"), &message(&format!("a@{domain}"))).await;
        assert_ne!(found.spf, Verdict::Pass, "{domain}");
        assert_eq!(found.disposition, Disposition::Accept);
    }
}

#[tokio::test]
async fn a_key_is_found_in_a_giant_record() {
    let setup = Setup::start();
    let key = dkim::generate("author.test", "s", DkimAlgorithm::Ed25519).unwrap();
    let (name, text) = dkim::record(&key);
    setup.dns.set(&name, "TXT", 60, &format!("{text}; n={}", "x".repeat(50_000)));
    let found = setup.verify("", &Sign::new(&key).sign(&message("a@author.test"))).await;
    assert_eq!(found.dkim[0].verdict, Verdict::Pass);
}

#[tokio::test]
async fn what_is_no_message_is_judged_too() {
    let setup = Setup::start();
    for mail in [
        &b""[..],
        b"\r\n",
        b"\0\0\0",
        b"no header at all",
        b"From:\r\n\r\n",
        b": x\r\n\r\n",
        b"From: @\r\n\r\n",
        b"\xff\xfe: \xff\r\n\r\n",
    ] {
        let found = setup.verify("a@b.test", mail).await;
        assert_eq!((found.dmarc, found.disposition), (Verdict::None, Disposition::Accept), "{mail:?}");
        assert!(found.dkim.is_empty() && found.header.ends_with("\r\n"));
    }
}
