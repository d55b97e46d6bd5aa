//! One database: an account's, or the directory's. One writer at a time, and commits in groups.
//!
//! [`Database::read`] runs a closure over a snapshot; [`Database::write`] queues it for the writer, which runs all
//! waiting closures in one transaction (each under its own savepoint) and pays one fsync for all of them. A write is
//! answered only after that fsync. Which engine holds the rows is known to [`Backend`] and below, nowhere else.

mod backend;
mod conn;
mod postgres;
mod registry;
mod row;
mod sqlite;
mod tx;
mod val;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sterna_core::{AccountId, Clock, ModSeq};
use tokio::sync::{Semaphore, watch};

pub(crate) use backend::Backend;
pub(crate) use registry::Registry;
pub(crate) use row::Row;
pub use tx::Tx;
pub(crate) use val::{Val, vals};

use crate::blob::Objects;
use crate::error::{Error, Result};
use writer::Queue;

/// Writes that may wait for one database; more wait for a place.
const MAX_WAITING_WRITES: usize = 1024;

/// Cached data is used for so long after the database was last asked whether another node changed it.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The steps that make one kind of database. Step 1 is the first release; a released step is never edited.
pub(crate) struct Schema {
    /// The file inside the database's home.
    pub file_name: &'static str,
    /// SQL of step 1, 2, …
    pub steps: &'static [&'static str],
}

/// One account's database, or the directory's.
pub(crate) struct Database {
    pub account: AccountId,
    /// The directory that holds the database file and, where they are files, its large bodies.
    pub home: PathBuf,
    /// Its large bodies.
    pub objects: Objects,
    schema: &'static Schema,
    backend: Arc<Backend>,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    places: Semaphore,
    /// The newest committed modseq that this process knows of.
    changes: watch::Sender<ModSeq>,
    /// When the database was last asked for it.
    verified: Mutex<Option<Instant>>,
}

impl Database {
    pub fn new(
        account: AccountId,
        home: &Path,
        objects: Objects,
        schema: &'static Schema,
        backend: Arc<Backend>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Database> {
        Arc::new(Database {
            account,
            home: home.to_owned(),
            objects,
            schema,
            backend,
            clock,
            queue: Mutex::default(),
            places: Semaphore::new(MAX_WAITING_WRITES),
            changes: watch::Sender::new(ModSeq(0)),
            verified: Mutex::default(),
        })
    }

    /// Tells of each commit: the modseq that it reached.
    pub fn changes(&self) -> watch::Receiver<ModSeq> {
        self.changes.subscribe()
    }

    /// The account's clock, if what this process knows of it is true or was so a moment ago.
    pub fn known_clock(&self) -> Option<ModSeq> {
        let asked = *self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = !self.backend.is_shared() || asked.is_some_and(|at| at.elapsed() < TRUSTED_FOR);
        Some(*self.changes.borrow()).filter(|clock| trusted && *clock > ModSeq(0))
    }

    /// The database said that its clock stands here, `asked` being when the question was put.
    pub fn verified(&self, clock: ModSeq, asked: Instant) {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        self.advance(clock);
    }

    /// A commit reached `clock`, here or on another node.
    pub fn advance(&self, clock: ModSeq) {
        self.changes.send_if_modified(|last| {
            let news = clock > *last;
            *last = clock.max(*last);
            news
        });
    }

    /// Runs `f` over a consistent snapshot. Never waits for a writer.
    pub async fn read<T, F>(self: &Arc<Self>, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let db = self.clone();
        let place = self.backend.place().await?;
        blocking(move || {
            let _place = place;
            db.read_blocking(f)
        })
        .await
    }

    fn read_blocking<T>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let conn = self.backend.begin_read(self)?;
        let result = f(&Tx::new(&conn, self.account, &self.objects, self.clock.unix()));
        if conn.end_read() {
            self.backend.put_back(self.account, conn);
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
            self.start_writer();
        }
        answer.await.map_err(|_| shutting_down())?
    }
}

/// Runs `f` where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.map_err(|e| Error::Internal(e.to_string()))?
}
