//! What requests work on: the open store, the mover and its jobs.

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_core::{Address, SystemClock};
use sterna_frontdoor::Door;
use sterna_migrate::Mover;
use sterna_net::Login;
use sterna_store::{Account, AccountRecord, Engine, Store, StoreConfig};

use super::jobs::Jobs;
use super::{LOCK_PATIENCE, LOCK_RETRY};
use crate::config::postgres_host;
use crate::error::{Error, Result};

/// How long the first failed login of an address waits for its answer.
const LOGIN_DELAY: Duration = Duration::from_secs(1);

/// Between the first two tries to reach a store that is away; each further pause is twice as long …
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// … up to this: so long may the server lag behind the store's return.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The open platform. Clones share it.
#[derive(Clone)]
pub struct Platform {
    /// Everything durable.
    pub store: Store,
    /// Who comes in, and on which platform the mailbox is.
    pub door: Door,
    /// Moves mailboxes.
    pub mover: Mover,
    /// Moves at work in this process.
    pub(super) jobs: Jobs,
    /// This is the server: what is started here goes on when the command that asked for it has ended.
    pub(super) serves: bool,
    embedded: bool,
}

/// Why a store was not opened, with the place of what cannot be reached: only the database is asked for anything then.
pub fn opening(config: &StoreConfig, error: sterna_store::Error) -> Error {
    match (&config.engine, error) {
        (Engine::Postgres(postgres), sterna_store::Error::Unavailable(why)) => {
            let host = postgres_host(postgres);
            Error::new(format!("PostgreSQL at {host} cannot be reached ({why}); start it, or try again later"))
        }
        (_, error) => error.into(),
    }
}

impl Platform {
    /// Opens the store. A new data directory is for its owner only: it holds mail, or at least the key to secrets.
    pub async fn open(config: &StoreConfig, serves: bool) -> sterna_store::Result<Platform> {
        let data = &config.data;
        if !data.exists() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
            made.map_err(|e| {
                sterna_store::Error::Io(format!("cannot create the data directory {}: {e}", data.display()))
            })?;
        }
        let store = Store::open_with(config.clone(), Arc::new(SystemClock)).await?;
        // One door for all protocols: a guess at a password counts everywhere.
        let door = Door::new(store.clone(), Login::new(store.clone(), LOGIN_DELAY));
        let mover = Mover::new(store.clone()).with_door(door.clone());
        let embedded = config.engine == Engine::Sqlite;
        Ok(Platform { jobs: Jobs::new(store.clone(), mover.clone(), serves), store, door, mover, serves, embedded })
    }

    /// The same for the server, ready to serve: what a crash left is cleared away. Waits a little for a command that has
    /// the store open, and for a database or an object storage that is away as long as it takes.
    pub async fn open_to_serve(config: &StoreConfig) -> sterna_store::Result<Platform> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let opened = async {
                let platform = Platform::open(config, true).await?;
                platform.store.recover().await?;
                Ok(platform)
            };
            match opened.await {
                Err(sterna_store::Error::Locked(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(LOCK_RETRY).await;
                }
                Err(error @ sterna_store::Error::Unavailable(_)) => {
                    // Once: what follows says nothing new.
                    if pause == FIRST_PAUSE {
                        let error = opening(config, error);
                        tracing::warn!(%error, "waiting for the store; clients are served as soon as it is there");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                opened => return opened,
            }
        }
    }

    /// Whether each account's data is a directory of this node.
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// Begins to run moves, those first that a stop or a crash interrupted.
    pub fn serve_moves(&self) {
        self.jobs.serve();
    }

    /// Stops all moves cleanly; they go on when they are started again.
    pub async fn stop_moves(&self) {
        self.jobs.stop_all().await;
    }

    /// The directory's entry for an address.
    pub(super) async fn record(&self, address: &str) -> Result<AccountRecord> {
        let address = Address::parse(address)?;
        self.store.find_account(&address).await?.ok_or_else(|| {
            Error::new(format!("account {address} does not exist; \"sterna account list\" shows those that do"))
        })
    }

    /// The data of an account.
    pub(super) async fn account(&self, record: &AccountRecord) -> Result<Account> {
        Ok(self.store.account(record.id).await?)
    }
}
