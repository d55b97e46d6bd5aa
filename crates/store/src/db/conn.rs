//! One open connection of either engine, with what a transaction needs of it.
//!
//! The engines differ in these few calls and nowhere else: how a transaction begins and ends, and how statements are
//! handed over.

use std::ops::ControlFlow;

use sterna_core::{AccountId, ModSeq};

use super::row::Row;
use super::val::Val;
use super::{postgres, sqlite};
use crate::error::{Error, Result};

pub(crate) enum Conn {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Conn>),
}

impl Conn {
    /// Begins a consistent snapshot.
    pub fn begin_read(&self) -> Result<()> {
        match self {
            Conn::Sqlite(conn) => Ok(conn.execute_batch("BEGIN DEFERRED")?),
            Conn::Postgres(conn) => conn.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    /// Ends it. `false`: the connection is not worth keeping.
    pub fn end_read(&self) -> bool {
        match self {
            Conn::Sqlite(conn) => conn.execute_batch("ROLLBACK").is_ok(),
            Conn::Postgres(conn) => conn.end_read(),
        }
    }

    /// Begins a transaction that no other writer of the account, on whatever node, runs beside.
    pub fn begin_write(&self, account: AccountId) -> Result<()> {
        match self {
            Conn::Sqlite(conn) => Ok(conn.execute_batch("BEGIN IMMEDIATE")?),
            // The row of the account's clock is its write lock. READ COMMITTED: what is read behind the lock is the newest.
            Conn::Postgres(conn) => conn.begin(&format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; \
                 SELECT 1 FROM account_state WHERE account_id = {account} FOR UPDATE"
            )),
        }
    }

    /// Makes the transaction durable; the account's clock as it then stands.
    pub fn commit(&self, account: AccountId) -> Result<ModSeq> {
        match self {
            Conn::Sqlite(conn) => {
                let clock = conn
                    .prepare_cached("SELECT modseq FROM account_state WHERE account_id = ?1")?
                    .query_row([account.0 as i64], |row| row.get(0))
                    .or_else(|e| if e == rusqlite::Error::QueryReturnedNoRows { Ok(0i64) } else { Err(e) })?;
                conn.execute_batch("COMMIT")?;
                Ok(ModSeq(clock as u64))
            }
            Conn::Postgres(conn) => conn.commit(account),
        }
    }

    /// Opens a savepoint for one job.
    pub fn savepoint(&self) -> Result<()> {
        match self {
            Conn::Sqlite(conn) => Ok(conn.execute_batch("SAVEPOINT job")?),
            Conn::Postgres(conn) => {
                conn.later("SAVEPOINT job");
                Ok(())
            }
        }
    }

    /// Keeps what was done since the savepoint.
    pub fn release(&self) -> Result<()> {
        match self {
            Conn::Sqlite(conn) => Ok(conn.execute_batch("RELEASE job")?),
            Conn::Postgres(conn) => conn.release(),
        }
    }

    /// Undoes what was done since the savepoint.
    pub fn undo(&self) -> Result<()> {
        match self {
            Conn::Sqlite(conn) => Ok(conn.execute_batch("ROLLBACK TO job; RELEASE job")?),
            Conn::Postgres(conn) => conn.undo(),
        }
    }

    /// Whether the transaction goes on: an engine may give it up whole (full disk, lost connection).
    pub fn in_transaction(&self) -> bool {
        match self {
            Conn::Sqlite(conn) => !conn.is_autocommit(),
            Conn::Postgres(conn) => !conn.is_broken(),
        }
    }

    /// Whether another transaction can be begun on it.
    pub fn is_usable(&self) -> bool {
        match self {
            Conn::Sqlite(conn) => conn.is_autocommit(),
            Conn::Postgres(conn) => !conn.is_broken(),
        }
    }

    pub fn execute(&self, sql: &str, params: &[Val<'_>]) -> Result<usize> {
        match self {
            Conn::Sqlite(conn) => Ok(conn.prepare_cached(sql)?.execute(rusqlite::params_from_iter(params))?),
            Conn::Postgres(conn) => conn.execute(sql, params),
        }
    }

    pub fn execute_many<const N: usize>(&self, sql: &str, rows: &[[Val<'_>; N]]) -> Result<()> {
        match self {
            Conn::Sqlite(conn) => sqlite::execute_many(conn, sql, rows),
            Conn::Postgres(conn) => conn.execute_many(sql, rows),
        }
    }

    /// Only PostgreSQL looks up an array of values by an index whatever it believes about the table.
    pub fn each_given(
        &self,
        question: &str,
        fixed: &[Val<'_>],
        values: &[Val<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Conn::Sqlite(_) => Err(Error::Internal("this engine takes lists, not arrays".into())),
            Conn::Postgres(conn) => {
                conn.query_given(question, fixed, values)?.iter().try_for_each(|row| f(&Row::Postgres(row)))
            }
        }
    }

    /// All rows at once, from the engine that gives them so.
    pub fn whole(&self, sql: &str, params: &[Val<'_>]) -> Result<Option<Vec<tokio_postgres::Row>>> {
        match self {
            Conn::Sqlite(_) => Ok(None),
            Conn::Postgres(conn) => conn.query(sql, params).map(Some),
        }
    }

    pub fn each_until(
        &self,
        sql: &str,
        params: &[Val<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        match self {
            Conn::Sqlite(conn) => {
                let mut statement = conn.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(params))?;
                while let Some(row) = rows.next()? {
                    if f(&Row::Sqlite(row))?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Conn::Postgres(conn) => {
                for row in conn.query(sql, params)? {
                    if f(&Row::Postgres(&row))?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
