//! What these tests share: a store with one account whose large bodies lie where the test wants, and bodies.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sterna_core::{Address, DateTime, Flags, MailboxId, ManualClock, Uid};
use sterna_store::{Account, BlobKind, BlobWriter, NewEmail, Result, S3Config, Store, StoreConfig, UidRange};
use sterna_tests::S3Place;

/// Where large bodies lie.
#[derive(Clone)]
pub enum Place {
    File,
    S3(S3Place),
}

impl Place {
    /// One of each kind.
    pub fn all() -> [Place; 2] {
        [Place::File, Place::S3(sterna_tests::backend::fresh_s3())]
    }
}

/// A store with an account.
pub struct Mail {
    pub dir: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub config: StoreConfig,
    pub place: Place,
    pub store: Store,
    pub account: Account,
    pub inbox: MailboxId,
}

pub fn s3_config(place: &S3Place) -> S3Config {
    let mut config = S3Config::new(&place.endpoint, &place.bucket, &place.access_key, &place.secret_key);
    config.prefix.clone_from(&place.prefix);
    config
}

impl Mail {
    pub async fn new(place: Place) -> Mail {
        Mail::with(place, |_| ()).await
    }

    /// `change` changes how the service is reached.
    pub async fn with(place: Place, change: impl FnOnce(&mut S3Config)) -> Mail {
        let dir = tempfile::tempdir().unwrap();
        let mut config = StoreConfig::embedded(dir.path());
        if let Place::S3(place) = &place {
            let mut s3 = s3_config(place);
            change(&mut s3);
            config.blobs = BlobKind::S3(s3);
        }
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let store = Store::open_with(config.clone(), clock.clone()).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let address = Address::parse("anne@example.org").unwrap();
        let id = store.add_account(&address, None, None).await.unwrap();
        let account = store.account(id).await.unwrap();
        let inbox = account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
        Mail { dir, clock, config, place, store, account, inbox }
    }

    /// What a node that died and came back sees.
    pub async fn reopened(self) -> Mail {
        self.reopened_after(|_| ()).await
    }

    /// The same, when something has happened to the account's directory meanwhile.
    pub async fn reopened_after(self, meanwhile: impl FnOnce(&Path)) -> Mail {
        let Mail { dir, clock, config, place, store, account, inbox } = self;
        let (id, home) = (account.id(), account.home().to_owned());
        drop((store, account));
        meanwhile(&home);
        let store = Store::open_with(config.clone(), clock.clone()).await.unwrap();
        store.recover().await.unwrap();
        let account = store.account(id).await.unwrap();
        Mail { dir, clock, config, place, store, account, inbox }
    }

    /// Objects that are stored, named or not.
    pub fn objects(&self) -> usize {
        match &self.place {
            Place::File => std::fs::read_dir(self.account.home().join("blobs")).unwrap().count(),
            Place::S3(place) => place.objects().len(),
        }
    }

    /// Bodies on their way in that left a file.
    pub fn spooled(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("incoming")).unwrap().count()
    }

    pub async fn append(&self, body: &[u8]) -> Uid {
        self.try_append(body).await.unwrap()
    }

    pub async fn try_append(&self, body: &[u8]) -> Result<Uid> {
        append(&self.account, self.inbox, prepare(&self.account, body).await?).await
    }

    pub async fn expunge(&self, uid: Uid) {
        let inbox = self.inbox;
        self.account.write(move |tx| tx.expunge(inbox, &[UidRange::one(uid)])).await.unwrap();
    }

    pub async fn expunge_all(&self) {
        let inbox = self.inbox;
        self.account.write(move |tx| tx.expunge(inbox, &[UidRange::ALL])).await.unwrap();
    }

    /// The body of a message, whole.
    pub async fn body(&self, uid: Uid) -> Result<Vec<u8>> {
        self.range(uid, 0, u64::MAX).await
    }

    /// A part of it.
    pub async fn range(&self, uid: Uid, offset: u64, length: u64) -> Result<Vec<u8>> {
        let inbox = self.inbox;
        self.account
            .read(move |tx| {
                let mut blob = None;
                let _ = tx.emails(inbox, UidRange::one(uid), |_, email| {
                    blob = Some(email.blob);
                    Ok(std::ops::ControlFlow::Continue(()))
                })?;
                tx.blob_range(blob.unwrap(), offset, length)
            })
            .await
    }

    /// Collects without grace: uploads that nobody named and what is garbage, at once.
    pub async fn collect(&self) -> (u64, u64) {
        let collected = self.account.collect(Duration::ZERO).await.unwrap();
        (collected.uploads, collected.objects)
    }

    /// Asserts that every invariant holds.
    pub async fn sound(&self) {
        let report = self.account.check(|_, _| Ok(())).await.unwrap();
        assert_eq!(report.findings, []);
    }
}

/// A message ready to be stored, made where such work is done: on the blocking pool.
pub async fn prepare(account: &Account, body: &[u8]) -> Result<NewEmail> {
    let (blobs, body) = (account.blobs(), body.to_vec());
    tokio::task::spawn_blocking(move || {
        let mut blob = BlobWriter::new(&blobs);
        body.chunks(100_000).try_for_each(|bytes| blob.write(bytes))?;
        Ok(NewEmail {
            blob: blob.finish()?,
            structure: b"structure".to_vec(),
            internaldate: DateTime { unix: 1_700_000_000, offset: 120 },
            sent: None,
            thread_keys: vec![1],
        })
    })
    .await
    .unwrap()
}

pub async fn append(account: &Account, inbox: MailboxId, email: NewEmail) -> Result<Uid> {
    Ok(account.write(move |tx| tx.append(inbox, &email, &Flags::default())).await?.uid)
}

/// Bytes that do not compress, others for each seed.
pub fn noise(seed: u64, n: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(n)
    .collect()
}
