//! DMARC (RFC 9989): alignment, the policy that applies, and what follows.

use super::super::{Disposition, Verdict};
use super::python::Sign;
use super::*;

/// A sender whose SPF passes for `domain`.
fn permit(setup: &Setup, domain: &str) {
    setup.dns.set(domain, "TXT", 60, "v=spf1 ip4:192.0.2.1 -all");
}

fn ask(setup: &Setup, domain: &str, policy: &str) {
    setup.dns.set(&format!("_dmarc.{domain}"), "TXT", 60, policy);
}

fn is_rejected(found: &Authentication) -> bool {
    matches!(found.disposition, Disposition::Reject { .. })
}

#[tokio::test]
async fn a_relaxed_domain_may_send_as_any_of_its_names() {
    let setup = Setup::start();
    ask(&setup, "author.test", "v=DMARC1; p=reject");
    ask(&setup, "strict.test", "v=DMARC1; p=reject; aspf=s; adkim=s");
    ["bounce.author.test", "bounce.strict.test", "strict.test", "elsewhere.test"]
        .iter()
        .for_each(|d| permit(&setup, d));
    for (sender, from, verdict) in [
        ("b@bounce.author.test", "a@author.test", Verdict::Pass),
        ("b@bounce.author.test", "a@news.author.test", Verdict::Pass),
        ("b@elsewhere.test", "a@author.test", Verdict::Fail),
        ("b@bounce.strict.test", "a@strict.test", Verdict::Fail),
        ("b@strict.test", "a@strict.test", Verdict::Pass),
        ("b@elsewhere.test", "a@nopolicy.test", Verdict::None),
    ] {
        let found = setup.verify(sender, &message(from)).await;
        assert_eq!((found.dmarc, is_rejected(&found)), (verdict, verdict == Verdict::Fail), "{sender} {from}");
    }
}

#[tokio::test]
async fn a_signature_aligns_by_its_domain() {
    let setup = Setup::start();
    ask(&setup, "author.test", "v=DMARC1; p=reject");
    ask(&setup, "strict.test", "v=DMARC1; p=reject; adkim=s");
    for (signer, from, verdict) in [
        ("author.test", "a@author.test", Verdict::Pass),
        ("mail.author.test", "a@author.test", Verdict::Pass),
        ("author.test", "a@deep.author.test", Verdict::Pass),
        ("author.test.elsewhere.test", "a@author.test", Verdict::Fail),
        ("mail.strict.test", "a@strict.test", Verdict::Fail),
        ("strict.test", "a@strict.test", Verdict::Pass),
    ] {
        setup.dns.remove(&format!("s._domainkey.{signer}"));
        let key = setup.key(signer, "s", DkimAlgorithm::Ed25519);
        setup.auth.resolver().txt_anew(&dkim::record(&key).0).await;
        let found = setup.verify(from, &Sign::new(&key).sign(&message(from))).await;
        assert_eq!(found.dkim[0].verdict, Verdict::Pass, "{signer}");
        assert_eq!((found.dmarc, found.passed), (verdict, verdict == Verdict::Pass), "{signer} {from}");
    }
}

#[tokio::test]
async fn the_policy_decides_what_becomes_of_a_failure() {
    let setup = Setup::start();
    ask(&setup, "reject.test", "v=DMARC1; p=reject; sp=none");
    ask(&setup, "quarantine.test", "v=DMARC1; p=quarantine; sp=reject");
    ask(&setup, "none.test", "v=DMARC1; p=none; rua=mailto:d@none.test");
    ask(&setup, "trial.test", "v=DMARC1; p=reject; t=y");
    setup.dns.set("sub.reject.test", "A", 60, "192.0.2.9");
    setup.dns.set("sub.quarantine.test", "A", 60, "192.0.2.9");
    let reject = |domain: &str| Disposition::Reject {
        text: format!("{domain} asks to refuse mail in its name that it did not authenticate (DMARC)"),
    };
    for (from, disposition) in [
        ("a@reject.test", reject("reject.test")),
        ("a@sub.reject.test", Disposition::Accept),
        ("a@quarantine.test", Disposition::Quarantine),
        ("a@sub.quarantine.test", reject("sub.quarantine.test")),
        ("a@none.test", Disposition::Accept),
        ("a@trial.test", Disposition::Quarantine),
    ] {
        let found = setup.verify("x@elsewhere.test", &message(from)).await;
        assert_eq!((found.dmarc, &found.disposition), (Verdict::Fail, &disposition), "{from}");
        assert!(unfolded(&found.header).contains("dmarc=fail (p="), "{}", found.header);
    }
}

