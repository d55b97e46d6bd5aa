//! One database: a file with a pool of connections, one writer at a time, and commits in groups.
//!
//! [`Database::read`] runs a closure over a snapshot; [`Database::write`] queues it for the writer, which runs all
//! waiting closures in one transaction (each under its own savepoint) and pays one fsync for all of them. A write is
//! answered only after that fsync.

mod migrate;
mod pool;
mod tx;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sterna_core::{AccountId, Clock, ModSeq};
use tokio::sync::{Semaphore, watch};

pub(crate) use migrate::Schema;
pub(crate) use pool::Pool;
pub use tx::Tx;
pub(crate) use tx::{Row, Val, vals};

use crate::error::{Error, Result};
use writer::Queue;

/// Writes that may wait for one database; more wait for a place.
const MAX_WAITING_WRITES: usize = 1024;

/// One account's database, or the directory's.
pub(crate) struct Database {
    pub account: AccountId,
    /// The directory that holds the database file and its blobs.
    pub home: PathBuf,
    file: PathBuf,
    schema: &'static Schema,
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    places: Semaphore,
    /// The newest committed modseq that this process knows of.
    changes: watch::Sender<ModSeq>,
}

impl Database {
    pub fn new(
        account: AccountId,
        home: &Path,
        schema: &'static Schema,
        pool: Arc<Pool>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Database> {
        Arc::new(Database {
            account,
            home: home.to_owned(),
            file: home.join(schema.file_name),
            schema,
            pool,
            clock,
            queue: Mutex::default(),
            places: Semaphore::new(MAX_WAITING_WRITES),
            changes: watch::Sender::new(ModSeq(0)),
        })
    }

    /// Tells of each commit: the modseq that it reached.
    pub fn changes(&self) -> watch::Receiver<ModSeq> {
        self.changes.subscribe()
    }

    /// Runs `f` over a consistent snapshot. Never waits for a writer.
    pub async fn read<T, F>(self: &Arc<Self>, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let db = self.clone();
        blocking(move || db.read_blocking(f)).await
    }

    fn read_blocking<T>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let conn = self.pool.take(self.account, &self.file, self.schema)?;
        conn.execute_batch("BEGIN DEFERRED")?;
        let result = f(&Tx::new(&conn, self.account, &self.home, self.clock.unix()));
        // A read has nothing to commit; a failure to end it means that the connection is not worth keeping.
        if conn.execute_batch("ROLLBACK").is_ok() {
            self.pool.put_back(self.account, conn);
        }
        result
    }

    /// Queues `f` for the writer and waits until it is durable. If `f` fails, nothing of it is kept.
    pub async fn write<T, F>(self: &Arc<Self>, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let shutting_down = || Error::Internal("the store is shutting down".into());
        let _place = self.places.acquire().await.map_err(|_| shutting_down())?;
        let (job, answer) = writer::job(f);
        let start = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.push_back(job);
            !std::mem::replace(&mut queue.running, true)
        };
        if start {
            let db = self.clone();
            tokio::task::spawn_blocking(move || db.run_writer());
        }
        answer.await.map_err(|_| shutting_down())?
    }
}

/// Runs `f` where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.map_err(|e| Error::Internal(e.to_string()))?
}
