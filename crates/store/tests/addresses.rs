//! What addresses stand for, who may send as whom and how much, and the keys of domains.

#![allow(clippy::unwrap_used)] // Outside #[test] functions, too, a failure here is a failed test.

mod support;

use std::sync::Arc;

use sterna_core::{AccountId, Address, ManualClock};
use sterna_store::{
    DkimAlgorithm, DkimKey, DkimState, DomainChange, Error, Found, SendingLock, Store, SubmissionLimits,
    SubmissionVerdict,
};
use support::config;
use support::queue::sound;
use tempfile::TempDir;

struct Fixture {
    _directory: TempDir,
    clock: Arc<ManualClock>,
    store: Store,
    anne: AccountId,
}

impl Fixture {
    async fn new() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let store = Store::open_with(config(directory.path()), clock.clone()).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let anne = store.add_account(&address("anne@example.org"), None, None).await.unwrap();
        Fixture { _directory: directory, clock, store, anne }
    }

    /// What an address stands for, in one word, with the detail.
    async fn found(&self, text: &str) -> String {
        match self.store.lookup(&address(text)).await.unwrap() {
            Found::NotOurs => "not ours".into(),
            Found::Unknown(domain) => format!("unknown at {}", domain.name),
            Found::Account { record, domain, detail, .. } => {
                assert_eq!(domain.name, "example.org");
                format!("account {} {}", record.address, detail.unwrap_or_default())
            }
            Found::Alias { record, detail, .. } => format!("alias {} {}", record.address, detail.unwrap_or_default()),
            Found::CatchAll { target, .. } => format!("catch-all {target}"),
        }
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_comes_before_an_alias_before_the_same_without_detail_before_the_catch_all() {
    let f = Fixture::new().await;
    let to = |text: &str| vec![address(text)];
    assert_eq!(f.found("anne@other.org").await, "not ours");
    assert_eq!(f.found("bert@example.org").await, "unknown at example.org");
    assert_eq!(f.found("Anne@Example.ORG").await, "account anne@example.org ");
    assert_eq!(f.found("anne+News+x@example.org").await, "account anne@example.org news+x");
    f.store.add_alias(&address("info@example.org"), to("x@remote.org")).await.unwrap();
    assert_eq!(f.found("info@example.org").await, "alias info@example.org ");
    assert_eq!(f.found("info+a@example.org").await, "alias info@example.org a");
    assert_eq!(f.found("+a@example.org").await, "unknown at example.org");
    f.store.add_alias(&address("anne+vip@example.org"), to("x@remote.org")).await.unwrap();
    assert_eq!(f.found("anne+vip@example.org").await, "alias anne+vip@example.org ");
    f.store.add_account(&address("info+own@example.org"), None, None).await.unwrap();
    assert_eq!(f.found("info+own@example.org").await, "account info+own@example.org ");
    let catch_all = DomainChange::CatchAll(Some(address("rest@remote.org")));
    f.store.set_domain("Example.org.", catch_all).await.unwrap();
    assert_eq!(f.found("bert+a@example.org").await, "catch-all rest@remote.org");
    assert_eq!(f.found("anne+a@example.org").await, "account anne@example.org a");
    sound(&f.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_gathers_targets_and_goes_with_the_last() {
    let f = Fixture::new().await;
    let (all, other) = (address("all@example.org"), address("x@remote.org"));
    let targets = || async { f.store.alias(&all).await.unwrap().map(|alias| alias.targets) };
    f.store.add_alias(&all, vec![other.clone()]).await.unwrap();
    f.store.add_alias(&all, vec![other.clone(), address("anne@example.org")]).await.unwrap();
    assert_eq!(targets().await, Some(vec![address("anne@example.org"), other.clone()]));
    assert_eq!(f.store.aliases(Some("example.org")).await.unwrap().len(), 1);
    assert_eq!(f.store.aliases(Some("remote.org")).await.unwrap(), []);
    let own = address("anne@example.org");
    assert_eq!(f.store.identities(f.anne).await.unwrap(), [own.clone(), all.clone()]);
    f.store.remove_alias(&all, vec![own]).await.unwrap();
    assert_eq!(f.store.identities(f.anne).await.unwrap().len(), 1);
    let unknown = f.store.remove_alias(&all, vec![address("nobody@remote.org")]).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    assert_eq!(targets().await, Some(vec![other.clone()]));
    f.store.remove_alias(&all, vec![other]).await.unwrap();
    assert_eq!(targets().await, None);
    assert!(matches!(f.store.remove_alias(&all, vec![]).await, Err(Error::NotFound(_))));
    sound(&f.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_an_account_or_an_alias_and_of_a_domain_of_ours() {
    let f = Fixture::new().await;
    let target = || vec![address("x@remote.org")];
    let refused = f.store.add_alias(&address("anne@example.org"), target()).await;
    assert!(matches!(refused, Err(Error::Exists(_))), "{refused:?}");
    let refused = f.store.add_alias(&address("anne@other.org"), target()).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    let refused = f.store.add_alias(&address("all@example.org"), vec![]).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    f.store.add_alias(&address("all@example.org"), target()).await.unwrap();
    let refused = f.store.add_account(&address("all@example.org"), None, None).await;
    assert!(matches!(refused, Err(Error::Exists(_))), "{refused:?}");
    f.store.remove_account(f.anne).await.unwrap();
    let refused = f.store.remove_domain("example.org").await;
    assert!(matches!(&refused, Err(Error::NotPermitted(why)) if why.contains("all@example.org")), "{refused:?}");
    f.store.remove_alias(&address("all@example.org"), vec![]).await.unwrap();
    f.store.remove_domain("example.org").await.unwrap();
    assert_eq!(f.store.domain("example.org").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_domains_keep_how_their_mail_goes() {
    let f = Fixture::new().await;
    let anne = || async { f.store.find_account(&address("anne@example.org")).await.unwrap().unwrap() };
    let fresh = anne().await;
    assert!(fresh.keep_copy && fresh.forwards.is_empty() && fresh.lock.is_none() && fresh.route.is_none());
    let forwards = vec![address("z@remote.org"), address("a@remote.org")];
    f.store.set_forwards(f.anne, forwards.clone(), false).await.unwrap();
    f.store.set_route(f.anne, Some("lmtp://old:24".into())).await.unwrap();
    f.store.set_language(f.anne, Some("fr".into())).await.unwrap();
    f.store.set_hourly_limit(f.anne, Some(3)).await.unwrap();
    let lock = SendingLock { reason: "a flood".into(), since: 9 };
    f.store.set_sending_lock(f.anne, Some(lock.clone())).await.unwrap();
    let set = anne().await;
    assert_eq!((set.forwards, set.keep_copy, set.lock), (forwards, false, Some(lock)));
    assert_eq!(
        (set.route.as_deref(), set.language.as_deref(), set.hourly_limit),
        (Some("lmtp://old:24"), Some("fr"), Some(3))
    );
    f.store.set_forwards(f.anne, vec![], false).await.unwrap();
    f.store.set_route(f.anne, None).await.unwrap();
    f.store.set_language(f.anne, None).await.unwrap();
    f.store.set_hourly_limit(f.anne, None).await.unwrap();
    f.store.set_sending_lock(f.anne, None).await.unwrap();
    assert_eq!(anne().await, fresh);
    assert!(matches!(f.store.set_route(AccountId(99), None).await, Err(Error::NotFound(_))));

    f.store.set_domain("example.org", DomainChange::Route(Some("smtp://old".into()))).await.unwrap();
    f.store.set_domain("example.org", DomainChange::HourlyLimit(Some(5))).await.unwrap();
    let domain = f.store.domain("EXAMPLE.org").await.unwrap().unwrap();
    assert_eq!((domain.route.as_deref(), domain.hourly_limit, domain.catch_all), (Some("smtp://old"), Some(5), None));
    assert_eq!(f.store.domain_records().await.unwrap().len(), 1);
    assert!(matches!(f.store.set_domain("no.org", DomainChange::Route(None)).await, Err(Error::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn submission_is_limited_by_account_and_domain_and_many_recipients_weigh_more() {
    let f = Fixture::new().await;
    let limits = SubmissionLimits { account: 5, domain: Some(7) };
    let count = |id, recipients| f.store.count_submission(id, "example.org", recipients, limits);
    let over = |n| SubmissionVerdict::OverAccount { limit: 5, refused_this_hour: n };
    assert_eq!(count(f.anne, 1).await.unwrap(), SubmissionVerdict::Accepted);
    assert_eq!(count(f.anne, 41).await.unwrap(), over(1));
    assert_eq!(count(f.anne, 40).await.unwrap(), SubmissionVerdict::Accepted);
    assert_eq!(count(f.anne, 1).await.unwrap(), over(2));
    let bert = AccountId(77);
    assert_eq!(count(bert, 20).await.unwrap(), SubmissionVerdict::Accepted);
    assert_eq!(count(bert, 1).await.unwrap(), SubmissionVerdict::OverDomain { limit: 7 });
    assert_eq!(f.store.count_failed_recipients(f.anne, 3).await.unwrap(), 3);
    assert_eq!(f.store.count_failed_recipients(f.anne, 4).await.unwrap(), 7);
    if f.store.shared() {
        return; // The database's clock cannot be moved.
    }
    f.clock.advance(3600 - 300);
    assert_eq!(count(f.anne, 1).await.unwrap(), over(3));
    f.clock.advance(600);
    assert_eq!(count(f.anne, 1).await.unwrap(), SubmissionVerdict::Accepted);
    assert_eq!(count(bert, 1).await.unwrap(), SubmissionVerdict::Accepted);
    assert_eq!(f.store.count_failed_recipients(f.anne, 1).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_sealed_and_lives_through_its_states() {
    let f = Fixture::new().await;
    let key = |selector: &str| DkimKey {
        domain: "Example.org".into(),
        selector: selector.into(),
        algorithm: DkimAlgorithm::Rsa2048,
        secret: b"a secret".to_vec(),
        public: b"public".to_vec(),
        state: DkimState::Pending,
        created: 0,
        changed: 0,
    };
    f.store.add_dkim_key(key("s2")).await.unwrap();
    f.store.add_dkim_key(key("s1")).await.unwrap();
    assert!(matches!(f.store.add_dkim_key(key("s1")).await, Err(Error::Exists(_))));
    let foreign = DkimKey { domain: "other.org".into(), ..key("s1") };
    assert!(matches!(f.store.add_dkim_key(foreign).await, Err(Error::NotFound(_))));
    f.clock.advance(60);
    f.store.set_dkim_state("example.org", "s2", DkimState::Active).await.unwrap();
    let keys = f.store.dkim_keys("EXAMPLE.org").await.unwrap();
    let domain = "example.org".to_owned();
    let (created, changed) = (1_800_000_000, 1_800_000_060);
    assert_eq!(keys[0], DkimKey { domain: domain.clone(), created, changed: created, ..key("s1") });
    assert_eq!(keys[1], DkimKey { domain, state: DkimState::Active, created, changed, ..key("s2") });
    assert!(!format!("{keys:?}").contains("secret"));
    f.store.remove_dkim_key("example.org", "s1").await.unwrap();
    assert!(matches!(f.store.remove_dkim_key("example.org", "s1").await, Err(Error::NotFound(_))));
    assert_eq!(f.store.dkim_keys("example.org").await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_derived_key_is_the_same_for_a_purpose_and_another_for_another() {
    let f = Fixture::new().await;
    assert_eq!(f.store.derived_key("srs"), f.store.clone().derived_key("srs"));
    assert_ne!(f.store.derived_key("srs"), f.store.derived_key("other"));
    let other = Fixture::new().await;
    assert_ne!(f.store.derived_key("srs"), other.store.derived_key("srs"));
}