#[tokio::test]
async fn an_observer_refuses_nothing() {
    let setup = Setup::with(|config| config.enforce = false);
    ask(&setup, "reject.test", "v=DMARC1; p=reject");
    let found = setup.verify("x@elsewhere.test", &message("a@reject.test")).await;
    assert_eq!((found.dmarc, found.disposition), (Verdict::Fail, Disposition::Accept));
}

#[tokio::test]
async fn a_second_author_is_no_way_around_a_policy() {
    let setup = Setup::start();
    ask(&setup, "reject.test", "v=DMARC1; p=reject");
    permit(&setup, "mine.test");
    ask(&setup, "mine.test", "v=DMARC1; p=none");
    for from in ["a@mine.test, b@reject.test", "b@reject.test, a@mine.test", "a@mine.test\r\nFrom: b@reject.test"] {
        let found = setup.verify("a@mine.test", &message(from)).await;
        assert!(is_rejected(&found), "{from}: {}", found.header);
        assert_eq!(found.authors.len(), 2);
    }
    let crowd: Vec<String> = (0..20).map(|n| format!("a@{n}.test")).collect();
    let found = setup.verify("a@mine.test", &message(&crowd.join(", "))).await;
    assert_eq!((found.dmarc, found.disposition), (Verdict::PermError, Disposition::Quarantine));
}

#[tokio::test]
async fn a_failing_dns_never_speaks_against_a_message() {
    let setup = Setup::start();
    ask(&setup, "reject.test", "v=DMARC1; p=reject");
    setup.dns.fail("reject.test");
    let found = setup.verify("a@reject.test", &message("a@reject.test")).await;
    assert_eq!((found.spf, found.dmarc), (Verdict::TempError, Verdict::TempError));
    assert_eq!(found.disposition, Disposition::Accept);

    let key = dkim::generate("reject.test", "s", DkimAlgorithm::Ed25519).unwrap();
    setup.dns.fail("s._domainkey.reject.test");
    let found = setup.verify("x@elsewhere.test", &Sign::new(&key).sign(&message("a@reject.test"))).await;
    assert_eq!((found.dkim[0].verdict, found.dmarc), (Verdict::TempError, Verdict::TempError));
    assert_eq!(found.disposition, Disposition::Accept);

    setup.dns.fail("_dmarc.unsure.test");
    let found = setup.verify("x@elsewhere.test", &message("a@unsure.test")).await;
    assert_eq!((found.dmarc, found.disposition), (Verdict::TempError, Disposition::Accept));
}

#[tokio::test]
async fn the_senders_own_domain_has_to_stand_behind_him() {
    let setup = Setup::start();
    ask(&setup, "author.test", "v=DMARC1; p=reject");
    permit(&setup, "permitted.test");
    let key = setup.key("author.test", "s", DkimAlgorithm::Ed25519);
    let signed = Sign::new(&key).sign(&message("a@author.test"));
    for (sender, passed) in [
        ("a@author.test", true),
        ("b@bounce.author.test", true),
        ("b@permitted.test", true),
        // From is authentic, and its author names a victim.
        ("victim@elsewhere.test", false),
        ("victim@test", false),
        ("victim@author.test.elsewhere.test", false),
        ("victim@notauthor.test", false),
        ("", false),
    ] {
        let found = setup.verify(sender, &signed).await;
        assert_eq!((found.dkim[0].verdict, found.dmarc), (Verdict::Pass, Verdict::Pass), "{sender}");
        assert_eq!(found.passed, passed, "{sender}");
    }
    // A signature of another name of the sender's organisation, as its DMARC records tell it.
    let key = setup.key("mail.author.test", "s", DkimAlgorithm::Ed25519);
    let signed = Sign::new(&key).sign(&message("x@elsewhere.test"));
    for (sender, passed) in [("b@bounce.author.test", true), ("b@author.test", true), ("b@nopolicy.test", false)] {
        assert_eq!(setup.verify(sender, &signed).await.passed, passed, "{sender}");
    }
}
