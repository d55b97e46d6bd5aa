//! The transaction type that all store code is written against.
//!
//! A [`Tx`] speaks an SQL subset that SQLite and PostgreSQL both take (numbered parameters, `ON CONFLICT`,
//! `RETURNING`, `CASE`; no engine functions). Domain code adds methods to it in the other rooms of this crate; nothing
//! outside the crate sees SQL.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use sterna_core::{AccountId, ModSeq};

use super::conn::Conn;
use super::row::Row;
use super::val::{Val, vals};
use crate::blob::{Ahead, Objects};
use crate::error::{Error, Result};

/// A running transaction of one account (or of the directory, whose account number is 0).
///
/// In a write transaction the first change takes the next number of the account's clock ([`Tx::modseq`]); every
/// row that the transaction touches carries it.
pub struct Tx<'c> {
    conn: &'c Conn,
    pub(crate) account: AccountId,
    /// The account's large bodies.
    pub(crate) objects: &'c Objects,
    /// Bodies that the page of messages at hand will probably ask for.
    pub(crate) ahead: RefCell<Ahead>,
    pub(crate) now: i64,
    modseq: Cell<Option<ModSeq>>,
    /// Numbers that were taken and not given yet: the next one, and how many.
    reserve: Cell<(u64, usize)>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: &'c Conn, account: AccountId, objects: &'c Objects, now: i64) -> Self {
        Tx { conn, account, objects, ahead: RefCell::default(), now, modseq: Cell::new(None), reserve: Cell::default() }
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
        match self.reserve.get() {
            (_, 0) => self.next_ids(1),
            (next, left) => {
                self.reserve.set((next + 1, left - 1));
                Ok(next)
            }
        }
    }

    /// Everything that a message of `bytes` takes from the account's row, by one statement: the transaction's number,
    /// `ids` numbers for [`Tx::next_id`], its bytes. Gives the bytes used before, and their limit.
    pub(crate) fn take_for_message(&self, ids: usize, bytes: u64) -> Result<(u64, Option<u64>)> {
        let step = u64::from(self.modseq.get().is_none());
        let taken = self.one(
            "UPDATE account_state SET modseq = modseq + ?2, next_id = next_id + ?3, used_bytes = used_bytes + ?4 \
             WHERE account_id = ?1 RETURNING modseq, next_id - ?3, used_bytes - ?4, quota_bytes",
            vals![self.account, step, ids, bytes],
            |r| Ok((r.u64(0)?, r.u64(1)?, r.u64(2)?, r.opt_int(3)?.map(|quota| quota as u64))),
        )?;
        let (modseq, first, used, quota) =
            taken.ok_or_else(|| Error::Corrupt("the account has no state row".into()))?;
        self.modseq.set(Some(ModSeq(modseq)));
        self.reserve.set((first, ids));
        Ok((used, quota))
    }

    /// Takes `n` numbers; the first of them.
    pub(crate) fn next_ids(&self, n: usize) -> Result<u64> {
        self.one(
            "UPDATE account_state SET next_id = next_id + ?2 WHERE account_id = ?1 RETURNING next_id - ?2",
            vals![self.account, n],
            |row| row.u64(0),
        )?
        .ok_or_else(|| Error::Corrupt("the account has no state row".into()))
    }

    /// Other nodes may work on this database at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.conn, Conn::Postgres(_))
    }

    /// Ends a SELECT that locks its rows, and waits for whoever has them locked.
    pub(crate) fn for_update(&self) -> &'static str {
        if self.is_shared() { " FOR UPDATE" } else { "" }
    }

    /// Ends a SELECT that takes work: what another node is taking at this moment is passed over.
    pub(crate) fn skip_locked(&self) -> &'static str {
        if self.is_shared() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// Milliseconds since 1970 by the one clock that all nodes share: the database's. A node's own may be wrong.
    pub(crate) fn db_millis(&self) -> Result<i64> {
        if !self.is_shared() {
            return Ok(self.now * 1000);
        }
        let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        self.one(sql, &[], |row| row.int(0))?.ok_or_else(|| Error::Internal("the database tells no time".into()))
    }

    /// The same in seconds.
    pub(crate) fn db_seconds(&self) -> Result<i64> {
        Ok(self.db_millis()? / 1000)
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Val<'_>]) -> Result<usize> {
        self.conn.execute(sql, params)
    }

    /// Runs one statement for many rows: a prepared statement in a loop, or arrays on an engine across a network.
    pub(crate) fn execute_many<const N: usize>(&self, sql: &str, rows: &[[Val<'_>; N]]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.conn.execute_many(sql, rows)
    }

    /// Asks a question that ends in the name of a column about each of `values`. Only on an engine across a network.
    pub(crate) fn each_given(
        &self,
        question: &str,
        fixed: &[Val<'_>],
        values: &[Val<'_>],
        f: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.conn.each_given(question, fixed, values, f)
    }

    /// Calls `f` for each row until it breaks. An engine across a network reads the result whole before the first call:
    /// what may be long is asked for in pages.
    pub(crate) fn each_until(
        &self,
        sql: &str,
        params: &[Val<'_>],
        f: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        self.conn.each_until(sql, params, f)
    }

    /// The same; where the result is read whole, each row is shown to `peek` before the first is given to `f`.
    pub(crate) fn each_peeked(
        &self,
        sql: &str,
        params: &[Val<'_>],
        mut peek: impl FnMut(&[Row<'_>]) -> Result<()>,
        mut f: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let Some(rows) = self.conn.whole(sql, params)? else { return self.conn.each_until(sql, params, f) };
        let rows: Vec<Row<'_>> = rows.iter().map(Row::Postgres).collect();
        peek(&rows)?;
        for row in &rows {
            if f(row)?.is_break() {
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
        let (mut f, mut found) = (Some(f), None);
        let _ = self.each_until(sql, params, |row| {
            found = f.take().map(|f| f(row)).transpose()?;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }
}
