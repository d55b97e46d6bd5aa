//! The life of a key, from pending to forgotten.

use sterna_core::Clock as _;
use sterna_store::DkimState;

use super::super::dkim::{RETIRED_FOR, advance, generate, published, record, rotate};
use super::*;

#[tokio::test]
async fn a_record_is_published_when_the_dns_has_its_key() {
    let setup = Setup::start();
    for algorithm in [DkimAlgorithm::Ed25519, DkimAlgorithm::Rsa2048] {
        let key = generate("ours.test", algorithm.as_str(), algorithm).unwrap();
        let (name, text) = record(&key);
        assert_eq!(name, format!("{}._domainkey.ours.test", algorithm.as_str()));
        assert!(!published(setup.auth.resolver(), &key).await);
        let other = generate("ours.test", algorithm.as_str(), algorithm).unwrap();
        setup.dns.set(&name, "TXT", 600, &record(&other).1);
        assert!(!published(setup.auth.resolver(), &key).await, "another key");
        setup.dns.remove(&name);
        setup.dns.fail(&name);
        assert!(!published(setup.auth.resolver(), &key).await);
        setup.dns.remove(&name);
        setup.dns.set(&name, "TXT", 600, &text.replace("; ", " ;  ").replace("p=", "p= "));
        assert!(published(setup.auth.resolver(), &key).await, "{text}");
    }
}

#[tokio::test]
async fn a_rotation_never_leaves_a_domain_without_a_published_key() {
    let setup = Setup::start();
    let directory = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(sterna_core::ManualClock::at(1_790_000_000));
    let store = sterna_store::Store::open(directory.path(), clock.clone()).await.unwrap();
    store.add_domain("ours.test").await.unwrap();
    let resolver = setup.auth.resolver();
    let now = || clock.now().unix;
    let states = async |state: DkimState| {
        let keys = store.dkim_keys("ours.test").await.unwrap();
        keys.into_iter().filter(|key| key.state == state).map(|key| key.selector).collect::<Vec<String>>()
    };

    let first = rotate(&store, "ours.test", now()).await.unwrap();
    assert_eq!(first.iter().map(|key| key.selector.as_str()).collect::<Vec<_>>(), ["ed-20260921", "rsa-20260921"]);
    assert!(rotate(&store, "ours.test", now()).await.unwrap().is_empty(), "one at a time");
    assert!(!advance(&store, resolver, "ours.test", now()).await.unwrap(), "not published yet");
    let publish = |key: &DkimKey| setup.dns.set(&record(key).0, "TXT", 60, &record(key).1);
    first.iter().for_each(publish);
    assert!(advance(&store, resolver, "ours.test", now()).await.unwrap());
    assert_eq!(states(DkimState::Active).await, ["ed-20260921", "rsa-20260921"]);

    let second = rotate(&store, "ours.test", now()).await.unwrap();
    assert_eq!(second[0].selector, "ed-20260921-2");
    publish(&second[0]);
    assert!(advance(&store, resolver, "ours.test", now()).await.unwrap());
    assert_eq!(states(DkimState::Active).await, ["ed-20260921-2", "rsa-20260921"], "only its kind is replaced");
    assert_eq!(states(DkimState::Retired).await, ["ed-20260921"]);
    assert_eq!(states(DkimState::Pending).await, ["rsa-20260921-2"]);

    clock.advance(RETIRED_FOR - 1);
    assert!(!advance(&store, resolver, "ours.test", now()).await.unwrap());
    clock.advance(1);
    assert!(advance(&store, resolver, "ours.test", now()).await.unwrap());
    assert!(states(DkimState::Retired).await.is_empty());
}
