//! The engine of a store: where its databases' connections come from.

use std::sync::Arc;

use sterna_core::{AccountId, ModSeq};
use tokio::sync::OwnedSemaphorePermit;

use super::conn::Conn;
use super::{Database, Registry, postgres, sqlite};
use crate::config::Engine;
use crate::error::Result;
use crate::schema;

/// The right to use a connection, until it is dropped.
pub(crate) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

pub(crate) enum Backend {
    Sqlite(sqlite::Files),
    Postgres(Box<postgres::Pool>),
}

impl Backend {
    /// Opens the engine and brings its schema up to date. Blocking.
    pub fn open(engine: &Engine) -> Result<Backend> {
        match engine {
            Engine::Sqlite => Ok(Backend::Sqlite(sqlite::Files::default())),
            Engine::Postgres(config) => {
                let pool = postgres::Pool::new(config)?;
                let conn = postgres::Conn::open(&pool.connector)?;
                postgres::up(&conn, schema::POSTGRES)?;
                pool.put_back(Conn::Postgres(Box::new(conn)));
                Ok(Backend::Postgres(Box::new(pool)))
            }
        }
    }

    /// Other nodes may work on the same databases.
    pub fn is_shared(&self) -> bool {
        matches!(self, Backend::Postgres(_))
    }

    /// The right to use a connection, where they are few.
    pub async fn place(&self) -> Result<Place> {
        match self {
            Backend::Sqlite(_) => Ok(Place { _permit: None }),
            Backend::Postgres(pool) => pool.place().await.map(|permit| Place { _permit: Some(permit) }),
        }
    }

    /// The same, if nobody has to wait for it.
    pub fn try_place(&self) -> Option<Place> {
        match self {
            Backend::Sqlite(_) => Some(Place { _permit: None }),
            Backend::Postgres(pool) => pool.try_place().map(|permit| Place { _permit: Some(permit) }),
        }
    }

    pub(super) fn begin_read(&self, db: &Database) -> Result<Conn> {
        self.begun(db, Conn::begin_read)
    }

    pub(super) fn begin_write(&self, db: &Database) -> Result<Conn> {
        self.begun(db, |conn| conn.begin_write(db.account))
    }

    fn begun(&self, db: &Database, begin: impl Fn(&Conn) -> Result<()>) -> Result<Conn> {
        match self {
            Backend::Sqlite(files) => {
                let conn = Conn::Sqlite(files.take(db.account, &db.home.join(db.schema.file_name), db.schema)?);
                begin(&conn)?;
                Ok(conn)
            }
            Backend::Postgres(pool) => pool.begun(begin),
        }
    }

    pub(super) fn put_back(&self, account: AccountId, conn: Conn) {
        match (self, conn) {
            (Backend::Sqlite(files), Conn::Sqlite(conn)) => files.put_back(account, conn),
            (Backend::Postgres(pool), conn) => pool.put_back(conn),
            (Backend::Sqlite(_), Conn::Postgres(_)) => {}
        }
    }

    /// The account's clock reached `clock` by a commit of this node: the others may learn it sooner than by asking.
    pub(super) fn tell(&self, account: AccountId, clock: ModSeq) {
        if let Backend::Postgres(pool) = self {
            pool.hints.tell((account, clock));
        }
    }

    /// Begins to learn what other nodes commit to the accounts in use, until the store is closed.
    pub fn watch(self: &Arc<Self>, registry: &Arc<Registry>) {
        if self.is_shared() {
            tokio::spawn(postgres::watch(Arc::downgrade(self), Arc::downgrade(registry)));
        }
    }

    /// Closes what is idle for one database, so that its files can be removed.
    pub fn forget(&self, account: AccountId) {
        if let Backend::Sqlite(files) = self {
            files.forget(account);
        }
    }
}
