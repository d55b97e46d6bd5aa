//! SPF (RFC 7208).

use super::super::Verdict;
use super::*;

#[tokio::test]
async fn each_result_is_told() {
    let setup = Setup::start();
    let set = |domain: &str, policy: &str| setup.dns.set(domain, "TXT", 60, policy);
    set("pass.test", "v=spf1 ip4:192.0.2.0/24 -all");
    set("fail.test", "v=spf1 -all");
    set("soft.test", "v=spf1 ~all");
    set("neutral.test", "v=spf1 ?all");
    set("other.test", "something else");
    set("twice.test", "v=spf1 +all");
    set("twice.test", "v=spf1 -all");
    set("broken.test", "v=spf1 ip4:nowhere -all");
    set("unknown.test", "v=spf1 include:nowhere.test -all");
    set("asks.test", "v=spf1 a:down.test -all");
    setup.dns.fail("down.test");
    setup.dns.stall("silent.test");
    for (domain, verdict) in [
        ("pass.test", Verdict::Pass),
        ("fail.test", Verdict::Fail),
        ("soft.test", Verdict::SoftFail),
        ("neutral.test", Verdict::Neutral),
        ("other.test", Verdict::None),
        ("nowhere.test", Verdict::None),
        ("twice.test", Verdict::PermError),
        ("broken.test", Verdict::PermError),
        ("unknown.test", Verdict::PermError),
        ("asks.test", Verdict::TempError),
        ("down.test", Verdict::TempError),
        ("silent.test", Verdict::TempError),
    ] {
        let found = setup.verify(&format!("user@{domain}"), &message("a@b.test")).await;
        assert_eq!(found.spf, verdict, "{domain}");
        assert_eq!(found.passed, verdict == Verdict::Pass, "{domain}");
        assert_eq!(found.disposition, super::super::Disposition::Accept, "SPF alone refuses nothing");
        let header = unfolded(&found.header);
        assert!(header.contains(&format!("spf={verdict} smtp.mailfrom=user@{domain}")), "{header}");
        assert!(header.contains(&format!("Received-SPF: {verdict} (mx.sterna.test: ")), "{header}");
    }
}

#[tokio::test]
async fn ten_questions_are_the_limit() {
    let setup = Setup::start();
    let chain = |name: &str, n: usize| {
        for at in 0..n {
            setup.dns.set(
                &format!("{name}{at}.test"),
                "TXT",
                60,
                &format!("v=spf1 include:{name}{}.test ?all", at + 1),
            );
        }
        setup.dns.set(&format!("{name}{n}.test"), "TXT", 60, "v=spf1 ip4:192.0.2.1 -all");
    };
    chain("ten", 10);
    chain("eleven", 11);
    setup.dns.set("self.test", "TXT", 60, "v=spf1 include:self.test -all");
    setup.dns.set("turn.test", "TXT", 60, "v=spf1 redirect=turn.test");
    let mail = message("a@b.test");
    assert_eq!(setup.verify("a@ten0.test", &mail).await.spf, Verdict::Pass);
    assert_eq!(setup.verify("a@eleven0.test", &mail).await.spf, Verdict::PermError);
    assert_eq!(setup.verify("a@self.test", &mail).await.spf, Verdict::PermError);
    assert_eq!(setup.verify("a@turn.test", &mail).await.spf, Verdict::PermError);
    assert!(setup.dns.questions("self.test") <= 12);
}

#[tokio::test]
async fn the_null_sender_is_its_helo_and_authenticates_nobody() {
    let setup = Setup::start();
    setup.dns.set("client.test", "TXT", 60, "v=spf1 ip4:192.0.2.1 -all");
    let found = setup.verify("", &message("a@b.test")).await;
    assert_eq!((found.spf, found.spf_helo, found.passed), (Verdict::Pass, Verdict::Pass, false));
    assert!(
        unfolded(&found.header)
            .contains("envelope-from=\"\"; helo=client.test; receiver=mx.sterna.test; identity=helo")
    );
    let found = setup.verify_from(PEER, "[192.0.2.1]", "", &message("a@b.test")).await;
    assert_eq!(found.spf, Verdict::None);
}

#[tokio::test]
async fn six_and_mapped_addresses_match() {
    let setup = Setup::start();
    setup.dns.set("both.test", "TXT", 60, "v=spf1 ip4:192.0.2.1 ip6:2001:db8::/32 -all");
    let mail = message("a@b.test");
    for peer in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::7"] {
        assert_eq!(setup.verify_from(peer, "h.test", "a@both.test", &mail).await.spf, Verdict::Pass, "{peer}");
    }
    assert_eq!(setup.verify_from("2001:db9::7", "h.test", "a@both.test", &mail).await.spf, Verdict::Fail);
}

#[tokio::test]
async fn the_peers_name_is_noted() {
    let setup = Setup::start();
    setup.dns.set_reverse(PEER, 60, "host.client.test");
    setup.dns.set("host.client.test", "A", 60, PEER);
    let found = setup.verify("", &message("a@b.test")).await;
    assert_eq!(found.iprev, Verdict::Pass);
    assert!(
        unfolded(&found.header).contains("iprev=pass policy.iprev=192.0.2.1 (host.client.test)"),
        "{}",
        found.header
    );
}
