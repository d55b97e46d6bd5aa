//! Open connections, kept for the databases that were used last.
//!
//! A node serves many more accounts than it can keep files open for: connections belong to the whole process, the
//! least recently used one is closed when there are too many. SQLite then folds the write-ahead log back by itself.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sterna_core::AccountId;

use super::migrate::{self, Schema};
use crate::error::{Error, Result};

/// How long a statement waits for a lock that another connection of this process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Idle connections, oldest first.
pub(crate) struct Pool {
    idle: Mutex<VecDeque<(AccountId, Connection)>>,
    max_idle: usize,
}

impl Pool {
    pub fn new(max_idle: usize) -> Pool {
        Pool { idle: Mutex::default(), max_idle }
    }

    /// An idle connection to `file`, or a new one. Opening brings the schema up to date.
    pub(super) fn take(&self, account: AccountId, file: &Path, schema: &Schema) -> Result<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = idle.iter().rposition(|(a, _)| *a == account)
            && let Some((_, conn)) = idle.remove(i)
        {
            return Ok(conn);
        }
        drop(idle);
        open(file, schema)
    }

    pub(super) fn put_back(&self, account: AccountId, conn: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push_back((account, conn));
        let oldest = if idle.len() > self.max_idle { idle.pop_front() } else { None };
        drop(idle);
        // Closing may checkpoint: not under the lock.
        drop(oldest);
    }

    /// Closes what is idle for one database, so that its files can be removed.
    pub fn forget(&self, account: AccountId) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(a, _)| *a != account);
    }
}

fn open(file: &Path, schema: &Schema) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(file, flags)
        .map_err(|e| Error::Database(format!("cannot open {}: {e}", file.display())))?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(128);
    // FULL: a commit is on the disk before it is acknowledged. The page size counts only for a new file.
    conn.execute_batch(
        "PRAGMA page_size = 8192;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -2048;
         PRAGMA wal_autocheckpoint = 4096;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA temp_store = MEMORY;",
    )?;
    migrate::up(&mut conn, file, schema)?;
    Ok(conn)
}
