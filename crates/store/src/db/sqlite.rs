//! The embedded engine: SQLite files, and open connections kept for those that were used last.
//!
//! A node serves many more accounts than it can keep files open for: connections belong to the whole process, the
//! least recently used one is closed when there are too many. Its write-ahead log is folded back then only if it has
//! grown: that waits for the disk several times, which mail for many mailboxes would pay with each message.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use sterna_core::AccountId;

use super::Schema;
use super::val::Val;
use crate::error::{Error, Result};

/// How long a statement waits for a lock that another connection of this process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Open connections kept for later use: three files and some hundred KiB each …
const MAX_IDLE: usize = 1024;

/// … of which so many, the last used, keep the pages that they have read.
const MAX_WARM: usize = 64;

/// A write-ahead log of so many bytes is folded back when its database is closed; a shorter one is read again at the
/// next opening, in less time.
const LONG_LOG: u64 = 1 << 20;

/// Idle connections, oldest first.
#[derive(Default)]
pub(crate) struct Files {
    idle: Mutex<VecDeque<(AccountId, Connection)>>,
}

impl Files {
    /// An idle connection to `file`, or a new one. Opening brings the schema up to date.
    pub fn take(&self, account: AccountId, file: &Path, schema: &Schema) -> Result<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = idle.iter().rposition(|(a, _)| *a == account)
            && let Some((_, conn)) = idle.remove(i)
        {
            return Ok(conn);
        }
        drop(idle);
        open(file, schema)
    }

    pub fn put_back(&self, account: AccountId, conn: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push_back((account, conn));
        let oldest = if idle.len() > MAX_IDLE { idle.pop_front() } else { None };
        if let Some((_, cooling)) = idle.len().checked_sub(MAX_WARM + 1).and_then(|at| idle.get(at)) {
            // Gives pages back, touches no file. A failure would only leave them where they are.
            let _ = cooling.release_memory();
        }
        drop(idle);
        // Closing may checkpoint: not under the lock.
        if let Some((_, conn)) = oldest {
            close(&conn);
        }
    }

    /// Closes what is idle for one database, so that its files can be removed.
    pub fn forget(&self, account: AccountId) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(a, _)| *a != account);
    }
}

/// Prepares the end of a connection, which its drop is.
fn close(conn: &Connection) {
    let log = conn.path().and_then(|path| std::fs::metadata(format!("{path}-wal")).ok());
    if log.is_none_or(|log| log.len() < LONG_LOG) {
        // If it cannot be set, the log is folded back, as is SQLite's habit.
        let _ = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
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
    migrate(&mut conn, file, schema)?;
    Ok(conn)
}

/// Runs the missing steps of the schema in one transaction with the number that they lead to.
fn migrate(conn: &mut Connection, file: &Path, schema: &Schema) -> Result<()> {
    let known = schema.steps.len() as i64;
    if version(conn)? == known {
        return Ok(());
    }
    // Another connection may be migrating: look again under the write lock.
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    if found > known {
        return Err(Error::NewerSchema { path: file.display().to_string(), found, known });
    }
    for step in schema.steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    Ok(tx.commit()?)
}

fn version(conn: &Connection) -> Result<i64> {
    Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

pub(super) fn execute_many<const N: usize>(conn: &Connection, sql: &str, rows: &[[Val<'_>; N]]) -> Result<()> {
    let mut statement = conn.prepare_cached(sql)?;
    for row in rows {
        statement.execute(rusqlite::params_from_iter(row))?;
    }
    Ok(())
}

impl rusqlite::ToSql for Val<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Val::Null => ValueRef::Null,
            Val::Int(i) => ValueRef::Integer(*i),
            Val::Text(t) => ValueRef::Text(t.as_bytes()),
            Val::Blob(b) => ValueRef::Blob(b),
        }))
    }
}
