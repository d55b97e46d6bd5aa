//! What the store's tests share: a store in a temporary directory with one account, and messages made from text.

#![allow(dead_code, missing_docs)] // Each test binary uses its part.
#![allow(clippy::unwrap_used)] // A fixture that cannot be made fails the test.

use std::sync::Arc;

use sterna_core::{Address, DateTime, Flag, Flags, Keyword, MailboxId, ManualClock, SystemFlags, Uid};
use sterna_store::{
    Account, BlobKind, BlobWriter, Engine, NewEmail, PostgresConfig, S3Config, Store, StoreConfig, UidRange,
};

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub account: Account,
    pub inbox: MailboxId,
}

pub async fn open(dir: &std::path::Path) -> Store {
    Store::open_with(config(dir), Arc::new(ManualClock::at(1_800_000_000))).await.unwrap()
}

/// The store of a directory: embedded in it, or at a place of its own in PostgreSQL and S3 that a file there names.
pub fn config(dir: &std::path::Path) -> StoreConfig {
    let mut config = StoreConfig::embedded(dir);
    if sterna_tests::backend::shared() {
        let named = dir.join("place");
        if !named.exists() {
            let s3 = sterna_tests::backend::fresh_s3();
            let place = [sterna_tests::backend::fresh_database(), s3.endpoint, s3.bucket, s3.prefix];
            std::fs::write(&named, [place.as_slice(), &[s3.access_key, s3.secret_key]].concat().join("\n")).unwrap();
        }
        let text = std::fs::read_to_string(&named).unwrap();
        let [url, endpoint, bucket, prefix, access_key, secret_key] = text.lines().collect::<Vec<_>>()[..] else {
            panic!("{text}")
        };
        config.engine = Engine::Postgres(PostgresConfig::new(url));
        let s3 = S3Config::new(endpoint, bucket, access_key, secret_key);
        config.blobs = BlobKind::S3(S3Config { prefix: prefix.to_owned(), ..s3 });
    }
    config
}

impl Fixture {
    pub async fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        store.add_domain("example.org").await.unwrap();
        let address = Address::parse("anne@example.org").unwrap();
        let id = store.add_account(&address, Some("secret"), None).await.unwrap();
        let account = store.account(id).await.unwrap();
        let inbox = account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
        Fixture { dir, store, account, inbox }
    }

    pub fn email(&self, body: &[u8]) -> NewEmail {
        email(&self.account, body)
    }

    pub async fn append(&self, mailbox: MailboxId, body: &[u8], flags: Flags) -> Uid {
        let email = self.email(body);
        self.account.write(move |tx| tx.append(mailbox, &email, &flags)).await.unwrap().uid
    }

    /// Asserts that every invariant holds.
    pub async fn sound(&self) {
        let report = self.account.check(|_, _| Ok(())).await.unwrap();
        assert_eq!(report.findings, []);
    }
}

pub fn email(account: &Account, body: &[u8]) -> NewEmail {
    let mut blob = BlobWriter::new(&account.blobs());
    blob.write(body).unwrap();
    NewEmail {
        blob: blob.finish().unwrap(),
        structure: b"structure".to_vec(),
        internaldate: DateTime { unix: 1_700_000_000, offset: 120 },
        sent: None,
        thread_keys: vec![u64::from(body.first().copied().unwrap_or(0))],
    }
}

pub fn uid(n: u32) -> Uid {
    Uid::new(n).unwrap()
}

pub fn range(first: u32, last: u32) -> UidRange {
    UidRange { first: uid(first), last: uid(last) }
}

pub fn flags(system: SystemFlags, keywords: &[&str]) -> Flags {
    let keywords = keywords.iter().filter_map(|k| Keyword::new(k)).map(Flag::Keyword);
    keywords
        .chain(SystemFlags::ALL.iter().filter(|(b, _)| system.contains(*b)).map(|(b, _)| Flag::System(*b)))
        .collect()
}
