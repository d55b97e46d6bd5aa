//! `store copy`: an account with something in every table goes from one store to another, and back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot do its work fails")]

mod support;

use std::path::Path;
use std::sync::Arc;

use sterna_core::{AccountId, Address, BlobId, Flags, MailboxId, ManualClock, ModSeq, Role, SystemFlags, UidValidity};
use sterna_store::{
    Account, AccountCopy, AccountRecord, BackFolder, BackMessage, BlobWriter, CHUNK, CopyProgress, DkimAlgorithm,
    DkimKey, DkimState, DomainChange, Error, Import, JobKind, MoveFolder, MoveRecord, NewMailbox, NewQueued,
    NewQueuedRecipient, QueueFilter, QueueId, QueuedMessage, QueuedRecipient, SendingLock, Settled, Store, StoreConfig,
    StoreCopy, SubmissionLimits, UidRange,
};
use support::{email, flags, range, uid};

const SEEN: SystemFlags = SystemFlags::SEEN;

/// Pairs of stores: embedded both, or one of them shared.
fn pairs(dir: &Path) -> Vec<(StoreConfig, StoreConfig)> {
    let pair = |n: usize| {
        let place = |name: &str| {
            let path = dir.join(format!("{name}-{n}"));
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        (place("source"), place("target"))
    };
    let (source, target) = pair(0);
    let mut pairs = vec![(StoreConfig::embedded(&source), support::config(&target))];
    if pairs[0].1 != StoreConfig::embedded(&target) {
        let (source, target) = pair(1);
        pairs.push((support::config(&source), StoreConfig::embedded(&target)));
    }
    pairs
}

async fn open(config: &StoreConfig) -> Store {
    Store::open_with(config.clone(), Arc::new(ManualClock::at(1_800_000_000))).await.unwrap()
}

async fn begin(from: &StoreConfig, to: &StoreConfig) -> StoreCopy {
    try_begin(from, to).await.unwrap()
}

async fn try_begin(from: &StoreConfig, to: &StoreConfig) -> Result<StoreCopy, Error> {
    StoreCopy::open(from.clone(), to.clone(), Arc::new(ManualClock::at(1_800_000_000)), |_, _| Ok(())).await
}

async fn record(store: &Store) -> AccountRecord {
    store.find_account(&Address::parse("anne@example.org").unwrap()).await.unwrap().unwrap()
}

/// Copies anne's account.
async fn copy(copy: &StoreCopy) -> Result<AccountCopy, Error> {
    copy.account(&record(copy.source()).await, &mut |_| {}).await
}

/// Bytes that do not compress.
fn noise(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(n)
    .collect()
}

async fn append(account: &Account, mailbox: MailboxId, body: &[u8], flags: Flags) {
    let message = email(account, body);
    account.write(move |tx| tx.append(mailbox, &message, &flags)).await.unwrap();
}

/// A store with anne, who has something in every table, and a domain without accounts.
async fn fill(config: &StoreConfig) {
    let store = open(config).await;
    for domain in ["example.org", "empty.example"] {
        store.add_domain(domain).await.unwrap();
    }
    let address = Address::parse("anne@example.org").unwrap();
    let id = store.add_account(&address, Some("secret"), Some(1 << 30)).await.unwrap();
    let account = store.account(id).await.unwrap();
    let inbox = account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
    for n in 0..40u8 {
        append(&account, inbox, &[n; 100], flags(SEEN, &["work", "$Forwarded"])).await;
    }
    for seed in 1..=6 {
        append(&account, inbox, &noise(3 * CHUNK + seed, seed as u64), Flags::default()).await;
    }
    append(&account, inbox, &noise(CHUNK + 5, 9), Flags::default()).await;
    append(&account, inbox, b"", Flags::default()).await;
    let new = NewMailbox {
        uid_validity: UidValidity::new(77),
        role: Some(Role::Sent),
        subscribed: true,
        ..NewMailbox::named("Envoyés")
    };
    let sent = account.write(move |tx| tx.create_mailbox(&new)).await.unwrap().id;
    let imported = email(&account, b"imported");
    let import = Import { modseq: Some(ModSeq(500)), saved_at: Some(1_600_000_000), uidl: Some("0001".into()) };
    account
        .write(move |tx| {
            tx.import(sent, uid(4_000_000_000), &imported, &flags(SEEN, &[]), &import)?;
            tx.copy(inbox, &[range(1, 3)], sent)?;
            tx.expunge(inbox, &[range(5, 9)])?;
            tx.set_namespace('.', "INBOX.")?;
            tx.set_dangling_subscription("gone/élan", true)?;
            tx.put_move_folder(&MoveFolder { source: vec![255, 0, 1], mailbox: Some(sent), cursor: "{}".into() })?;
            let folder = BackFolder { mailbox: sent, source: vec![255, 0, 1], state: "{}".into() };
            tx.put_back_folder(&folder)?;
            tx.put_back_messages(sent, &[BackMessage { uid: uid(1), there: uid(9) }])?;
            tx.add_move_exception(b"x", Some(uid(7)), "the source refuses it")?;
            tx.add_move_exception(b"", None, "the whole account")
        })
        .await
        .unwrap();
    let gone = account.write(|tx| tx.create_mailbox(&NewMailbox::named("gone"))).await.unwrap().id;
    account.write(move |tx| tx.delete_mailbox(gone)).await.unwrap();
    let secret = store.seal(b"the source's password").unwrap();
    let record = MoveRecord {
        account: id,
        state: "seeding".into(),
        record: "{\"a\":1}".into(),
        secret: Some(secret),
        updated: 7,
    };
    store.put_move(record).await.unwrap();
    store.add_job(id, JobKind::Move).await.unwrap();
    let until = 1_800_000_000 + 1000;
    account
        .write(move |tx| {
            tx.set_uidls(sent, &[(uid(4_000_000_000), "0001".into(), Some(3))])?;
            tx.put_sieve("rules", "keep;\n")?;
            tx.put_sieve("Élan", "discard;")?;
            tx.set_active_sieve(Some("rules"))?;
            tx.remember("vacation", &[0, 255], until).map(drop)
        })
        .await
        .unwrap();
    fill_directory(&store, id).await;
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// What of mail in and out lies in the directory.
async fn fill_directory(store: &Store, id: AccountId) {
    store.set_forwards(id, vec![address("z@remote.example"), address("a@remote.example")], false).await.unwrap();
    store.set_route(id, Some("lmtp://old:24".into())).await.unwrap();
    store.set_language(id, Some("fr".into())).await.unwrap();
    store.set_hourly_limit(id, Some(7)).await.unwrap();
    let lock = SendingLock { reason: "too many failures".into(), since: 3 };
    store.set_sending_lock(id, Some(lock)).await.unwrap();
    store.set_domain("example.org", DomainChange::CatchAll(Some(address("rest@example.org")))).await.unwrap();
    store.set_domain("empty.example", DomainChange::Route(Some("smtp://old:25".into()))).await.unwrap();
    store.set_domain("empty.example", DomainChange::HourlyLimit(Some(9))).await.unwrap();
    let targets = vec![address("anne@example.org"), address("b@remote.example")];
    store.add_alias(&address("all@empty.example"), targets).await.unwrap();
    store.add_dkim_key(key("s1")).await.unwrap();
    let limits = SubmissionLimits { account: 100, domain: Some(100) };
    store.count_submission(id, "example.org", 30, limits).await.unwrap();
    for bytes in [noise(10, 1), noise(700_000, 2), noise(10, 1)] {
        let mut blob = BlobWriter::new(&store.queue_blobs());
        blob.write(&bytes).unwrap();
        let recipients = ["a@x.example", "b@y.example"].map(|address| NewQueuedRecipient {
            address: address.into(),
            destination: address[2..].into(),
            options: "{}".into(),
            due_ms: 0,
        });
        let new = NewQueued {
            sender: "anne@example.org".into(),
            blob: blob.finish().unwrap(),
            options: "{\"o\":1}".into(),
            submitter: Some(id),
            expires_ms: 1_900_000_000_000,
            recipients: recipients.into(),
        };
        store.enqueue(new).await.unwrap();
    }
    let term = std::time::Duration::from_secs(60);
    let claim = store.claim_queued(1, 1, vec!["y.example".into()], term).await.unwrap().remove(0);
    let retry = Settled::Retry { due_ms: 1_850_000_000_000, error: "busy".into(), delay_told: true };
    store.settle_queued(&claim, vec![(1, retry)], vec![]).await.unwrap();
    let last = store.queue_list(None, 9, QueueFilter::default()).await.unwrap().remove(2).0.id;
    assert_eq!(store.queue_hold(last, true).await.unwrap(), 1);
}

fn key(selector: &str) -> DkimKey {
    DkimKey {
        domain: "example.org".into(),
        selector: selector.into(),
        algorithm: DkimAlgorithm::Ed25519,
        secret: b"secret".to_vec(),
        public: b"public".to_vec(),
        state: DkimState::Active,
        created: 1_800_000_000,
        changed: 1_800_000_000,
    }
}

/// What waits, without the numbers that each store gives by itself, and a digest of each body.
async fn waiting(store: &Store) -> Vec<(QueuedMessage, Vec<QueuedRecipient>, String)> {
    let mut all = Vec::new();
    for (message, recipients, _) in store.queue_list(None, 9, QueueFilter::default()).await.unwrap() {
        let body = store.queue_body_range(message.blob, 0, u64::MAX).await.unwrap();
        let digest = blake3::hash(&body).to_string();
        all.push((QueuedMessage { id: QueueId(0), blob: BlobId(0), ..message }, recipients, digest));
    }
    all
}

#[tokio::test]
async fn an_account_goes_there_and_back_with_every_row_and_number() {
    let dir = tempfile::tempdir().unwrap();
    for (n, (from, to)) in pairs(dir.path()).into_iter().enumerate() {
        fill(&from).await;
        let there = begin(&from, &to).await;
        there.domains().await.unwrap();
        let first = copy(&there).await.unwrap();
        assert!(first.is_verified(), "{first:?}");
        assert_eq!((first.messages, first.findings.len()), (47, 0));
        assert!(first.rows_copied > 100);
        for table in &first.tables {
            assert!(table.rows > 0, "the test has nothing in {}", table.table);
        }
        // A second run finds everything in its place.
        let again = copy(&there).await.unwrap();
        assert!(again.is_verified() && again.rows_copied == 0, "{again:?}");
        assert_eq!(again.tables, first.tables);
        let source = waiting(there.source()).await;
        assert_eq!((there.queue().await.unwrap(), source.len()), (3, 3));
        // What was taken over once is not taken over again, whatever became of it.
        let delivered = there.target().queue_list(None, 1, QueueFilter::default()).await.unwrap().remove(0).0;
        assert_eq!(waiting(there.target()).await, source);
        assert_eq!(there.target().queue_remove(delivered.id).await.unwrap(), 1);
        assert_eq!((there.queue().await.unwrap(), waiting(there.target()).await.len()), (0, 2));
        for store in [there.source(), there.target()] {
            assert_eq!(store.check_directory().await.unwrap().findings, []);
        }
        let (ours, theirs) = (there.source(), there.target());
        assert_eq!(theirs.domain_records().await.unwrap(), ours.domain_records().await.unwrap());
        assert_eq!(theirs.aliases(None).await.unwrap(), ours.aliases(None).await.unwrap());
        assert_eq!(theirs.dkim_keys("example.org").await.unwrap(), [key("s1")]);
        assert_eq!(record(theirs).await, record(ours).await);
        // Of two clocks that are far apart, one takes the other's count for an old one.
        if ours.shared() == theirs.shared() {
            let limits = SubmissionLimits { account: 3, domain: None };
            let verdict = theirs.count_submission(record(theirs).await.id, "example.org", 1, limits).await.unwrap();
            assert!(matches!(verdict, sterna_store::SubmissionVerdict::OverAccount { .. }), "{verdict:?}");
        }
        drop(there);

        let target = open(&to).await;
        assert_eq!(target.domains().await.unwrap(), ["empty.example", "example.org"]);
        let account = target.verify("anne@example.org", "secret").await.unwrap().expect("the password goes along");
        assert_eq!(account.quota_bytes, Some(1 << 30));
        let moving = target.moves().await.unwrap().remove(0);
        assert_eq!(target.unseal(&moving.secret.unwrap()).unwrap(), b"the source's password");
        assert_eq!((moving.state.as_str(), moving.record.as_str(), moving.updated), ("seeding", "{\"a\":1}", 7));
        assert!(target.job(account.id, JobKind::Move).await.unwrap().is_some());
        // Both sides go on by themselves: no number is given twice.
        let bob = Address::parse("bob@example.org").unwrap();
        assert!(target.add_account(&bob, None, None).await.unwrap() > account.id);
        drop(target);

        let third = dir.path().join(format!("third-{n}"));
        let back = begin(&to, &StoreConfig::embedded(&third)).await;
        let second = copy(&back).await.unwrap();
        assert!(second.is_verified(), "{second:?}");
        assert_eq!(second.tables, first.tables);
    }
}

/// Polls the copy of anne's account until its `n`th word on how far it is, and drops it there; `None`: it ended before.
async fn broken_off(copy: &StoreCopy, n: usize) -> Option<AccountCopy> {
    let record = record(copy.source()).await;
    let (word, mut words) = tokio::sync::mpsc::unbounded_channel();
    let mut progress = move |p: CopyProgress| {
        let _ = word.send(p);
    };
    let work = copy.account(&record, &mut progress);
    tokio::pin!(work);
    let mut heard = 0;
    loop {
        tokio::select! {
            biased;
            Some(_) = words.recv() => {
                heard += 1;
                if heard == n {
                    return None;
                }
            }
            result = &mut work => return Some(result.unwrap()),
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_broken_off_anywhere_goes_on_from_there() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in pairs(dir.path()) {
        fill(&from).await;
        let mut rows = Vec::new();
        for n in 1..100 {
            // Opened anew each time, as by another process.
            let copy = begin(&from, &to).await;
            match broken_off(&copy, 2 + n).await {
                None => assert!(!serves_anne(&copy).await, "half a copy is served"),
                Some(done) => {
                    assert!(done.is_verified(), "{done:?}");
                    rows.push(done.rows_copied);
                    break;
                }
            }
        }
        assert_eq!(rows.len(), 1, "it never ended");
        let whole = copy_whole(&from, &to.data.with_extension("whole")).await;
        assert!(rows[0] < whole, "{} of {whole} rows in the last run: it began anew", rows[0]);
    }
}

/// Whether the target knows anne.
async fn serves_anne(copy: &StoreCopy) -> bool {
    let anne = Address::parse("anne@example.org").unwrap();
    copy.target().find_account(&anne).await.unwrap().is_some()
}

async fn copy_whole(from: &StoreConfig, to: &Path) -> u64 {
    copy(&begin(from, &StoreConfig::embedded(to)).await).await.unwrap().rows_copied
}

/// Changes of the source between two runs: with a trace in its state, and without.
#[tokio::test]
async fn a_source_that_changed_after_a_copy_was_broken_off_is_copied_anew() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in pairs(dir.path()) {
        fill(&from).await;
        for change in ["flags", "cursor", "gone"] {
            assert!(broken_off(&begin(&from, &to).await, 12).await.is_none());
            let store = open(&from).await;
            let account = store.account(record(&store).await.id).await.unwrap();
            account
                .write(move |tx| {
                    let inbox = tx.mailboxes()?[0].id;
                    match change {
                        "flags" => {
                            let seen = sterna_store::FlagChange::Remove(flags(SEEN, &[]));
                            tx.change_flags(inbox, &[UidRange::one(uid(1))], &seen, None).map(drop)
                        }
                        "cursor" => tx.set_dangling_subscription("gone/élan", false),
                        _ => tx.expunge(inbox, &[range(41, 43)]).map(drop),
                    }
                })
                .await
                .unwrap();
        }
        let done = copy(&begin(&from, &to).await).await.unwrap();
        assert!(done.is_verified(), "{done:?}");
        assert_eq!(done.messages, 44);
    }
}

/// While rows are copied, time and again; and once, when all but the check of the target is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_meanwhile_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in pairs(dir.path()) {
        fill(&from).await;
        let copying = begin(&from, &to).await;
        let record = record(copying.source()).await;
        let account = copying.source().account(record.id).await.unwrap();
        let inbox = account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
        for (step, table) in [("copying", "message"), ("checking", "")] {
            let mut progress = |p: CopyProgress| {
                if (p.step, p.table) == (step, table) {
                    let write = append(&account, inbox, b"meanwhile", Flags::default());
                    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(write));
                }
            };
            match copying.account(&record, &mut progress).await {
                Err(Error::NotPermitted(why)) => assert!(why.contains("stop the server"), "{why}"),
                other => panic!("{step}: {other:?}"),
            }
            assert!(!serves_anne(&copying).await);
        }
        let done = copy(&copying).await.unwrap();
        assert!(done.is_verified() && done.messages > 48, "{done:?}");
    }
}

