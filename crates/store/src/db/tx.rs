//! The transaction type that all store code is written against.
//!
//! A [`Tx`] speaks an SQL subset that SQLite and PostgreSQL both take (numbered parameters, `ON CONFLICT`, no
//! engine functions). Domain code adds methods to it in the other rooms of this crate; nothing outside the crate
//! sees SQL.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use rusqlite::types::{ToSqlOutput, ValueRef};
use sterna_core::{AccountId, ModSeq};

use crate::error::{Error, Result};

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
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

macro_rules! int_val {
    ($($t:ty),*) => { $(impl From<$t> for Val<'_> {
        fn from(v: $t) -> Self { Val::Int(v as i64) }
    })* };
}
int_val!(i64, u64, u32, i32, i16, u16, u8, usize, bool);

macro_rules! id_val {
    ($($t:ty),*) => { $(impl From<$t> for Val<'_> {
        fn from(v: $t) -> Self { Val::Int(v.0 as i64) }
    })* };
}
id_val!(AccountId, ModSeq, sterna_core::MailboxId, sterna_core::EmailId, sterna_core::ThreadId, sterna_core::BlobId);

impl From<sterna_core::Uid> for Val<'_> {
    fn from(v: sterna_core::Uid) -> Self {
        Val::Int(i64::from(v.get()))
    }
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(v: &'a str) -> Self {
        Val::Text(v)
    }
}

impl<'a> From<&'a String> for Val<'a> {
    fn from(v: &'a String) -> Self {
        Val::Text(v)
    }
}

impl<'a> From<&'a [u8]> for Val<'a> {
    fn from(v: &'a [u8]) -> Self {
        Val::Blob(v)
    }
}

impl<'a> From<&'a Vec<u8>> for Val<'a> {
    fn from(v: &'a Vec<u8>) -> Self {
        Val::Blob(v)
    }
}

impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(v: Option<T>) -> Self {
        v.map_or(Val::Null, Into::into)
    }
}

/// Builds a parameter list from values of different types.
macro_rules! vals {
    ($($v:expr),* $(,)?) => { &[$($crate::db::Val::from($v)),*] };
}
pub(crate) use vals;

/// One row of a result; columns are numbered from 0. Text and bytes are borrowed from the engine.
pub(crate) struct Row<'r>(&'r rusqlite::Row<'r>);

impl<'r> Row<'r> {
    pub fn int(&self, column: usize) -> Result<i64> {
        Ok(self.0.get(column)?)
    }

    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        Ok(self.0.get(column)?)
    }

    pub fn u64(&self, column: usize) -> Result<u64> {
        Ok(self.int(column)? as u64)
    }

    pub fn u32(&self, column: usize) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|_| Error::Corrupt(format!("column {column} is out of range")))
    }

    pub fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub fn blob(&self, column: usize) -> Result<&'r [u8]> {
        self.0.get_ref(column)?.as_blob().map_err(|e| Error::Corrupt(e.to_string()))
    }

    pub fn opt_blob(&self, column: usize) -> Result<Option<&'r [u8]>> {
        self.0.get_ref(column)?.as_blob_or_null().map_err(|e| Error::Corrupt(e.to_string()))
    }

    pub fn text(&self, column: usize) -> Result<&'r str> {
        self.0.get_ref(column)?.as_str().map_err(|e| Error::Corrupt(e.to_string()))
    }

    pub fn opt_text(&self, column: usize) -> Result<Option<&'r str>> {
        self.0.get_ref(column)?.as_str_or_null().map_err(|e| Error::Corrupt(e.to_string()))
    }
}

/// A running transaction of one account (or of the directory, whose account number is 0).
///
/// In a write transaction the first change takes the next number of the account's clock ([`Tx::modseq`]); every
/// row that the transaction touches carries it.
pub struct Tx<'c> {
    conn: &'c rusqlite::Connection,
    pub(crate) account: AccountId,
    /// Where this database and its large blobs live.
    pub(crate) home: &'c std::path::Path,
    pub(crate) now: i64,
    modseq: Cell<Option<ModSeq>>,
    /// Directories with new names in them: fsynced before the commit.
    pub(crate) dirty_dirs: RefCell<BTreeSet<PathBuf>>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: &'c rusqlite::Connection, account: AccountId, home: &'c std::path::Path, now: i64) -> Self {
        Tx { conn, account, home, now, modseq: Cell::new(None), dirty_dirs: RefCell::default() }
    }

    /// The account whose data this transaction sees.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Seconds since 1970, fixed for the transaction.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The number that this transaction writes under: the account's clock plus one, taken once.
    pub fn modseq(&self) -> Result<ModSeq> {
        self.modseq_at_least(ModSeq(0))
    }

    /// The same, but not below `floor`: an import lifts the clock over every number that the source ever gave out,
    /// so that no client misses a later change (RFC 7162 §3.1.2: a lower HIGHESTMODSEQ hides changes).
    pub fn modseq_at_least(&self, floor: ModSeq) -> Result<ModSeq> {
        if let Some(taken) = self.modseq.get()
            && taken >= floor
        {
            return Ok(taken);
        }
        let modseq = self
            .one(
                "UPDATE account_state SET modseq = CASE WHEN modseq + 1 < ?2 THEN ?2 ELSE modseq + 1 END \
                 WHERE account_id = ?1 RETURNING modseq",
                vals![self.account, floor],
                |row| row.u64(0),
            )?
            .map(ModSeq)
            .ok_or_else(|| Error::Corrupt("the account has no state row".into()))?;
        self.modseq.set(Some(modseq));
        Ok(modseq)
    }

    /// Takes the next number for a row's identity; mailboxes, e-mails, threads, blobs and keyword sets share one sequence.
    pub(crate) fn next_id(&self) -> Result<u64> {
        self.one(
            "UPDATE account_state SET next_id = next_id + 1 WHERE account_id = ?1 RETURNING next_id - 1",
            vals![self.account],
            |row| row.u64(0),
        )?
        .ok_or_else(|| Error::Corrupt("the account has no state row".into()))
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Val<'_>]) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(rusqlite::params_from_iter(params))?)
    }

    /// Runs one statement for many rows: a prepared statement in a loop here, arrays on an engine across a network.
    pub(crate) fn execute_many<const N: usize>(&self, sql: &str, rows: &[[Val<'_>; N]]) -> Result<()> {
        let mut statement = self.conn.prepare_cached(sql)?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }

    /// Calls `f` for each row until it breaks.
    pub(crate) fn each_until(
        &self,
        sql: &str,
        params: &[Val<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            if f(&Row(row))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Calls `f` for each row.
    pub(crate) fn each(&self, sql: &str, params: &[Val<'_>], mut f: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
        self.each_until(sql, params, |row| f(row).map(ControlFlow::Continue)).map(|_| ())
    }

    pub(crate) fn query<T>(
        &self,
        sql: &str,
        params: &[Val<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, |row| {
            all.push(f(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: &[Val<'_>],
        f: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        rows.next()?.map(|row| f(&Row(row))).transpose()
    }
}
