//! ARC chains (RFC 8617), sealed by Python.

use super::super::{Disposition, Verdict};
use super::*;

const RESULTS: &str = "Authentication-Results: list.test; spf=pass smtp.mailfrom=a@author.test; dmarc=pass\r\n";

fn forwarded(key: &DkimKey) -> Vec<u8> {
    let mail = [RESULTS.as_bytes(), &message("a@author.test")].concat();
    [python::seal(&mail, key, "list.test"), mail].concat()
}

#[tokio::test]
async fn a_trusted_sealer_overrides_a_failure() {
    let setup = Setup::with(|config| config.trusted_sealers = vec!["List.test".to_owned()]);
    setup.dns.set("_dmarc.author.test", "TXT", 60, "v=DMARC1; p=reject");
    let (list, other) =
        (setup.key("list.test", "arc", DkimAlgorithm::Rsa2048), setup.key("other.test", "arc", DkimAlgorithm::Rsa2048));
    let trusted = setup.verify("b@list.test", &forwarded(&list)).await;
    assert_eq!((trusted.arc, trusted.dmarc), (Verdict::Pass, Verdict::Fail), "{}", trusted.header);
    assert_eq!(trusted.disposition, Disposition::Accept);
    assert!(unfolded(&trusted.header).contains("arc=pass header.d=list.test"));
    let stranger = setup.verify("b@list.test", &forwarded(&other)).await;
    assert_eq!(stranger.arc, Verdict::Pass);
    assert!(matches!(stranger.disposition, Disposition::Reject { .. }), "anybody can seal");
}

#[tokio::test]
async fn a_trusted_sealer_that_found_a_failure_vouches_for_nothing() {
    let setup = Setup::with(|config| config.trusted_sealers = vec!["list.test".to_owned()]);
    setup.dns.set("_dmarc.author.test", "TXT", 60, "v=DMARC1; p=reject");
    let key = setup.key("list.test", "arc", DkimAlgorithm::Rsa2048);
    let mail = [RESULTS.replace("dmarc=pass", "dmarc=fail").as_bytes(), &message("a@author.test")].concat();
    let found = setup.verify("b@list.test", &[python::seal(&mail, &key, "list.test"), mail].concat()).await;
    assert_eq!(found.arc, Verdict::Pass);
    assert!(matches!(found.disposition, Disposition::Reject { .. }));
}

#[tokio::test]
async fn a_broken_chain_vouches_for_nothing() {
    let setup = Setup::with(|config| config.trusted_sealers = vec!["list.test".to_owned()]);
    setup.dns.set("_dmarc.author.test", "TXT", 60, "v=DMARC1; p=reject");
    let key = setup.key("list.test", "arc", DkimAlgorithm::Rsa2048);
    let sealed = String::from_utf8(forwarded(&key)).unwrap();
    for (what, broken) in [
        ("body", sealed.replace("The text", "Another")),
        ("subject", sealed.replace("Subject: Hello", "Subject: Bye")),
        ("results", sealed.replace("dmarc=pass", "dmarc=none")),
        ("seal", sealed.replace("ARC-Seal: ", "X-Seal: ")),
        ("instance", sealed.replace("i=1", "i=2")),
    ] {
        let found = setup.verify("b@list.test", broken.as_bytes()).await;
        assert_ne!(found.arc, Verdict::Pass, "{what}");
        assert!(matches!(found.disposition, Disposition::Reject { .. }), "{what}");
    }
}

#[tokio::test]
async fn a_message_without_a_chain_has_none() {
    let setup = Setup::start();
    let found = setup.verify("", &message("a@author.test")).await;
    assert_eq!(found.arc, Verdict::None);
    assert!(found.header.contains("arc=none"));
}
