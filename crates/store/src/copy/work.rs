//! The copy of one account at work: its rows, the comparison of both sides, the check of the target.

use super::compare::{self, TableComparison};
use super::rows::Raw;
use super::table::{BLOBS, CHUNKS, STATE, TABLES, Table};
use super::{AccountCopy, CopyProgress, bodies, cell};
use crate::account::Account;
use crate::check::StructureCheck;
use crate::db::vals;
use crate::directory::AccountRecord;
use crate::error::{Error, Result};

/// How often an account is begun anew because it changed, or an earlier copy of it was of another state.
const ATTEMPTS: usize = 3;

/// The copy of one account at work.
pub(super) struct Work<'a> {
    from: &'a Account,
    to: &'a Account,
    told: &'a mut (dyn FnMut(CopyProgress) + Send),
    progress: CopyProgress,
    rows_copied: u64,
    /// The source's state that is copied.
    state: Raw,
}

impl<'a> Work<'a> {
    pub async fn new(
        from: &'a Account,
        to: &'a Account,
        told: &'a mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<Work<'a>> {
        let (messages_total, _) = totals(from).await?;
        let progress = CopyProgress { messages_total, ..CopyProgress::default() };
        Ok(Work { from, to, told, progress, rows_copied: 0, state: state(from).await? })
    }

    fn tell(&mut self, step: &'static str, table: &'static str) {
        self.progress = CopyProgress { step, table, ..self.progress };
        (self.told)(self.progress);
    }

    /// Copies until the source did not change meanwhile and both sides are equal, or it makes no sense to go on.
    pub async fn copy_and_compare(&mut self, record: &AccountRecord) -> Result<Vec<TableComparison>> {
        for _ in 0..ATTEMPTS {
            self.state = state(self.from).await?;
            let fresh = state(self.to).await? != self.state;
            if fresh {
                self.begin(self.state.clone()).await?;
            }
            let copied = self.copy_rows().await;
            // First: rows that came in meanwhile may name others that did not come along, which an engine refuses.
            if state(self.from).await? != self.state {
                continue;
            }
            copied?;
            let tables = self.compare().await?;
            if fresh || tables.iter().all(TableComparison::is_equal) {
                return Ok(tables);
            }
            // What an earlier run copied has changed since without a trace in the state.
            self.to.write(|tx| tx.set_no_state(tx.account())).await?;
        }
        Err(changes(record))
    }

    /// Fails if the source has changed since it was copied.
    pub async fn still_the_same(&self, record: &AccountRecord) -> Result<()> {
        if state(self.from).await? == self.state { Ok(()) } else { Err(changes(record)) }
    }

    /// Clears away what an earlier copy left, and names the state that is copied now.
    async fn begin(&self, state: Raw) -> Result<()> {
        // First, so that what is left if this is broken off is not taken for a part of the copy.
        self.to.write(|tx| tx.set_no_state(tx.account())).await?;
        while self.to.write(|tx| tx.remove_some()).await? {}
        self.to.write(move |tx| tx.set_state(&state)).await
    }

    async fn copy_rows(&mut self) -> Result<()> {
        self.progress = CopyProgress { messages_done: 0, bytes_done: 0, ..self.progress };
        self.progress.bytes_total = self.bytes_left().await?;
        for table in TABLES {
            let mut behind = self.to.read(|tx| tx.raw_last_key(table)).await?;
            loop {
                self.tell("copying", table.name);
                let from = behind.take();
                let page = self.from.read(move |tx| tx.raw_page(tx.account(), table, from.as_deref())).await?;
                let Some(last) = page.last() else { break };
                behind = Some(compare::key_of(table, last));
                let rows = page.len() as u64;
                self.copy_page(table, page).await?;
                self.rows_copied += rows;
                if table.name == "message" {
                    self.progress.messages_done += rows;
                }
            }
        }
        Ok(())
    }

    async fn copy_page(&mut self, table: &'static Table, page: Vec<Raw>) -> Result<()> {
        if table.name == BLOBS.name {
            for part in bodies::parts(page) {
                self.progress.bytes_done += bodies::copy_part(self.from, self.to, part).await?;
                self.tell("copying", table.name);
            }
            return Ok(());
        }
        if table.name == CHUNKS.name {
            self.progress.bytes_done += page.iter().flatten().map(cell::Cell::size).sum::<u64>();
        }
        self.to.write(move |tx| tx.raw_insert(tx.account(), table, &page)).await
    }

    /// Stored bytes of bodies that the target does not have yet.
    async fn bytes_left(&self) -> Result<u64> {
        let (chunk, blob) = self.to.read(|tx| Ok((tx.raw_last_key(&CHUNKS)?, tx.raw_last_key(&BLOBS)?))).await?;
        let number = |key: Option<Raw>| match key.as_ref().and_then(|key| key.first()) {
            Some(cell::Cell::Int(id)) => *id,
            _ => 0,
        };
        let (chunk, blob) = (number(chunk) >> 20, number(blob));
        self.from
            .read(move |tx| {
                let sql = "SELECT CAST(COALESCE(SUM(stored), 0) AS BIGINT) FROM blob WHERE account_id = ?1 AND \
                           ((object IS NULL AND id > ?2) OR (object IS NOT NULL AND id > ?3))";
                Ok(tx.one(sql, vals![tx.account(), chunk, blob], |r| r.u64(0))?.unwrap_or_default())
            })
            .await
    }

    /// Compares both sides as they are.
    pub async fn compare(&mut self) -> Result<Vec<TableComparison>> {
        let (told, mut progress) = (&mut *self.told, self.progress);
        progress = CopyProgress { step: "comparing", messages_done: 0, bytes_done: 0, bytes_total: 0, ..progress };
        compare::compare(self.from, self.to, move |table, rows| {
            progress.table = table;
            if table == "message" {
                progress.messages_done = rows;
            }
            told(progress);
        })
        .await
    }

    /// Runs the checker over the target. It reads every body and hashes it.
    pub async fn check(&mut self, structure: StructureCheck, tables: Vec<TableComparison>) -> Result<AccountCopy> {
        self.progress = CopyProgress { bytes_done: 0, bytes_total: 0, ..self.progress };
        self.tell("checking", "");
        let report = self.to.check(structure).await?;
        let (messages, bytes) = totals(self.to).await?;
        Ok(AccountCopy { messages, bytes, rows_copied: self.rows_copied, tables, findings: report.findings })
    }
}

fn changes(record: &AccountRecord) -> Error {
    Error::NotPermitted(format!("{} changes while it is copied; stop the server of the source first", record.address))
}

/// Messages of an account, and their bytes.
async fn totals(account: &Account) -> Result<(u64, u64)> {
    let sql = "SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) \
               FROM mailbox WHERE account_id = ?1";
    let totals = account.read(move |tx| tx.one(sql, vals![tx.account()], |r| Ok((r.u64(0)?, r.u64(1)?)))).await?;
    Ok(totals.unwrap_or_default())
}

/// The account's row of its state.
async fn state(account: &Account) -> Result<Raw> {
    let rows = account.read(|tx| tx.raw_page(tx.account(), &STATE, None)).await?;
    rows.into_iter().next().ok_or_else(|| Error::Corrupt("the account has no state row".into()))
}
