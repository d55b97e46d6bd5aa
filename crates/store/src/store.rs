//! The store as a whole: opens the data directory, hands out accounts, keeps the directory.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, Address, Clock};

use crate::account::{Account, IndexCache, TABLES};
use crate::blob::Collected;
use crate::config::StoreConfig;
use crate::db::{Backend, Database, Registry, blocking};
use crate::directory::{AccountRecord, AccountStatus, JobKind, MoveRecord, PasswordCache, hash_password};
use crate::error::{Error, Result};
use crate::secret::SecretKey;
use crate::{blob, queue, schema};

/// The directory's number where a database needs one.
const DIRECTORY: AccountId = AccountId(0);

/// Messages in cached mailbox indexes, all accounts together (24 bytes each).
const MAX_INDEXED_MESSAGES: usize = 2_000_000;

/// The open store; clones share it. One process has a data directory open at a time. Of a store in PostgreSQL several
/// nodes, each with its own data directory, serve the same accounts.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    data: PathBuf,
    directory: Arc<Database>,
    backend: Arc<Backend>,
    blobs: Arc<blob::Storage>,
    clock: Arc<dyn Clock>,
    indexes: Arc<IndexCache>,
    open: Arc<Registry>,
    passwords: PasswordCache,
    queue: queue::Desk,
    key: SecretKey,
    /// Held, and with it the lock, until the store is closed.
    _lock: File,
}

impl Store {
    /// Opens the store in `data`, creating what is missing. Fails with [`Error::Locked`] if another process has it.
    pub async fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Store> {
        Store::open_with(StoreConfig::embedded(data), clock).await
    }

    /// The same, wherever the configuration says.
    pub async fn open_with(config: StoreConfig, clock: Arc<dyn Clock>) -> Result<Store> {
        let data = config.data.clone();
        let store = blocking(move || {
            let accounts = data.join("accounts");
            std::fs::create_dir_all(&accounts).map_err(|e| Error::io("create", &accounts, &e))?;
            let lock_path = data.join("lock");
            let lock = File::create(&lock_path).map_err(|e| Error::io("create", &lock_path, &e))?;
            lock.try_lock().map_err(|e| match e {
                TryLockError::WouldBlock => Error::Locked(data.display().to_string()),
                TryLockError::Error(e) => Error::io("lock", &lock_path, &e),
            })?;
            let blobs = blob::Storage::open(&config)?;
            let backend = Arc::new(Backend::open(&config.engine)?);
            let objects = blobs.of(DIRECTORY, &data);
            // Of the queue.
            let bodies = data.join(blob::BLOBS);
            std::fs::create_dir_all(&bodies).map_err(|e| Error::io("create", &bodies, &e))?;
            let directory =
                Database::new(DIRECTORY, &data, objects, &schema::DIRECTORY, backend.clone(), clock.clone());
            Ok(Store(Arc::new(Inner {
                key: SecretKey::open(&data.join("secret.key"))?,
                data,
                directory,
                backend,
                blobs,
                clock,
                indexes: Arc::new(IndexCache::new(MAX_INDEXED_MESSAGES)),
                open: Arc::default(),
                passwords: PasswordCache::new()?,
                queue: queue::Desk::default(),
                _lock: lock,
            })))
        })
        .await?;
        if store.shared() {
            store.share_key().await?;
            store.0.backend.watch(&store.0.open);
        } else {
            store.forget_holds().await?;
        }
        store.release_leftovers().await?;
        store.release_queue_leftovers().await?;
        Ok(store)
    }

    /// Other nodes may serve the same accounts.
    pub fn shared(&self) -> bool {
        self.0.backend.is_shared()
    }