#[tokio::test]
async fn a_number_or_address_of_somebody_else_is_refused_and_a_copy_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in pairs(dir.path()) {
        fill(&from).await;
        let long_ago = Arc::new(ManualClock::at(1_500_000_000));
        let target = Store::open_with(to.clone(), long_ago).await.unwrap();
        target.add_domain("example.org").await.unwrap();
        let bob = target.add_account(&Address::parse("bob@example.org").unwrap(), None, None).await.unwrap();
        let anne = target.add_account(&Address::parse("anne@example.org").unwrap(), None, None).await.unwrap();
        drop(target);
        let refused = copy(&begin(&from, &to).await).await.unwrap_err();
        assert!(matches!(&refused, Error::NotPermitted(why) if why.contains("example.org")), "{refused}");
        let target = open(&to).await;
        target.remove_account(anne).await.unwrap();
        drop(target);
        let refused = copy(&begin(&from, &to).await).await.unwrap_err();
        assert!(refused.to_string().contains("bob@example.org in the target"), "{refused}");
        let target = open(&to).await;
        target.remove_account(bob).await.unwrap();
        drop(target);
        assert!(copy(&begin(&from, &to).await).await.unwrap().is_verified());

        let target = open(&to).await;
        let account = target.account(record(&target).await.id).await.unwrap();
        let inbox = account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
        append(&account, inbox, b"a life of its own", Flags::default()).await;
        drop((target, account));
        let differs = copy(&begin(&from, &to).await).await.unwrap();
        assert!(!differs.is_verified() && differs.rows_copied == 0 && differs.findings.is_empty());
        let unequal: Vec<_> = differs.tables.iter().filter(|t| !t.is_equal()).map(|t| t.table).collect();
        assert!(unequal.contains(&"message") && !unequal.contains(&"subscription"), "{unequal:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_damaged_at_the_source_is_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (StoreConfig::embedded(&dir.path().join("a")), StoreConfig::embedded(&dir.path().join("b")));
    std::fs::create_dir(&from.data).unwrap();
    fill(&from).await;
    let store = open(&from).await;
    let home = store.account(record(&store).await.id).await.unwrap().home().to_owned();
    drop(store);
    let body = std::fs::read_dir(home.join("blobs")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&body).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&body, bytes).unwrap();
    let copying = begin(&from, &to).await;
    assert!(matches!(copy(&copying).await, Err(Error::Corrupt(_))));
    assert!(!serves_anne(&copying).await);
}

#[tokio::test]
async fn stores_that_cannot_be_copied_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| StoreConfig::embedded(&dir.path().join(name)));
    assert!(matches!(try_begin(&a, &b).await, Err(Error::NotFound(_))));
    assert!(!a.data.exists() && !b.data.exists());
    std::fs::create_dir(&a.data).unwrap();
    fill(&a).await;
    assert!(matches!(try_begin(&a, &a).await, Err(Error::Invalid(why)) if why.contains("data directory")));
    let served = open(&a).await;
    assert!(matches!(try_begin(&a, &b).await, Err(Error::Locked(_))));
    drop(served);
}
