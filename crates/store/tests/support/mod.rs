//! What the store's tests share: a store in a temporary directory with one account, and messages made from text.

#![allow(dead_code, missing_docs)] // Each test binary uses its part.
#![allow(clippy::unwrap_used)] // A fixture that cannot be made fails the test.

pub mod queue;

use std::path::PathBuf;
use std::sync::Arc;

use sterna_core::{Address, DateTime, Flag, Flags, Keyword, MailboxId, ManualClock, SystemFlags, Uid};
use sterna_store::{Account, BlobWriter, NewEmail, Store, UidRange};
use sterna_tests::backend::place;
pub use sterna_tests::backend::store_config as config;
use sterna_tests::psql;

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub account: Account,
    pub inbox: MailboxId,
}

pub async fn open(dir: &std::path::Path) -> Store {
    Store::open_with(config(dir), Arc::new(ManualClock::at(1_800_000_000))).await.unwrap()
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

    /// The files that large bodies lie in: the account's own, or those of the S3 server.
    pub fn objects(&self) -> Vec<PathBuf> {
        match place(self.dir.path()) {
            Some((_, s3)) => s3.objects().keys().map(|key| s3.file(key)).collect(),
            None => std::fs::read_dir(self.account.home().join("blobs")).unwrap().map(|f| f.unwrap().path()).collect(),
        }
    }

    /// Changes the directory's rows behind the store's back.
    pub fn damage_directory(&self, sql: &str) {
        match place(self.dir.path()) {
            Some((database, _)) => drop(psql(&database, sql)),
            None => {
                let database = rusqlite::Connection::open(self.dir.path().join("directory.db")).unwrap();
                database.execute_batch(sql).unwrap();
            }
        }
    }

    /// One value from the account's rows.
    pub fn ask(&self, sql: &str) -> String {
        match place(self.dir.path()) {
            Some((database, _)) => psql(&database, sql).trim().to_owned(),
            None => {
                let database = rusqlite::Connection::open(self.account.home().join("account.db")).unwrap();
                database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().to_string()
            }
        }
    }

    /// Changes the account's rows behind the store's back.
    pub fn damage(&self, sql: &str) {
        match place(self.dir.path()) {
            Some((database, _)) => drop(psql(&database, sql)),
            None => {
                let database = rusqlite::Connection::open(self.account.home().join("account.db")).unwrap();
                database.execute_batch(sql).unwrap();
            }
        }
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