    /// The first node tells the others by which key its secrets are sealed.
    async fn share_key(&self) -> Result<()> {
        let mine = self.0.key.fingerprint().to_owned();
        let theirs = {
            let mine = mine.clone();
            self.0.directory.write(move |tx| tx.setting_or("secret key", &mine)).await?
        };
        if mine == theirs {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "{} is not the key that this store's secrets are sealed with; copy secret.key from the data directory of a \
             node that serves the store",
            self.data().join("secret.key").display()
        )))
    }

    pub(crate) fn directory(&self) -> &Arc<Database> {
        &self.0.directory
    }

    pub(crate) fn queue_desk(&self) -> &queue::Desk {
        &self.0.queue
    }

    /// An account's database as its callers see it.
    pub(crate) fn handle(&self, db: Arc<Database>) -> Account {
        Account::new(db, self.0.indexes.clone())
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.0.data
    }

    /// The clock that the store reads.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock.clone()
    }

    /// A handle to an account; the caller knows from the directory that it exists.
    pub async fn account(&self, id: AccountId) -> Result<Account> {
        let db = match self.0.open.get(id) {
            Some(db) => db,
            None if self.has_data(id).await? => self.register(id),
            None => return Err(Error::NotFound(format!("the data of account {id}"))),
        };
        Ok(self.handle(db))
    }

    async fn has_data(&self, id: AccountId) -> Result<bool> {
        if self.shared() {
            return self.0.directory.read(move |tx| tx.has_data(id)).await;
        }
        Ok(tokio::fs::try_exists(self.home(id).join(schema::ACCOUNT.file_name)).await.unwrap_or(false))
    }

    /// One database value for each account in use, so that one writer serialises its writes.
    fn register(&self, id: AccountId) -> Arc<Database> {
        let Inner { backend, blobs, clock, open, .. } = &*self.0;
        open.get_or(id, || {
            let home = self.home(id);
            let objects = blobs.of(id, &home);
            Database::new(id, &home, objects, &schema::ACCOUNT, backend.clone(), clock.clone())
        })
    }

    fn home(&self, id: AccountId) -> PathBuf {
        self.0.data.join("accounts").join(format!("{:02x}", id.0 % 256)).join(id.0.to_string())
    }

    /// Adds a domain; the name is folded to lower case.
    pub async fn add_domain(&self, name: &str) -> Result<()> {
        let name = name.trim().trim_end_matches('.').to_lowercase();
        // An address is what is checked everywhere else; a domain is good if it can be part of one.
        Address::parse(&format!("postmaster@{name}"))
            .map_err(|_| Error::Invalid(format!("\"{name}\" is not a domain name")))?;
        self.0.directory.write(move |tx| tx.add_domain(&name)).await
    }

    /// All domains, sorted.
    pub async fn domains(&self) -> Result<Vec<String>> {
        self.0.directory.read(|tx| tx.domains()).await
    }

    /// Removes a domain that has neither accounts nor aliases.
    pub async fn remove_domain(&self, name: &str) -> Result<()> {
        let name = name.trim().to_lowercase();
        self.0.directory.write(move |tx| tx.remove_domain(&name)).await
    }

    /// Adds an account with an empty INBOX. Its domain must exist. Without a password nobody can log in.
    pub async fn add_account(
        &self,
        address: &Address,
        password: Option<&str>,
        quota: Option<u64>,
    ) -> Result<AccountId> {
        let hash = self.hash(password).await?;
        let address_ = address.clone();
        let id = self.0.directory.write(move |tx| tx.add_account_record(&address_, hash.as_deref(), quota)).await?;
        // The directory's row comes first: a crash in between leaves an account without data, which the next line
        // of a repeated command makes good, and never data without an account.
        self.create_home(id, quota).await?;
        Ok(id)
    }

    async fn create_home(&self, id: AccountId, quota: Option<u64>) -> Result<()> {
        self.new_account(id).await?.write(move |tx| tx.create_account(quota)).await
    }

    /// An account that has no rows yet; the first write makes its database.
    pub(crate) async fn new_account(&self, id: AccountId) -> Result<Account> {
        let home = self.home(id);
        blocking(move || {
            std::fs::create_dir_all(home.join(blob::BLOBS)).map_err(|e| Error::io("create", &home, &e))?;
            [Some(home.as_path()), home.parent(), home.parent().and_then(Path::parent)]
                .into_iter()
                .flatten()
                .try_for_each(blob::sync_dir)
        })
        .await?;
        Ok(self.handle(self.register(id)))
    }

    async fn hash(&self, password: Option<&str>) -> Result<Option<String>> {
        match password {
            Some(p) => {
                let p = p.to_owned();
                blocking(move || hash_password(&p)).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// An account by its address.
    pub async fn find_account(&self, address: &Address) -> Result<Option<AccountRecord>> {
        let address = address.clone();
        self.0.directory.read(move |tx| tx.find_account(&address)).await
    }

    /// All accounts, or those of one domain, sorted by address.
    pub async fn accounts(&self, domain: Option<&str>) -> Result<Vec<AccountRecord>> {
        let domain = domain.map(str::to_lowercase);
        self.0.directory.read(move |tx| tx.accounts(domain.as_deref())).await
    }

    /// Sets a password.
    pub async fn set_password(&self, id: AccountId, password: &str) -> Result<()> {
        let hash = self.hash(Some(password)).await?.unwrap_or_default();
        self.0.directory.write(move |tx| tx.set_account_password(id, &hash)).await
    }

    /// Suspends an account or lets it be used again.
    pub async fn set_status(&self, id: AccountId, status: AccountStatus) -> Result<()> {
        self.0.directory.write(move |tx| tx.set_account_status(id, status)).await
    }

    /// Sets the quota in the directory and in the account.
    pub async fn set_quota(&self, id: AccountId, quota: Option<u64>) -> Result<()> {
        self.0.directory.write(move |tx| tx.set_account_quota(id, quota)).await?;
        self.account(id).await?.write(move |tx| tx.set_quota(quota)).await
    }

    /// Removes an account and all its data, for good.
    pub async fn remove_account(&self, id: AccountId) -> Result<()> {
        // The directory's row goes last: what an error or a crash interrupts can be asked for again.
        self.set_status(id, AccountStatus::Suspended).await?;
        let db = self.register(id);
        if self.shared() {
            for table in TABLES {
                db.write(move |tx| tx.remove_rows(table)).await?;
            }
        } else if db.objects.outlive_home() && self.has_data(id).await? {
            blob::remove_all(&db).await?;
        }
        self.0.directory.write(move |tx| tx.remove_account_record(id)).await?;
        if self.shared()
            && let Err(error) = blob::collect(&db, Duration::ZERO).await
        {
            tracing::warn!(%error, account = %id, "large bodies of a removed account are left to the collector");
        }
        drop(db);
        self.0.open.remove(id);
        self.0.indexes.forget(id);
        self.0.backend.forget(id);
        let home = self.home(id);
        blocking(move || match std::fs::remove_dir_all(&home) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &home, &e)),
            _ => Ok(()),
        })
        .await
    }

    /// The accounts that may have bodies for the collector, removed ones too; account 0 has those of the queue.
    pub async fn collectable(&self) -> Result<Vec<AccountId>> {
        if self.shared() {
            return self.0.directory.read(|tx| tx.accounts_with_leftovers()).await;
        }
        let accounts = self.accounts(None).await?;
        Ok(std::iter::once(DIRECTORY).chain(accounts.into_iter().map(|account| account.id)).collect())
    }

    /// Runs the collector over one account: deletes large bodies that nothing has named for `grace`. May run beside
    /// writers, and on several nodes.
    pub async fn collect(&self, id: AccountId, grace: Duration) -> Result<Collected> {
        if id == DIRECTORY {
            return blob::collect(self.directory(), grace).await;
        }
        if !self.shared() && !self.has_data(id).await? {
            return Ok(Collected::default());
        }
        blob::collect(&self.register(id), grace).await
    }

    /// The account that address and password belong to; `None` if either is wrong, the account is suspended, or it
    /// has no password. Takes the same time for an unknown address.
    pub async fn verify(&self, address: &str, password: &str) -> Result<Option<AccountRecord>> {
        let store = self.clone();
        let (address, password) = (Address::parse(address).ok(), password.to_owned());
        let found = match address {
            Some(a) => {
                self.0
                    .directory
                    .read(move |tx| {
                        let Some(account) = tx.find_account(&a)? else { return Ok(None) };
                        let hash = tx.account_password(account.id)?;
                        Ok(Some((account, hash)))
                    })
                    .await?
            }
            None => None,
        };
        blocking(move || {
            let (account, hash) = found.map_or((None, None), |(a, h)| (Some(a), h));
            let id = account.as_ref().map_or(DIRECTORY, |a| a.id);
            let matches = store.0.passwords.verify(id, hash.as_deref(), &password);
            Ok(account.filter(|a| matches && a.status == AccountStatus::Active))
        })
        .await
    }

    /// Writes the record of a move.
    pub async fn put_move(&self, record: MoveRecord) -> Result<()> {
        self.0.directory.write(move |tx| tx.put_move(&record)).await
    }

    /// All moves, by account.
    pub async fn moves(&self) -> Result<Vec<MoveRecord>> {
        self.0.directory.read(|tx| tx.moves()).await
    }

    /// Forgets a move and its job; what it brought stays.
    pub async fn remove_move(&self, account: AccountId) -> Result<()> {
        self.0
            .directory
            .write(move |tx| {
                tx.remove_job(account, JobKind::Move)?;
                tx.remove_move(account)
            })
            .await
    }

    /// Encrypts a secret under the store's key.
    pub fn seal(&self, secret: &[u8]) -> Result<Vec<u8>> {
        self.0.key.seal(secret)
    }

    /// Decrypts what [`Store::seal`] made.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        self.0.key.unseal(sealed)
    }

    /// A key for one purpose, the same on every node and at every time, made from the store's key. Another purpose has another.
    pub fn derived_key(&self, purpose: &str) -> [u8; 32] {
        self.0.key.derive(purpose)
    }

    /// Tells this store from others.
    pub(crate) fn key_fingerprint(&self) -> &str {
        self.0.key.fingerprint()
    }

    /// Makes good what a crash left undone in any account: data that was never made. Called once, after opening and before
    /// serving. Bodies whose transaction never committed are the collector's.
    pub async fn recover(&self) -> Result<()> {
        if self.shared() {
            for (id, quota) in self.0.directory.read(|tx| tx.accounts_without_data()).await? {
                self.create_home(id, quota).await?;
            }
            return Ok(());
        }
        for record in self.accounts(None).await? {
            let home = self.home(record.id);
            if !home.join(schema::ACCOUNT.file_name).exists() {
                self.create_home(record.id, record.quota_bytes).await?;
                continue;
            }
            let account = self.account(record.id).await?;
            account
                .write(move |tx| {
                    // The directory had the row, but the crash came before the account's first transaction.
                    if tx.account_state().is_err() {
                        tx.create_account(record.quota_bytes)?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }
}
