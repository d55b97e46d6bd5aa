//! Against a name server that fails as asked.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use sterna_tests::dns::DnsServer;

use super::*;

fn start() -> (DnsServer, Resolver) {
    let dns = DnsServer::start();
    let config = DnsConfig { servers: vec![dns.address()], timeout: Duration::from_millis(300) };
    let resolver = Resolver::new(&config).unwrap();
    (dns, resolver)
}

fn exchange(preference: u16, host: &str) -> Exchange {
    Exchange { preference, host: host.to_owned() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn exchanges_come_by_preference() {
    let (dns, resolver) = start();
    dns.set("example.test", "MX", 60, "20 Backup.example.test");
    dns.set("example.test", "MX", 60, "10 mx.example.test");
    let hosts = vec![exchange(10, "mx.example.test"), exchange(20, "backup.example.test")];
    assert_eq!(resolver.mx("Example.TEST.").await, Answer::Found(Exchanges::Hosts(hosts)));
}

#[tokio::test]
async fn a_null_mx_is_told_from_none() {
    let (dns, resolver) = start();
    dns.set("null.test", "MX", 60, "0 .");
    dns.set("host.test", "A", 60, "192.0.2.1");
    dns.set("mixed.test", "MX", 60, "0 .");
    dns.set("mixed.test", "MX", 60, "5 mx.test");
    assert_eq!(resolver.mx("null.test").await, Answer::Found(Exchanges::Null));
    assert_eq!(resolver.mx("host.test").await, Answer::NoData);
    assert_eq!(resolver.mx("nowhere.test").await, Answer::NoSuchName);
    let hosts = vec![exchange(5, "mx.test")];
    assert_eq!(resolver.mx("mixed.test").await, Answer::Found(Exchanges::Hosts(hosts)));
}

#[tokio::test]
async fn a_failing_server_is_no_answer() {
    let (dns, resolver) = start();
    dns.fail("broken.test");
    dns.stall("silent.test");
    assert!(resolver.mx("broken.test").await.is_temporary());
    let asked = Instant::now();
    assert!(resolver.mx("silent.test").await.is_temporary());
    assert!(asked.elapsed() < Duration::from_secs(5), "every wait ends");
    assert!(dns.questions("silent.test") > 0);
}

#[tokio::test]
async fn addresses_of_both_families_come_together() {
    let (dns, resolver) = start();
    dns.set("both.test", "A", 60, "192.0.2.1");
    dns.set("both.test", "AAAA", 60, "2001:db8::1");
    dns.set("alias.test", "CNAME", 60, "both.test");
    dns.set("text.test", "TXT", 60, "no address");
    let both = vec![ip("2001:db8::1"), ip("192.0.2.1")];
    assert_eq!(resolver.addresses("both.test").await, Answer::Found(both.clone()));
    assert_eq!(resolver.addresses("alias.test").await, Answer::Found(both));
    assert_eq!(resolver.addresses("text.test").await, Answer::NoData);
    assert_eq!(resolver.addresses("nowhere.test").await, Answer::NoSuchName);
}

#[tokio::test]
async fn aliases_in_a_circle_end() {
    let (dns, resolver) = start();
    dns.set("one.test", "CNAME", 60, "two.test");
    dns.set("two.test", "CNAME", 60, "one.test");
    assert_eq!(resolver.addresses("one.test").await.found(), None);
    assert_eq!(resolver.mx("two.test").await.found(), None);
}

#[tokio::test]
async fn names_are_asked_for_as_a_labels() {
    let (dns, resolver) = start();
    dns.set("xn--bcher-kva.test", "MX", 60, "10 mx.test");
    let found = Answer::Found(Exchanges::Hosts(vec![exchange(10, "mx.test")]));
    assert_eq!(resolver.mx("bücher.test").await, found);
    assert_eq!(resolver.mx("BÜCHER.test").await, found);
    assert_eq!(ascii("Bücher.Test."), Some("xn--bcher-kva.test".to_owned()));
    for no_name in ["", ".", "..", "a..b", &"x".repeat(64), &"x.".repeat(200)] {
        assert_eq!(resolver.mx(no_name).await, Answer::NoSuchName, "{no_name:?}");
        assert_eq!(ascii(no_name), None, "{no_name:?}");
    }
}

#[tokio::test]
async fn long_texts_are_put_together_and_giants_left_out() {
    let (dns, resolver) = start();
    let long = "v=spf1 ".to_owned() + &"x".repeat(1000);
    dns.set("long.test", "TXT", 60, &long);
    dns.set("giant.test", "TXT", 60, &"y".repeat(40_000));
    dns.set("giant.test", "TXT", 60, "small");
    assert_eq!(resolver.txt("long.test").await, Answer::Found(vec![long]));
    assert_eq!(resolver.txt("giant.test").await, Answer::Found(vec!["small".to_owned()]));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_asked_for_over_tcp() {
    let (dns, resolver) = start();
    for n in 0..60 {
        dns.set("many.test", "TXT", 60, &format!("{n} {}", "z".repeat(100)));
    }
    assert_eq!(resolver.txt("many.test").await.found().map(|texts| texts.len()), Some(60));
}

#[tokio::test]
async fn answers_are_kept_for_their_time_unless_asked_anew() {
    let (dns, resolver) = start();
    dns.set("kept.test", "TXT", 600, "one");
    for _ in 0..3 {
        assert_eq!(resolver.txt("kept.test").await, Answer::Found(vec!["one".to_owned()]));
    }
    assert_eq!(dns.questions("kept.test"), 1);
    dns.remove("kept.test");
    dns.set("kept.test", "TXT", 600, "two");
    assert_eq!(resolver.txt("kept.test").await, Answer::Found(vec!["one".to_owned()]));
    assert_eq!(resolver.txt_anew("kept.test").await, Answer::Found(vec!["two".to_owned()]));
}

#[tokio::test]
async fn a_peers_name_must_lead_back_to_it() {
    let (dns, resolver) = start();
    dns.set_reverse("192.0.2.1", 60, "mx.example.test");
    dns.set("mx.example.test", "A", 60, "192.0.2.1");
    dns.set_reverse("192.0.2.2", 60, "mx.example.test");
    dns.set_reverse("2001:db8::3", 60, "six.example.test");
    dns.set("six.example.test", "AAAA", 60, "2001:db8::3");
    dns.set_reverse("192.0.2.5", 60, "broken.example.test");
    dns.fail("broken.example.test");
    let confirmed = Reverse::Confirmed("mx.example.test".to_owned());
    assert_eq!(resolver.reverse(ip("192.0.2.1")).await, confirmed);
    assert_eq!(resolver.reverse(ip("::ffff:192.0.2.1")).await, confirmed);
    assert_eq!(resolver.reverse(ip("192.0.2.2")).await, Reverse::Unconfirmed("mx.example.test".to_owned()));
    assert_eq!(resolver.reverse(ip("2001:db8::3")).await, Reverse::Confirmed("six.example.test".to_owned()));
    assert_eq!(resolver.reverse(ip("192.0.2.4")).await, Reverse::Nameless);
    assert_eq!(resolver.reverse(ip("192.0.2.5")).await, Reverse::Temporary);
}

#[tokio::test]
async fn a_blocklist_that_refuses_or_has_lapsed_lists_nothing() {
    let (dns, resolver) = start();
    dns.set("1.2.0.192.list.test", "A", 60, "127.0.0.4");
    dns.set("1.2.0.192.list.test", "TXT", 60, "see https://list.test/?192.0.2.1");
    dns.set("2.2.0.192.list.test", "A", 60, "127.255.255.254");
    dns.set("3.2.0.192.list.test", "A", 60, "203.0.113.7");
    dns.fail("4.2.0.192.list.test");
    let listing = Listing {
        codes: vec!["127.0.0.4".parse().unwrap()],
        reason: Some("see https://list.test/?192.0.2.1".to_owned()),
    };
    assert_eq!(resolver.dnsbl("list.test.", ip("192.0.2.1")).await, Answer::Found(listing));
    assert!(resolver.dnsbl("list.test", ip("192.0.2.2")).await.is_temporary());
    assert_eq!(resolver.dnsbl("list.test", ip("192.0.2.3")).await, Answer::NoData);
    assert!(resolver.dnsbl("list.test", ip("192.0.2.4")).await.is_temporary());
    assert_eq!(resolver.dnsbl("list.test", ip("192.0.2.5")).await, Answer::NoSuchName);
}
