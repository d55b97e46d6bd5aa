//! Rows as they lie in a table: read in pages, inserted, removed. Any transaction can, of either engine.

use sterna_core::{AccountId, BlobId};

use super::cell::Cell;
use super::table::{BLOBS, STATE, TABLES, Table};
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};

/// The columns of a row, without the account.
pub(super) type Raw = Vec<Cell>;

/// Rows removed in one transaction.
const REMOVED_AT_ONCE: usize = 5000;

impl Tx<'_> {
    /// The next page, in the order of the key.
    pub(super) fn raw_page(&self, account: AccountId, table: &Table, behind: Option<&[Cell]>) -> Result<Vec<Raw>> {
        let params: Vec<Val<'_>> = with_account(account, behind.unwrap_or_default());
        self.query(&table.select(behind.is_some()), &params, |row| {
            let cells = table.columns.iter().enumerate().map(|(n, (_, kind))| Cell::read(row, n, *kind));
            cells.collect::<Result<Raw>>()
        })
    }

    /// The greatest key in the table.
    pub(super) fn raw_last_key(&self, table: &Table) -> Result<Option<Raw>> {
        self.one(&table.select_last_key(), vals![self.account], |row| key(table, row))
    }

    pub(super) fn raw_insert(&self, account: AccountId, table: &Table, rows: &[Raw]) -> Result<()> {
        // The width is a number of the program's text for the engines' sake; a test inserts into every table.
        macro_rules! by_width {
            ($($width:literal)*) => {
                match table.columns.len() + 1 {
                    $($width => self.execute_many(&table.insert(), &parameters::<$width>(account, rows)),)*
                    width => Err(Error::Internal(format!("table {} has {width} columns", table.name))),
                }
            };
        }
        by_width!(2 3 4 5 6 9 10 11 19).map_err(|e| match e {
            Error::Invalid(why) => Error::Invalid(format!("{} of account {account}: {why}", table.name)),
            e => e,
        })
    }

    /// Makes the account's state what it is at the source: from now on the copy is of that state.
    pub(super) fn set_state(&self, state: &Raw) -> Result<()> {
        self.execute("DELETE FROM account_state WHERE account_id = ?1", vals![self.account])?;
        self.raw_insert(self.account, &STATE, std::slice::from_ref(state))
    }

    /// Makes the account's state one that no account ever has.
    pub(super) fn set_no_state(&self, account: AccountId) -> Result<()> {
        self.execute(
            "INSERT INTO account_state (account_id, modseq, next_id, last_validity, used_bytes) VALUES (?1, 0, 0, 0, 0) \
             ON CONFLICT (account_id) DO UPDATE SET next_id = 0",
            vals![account],
        )?;
        Ok(())
    }

    /// Removes some rows of the account, those first that point to others; `false` when none is left.
    pub(super) fn remove_some(&self) -> Result<bool> {
        for table in TABLES.iter().rev() {
            let keys = self.query(&table.select_keys(REMOVED_AT_ONCE), vals![self.account], |row| key(table, row))?;
            let Some(last) = keys.last() else { continue };
            if table.name == BLOBS.name {
                // Objects are not forgotten but given to the collector.
                for key in &keys {
                    if let Some(Cell::Int(id)) = key.first() {
                        self.release_blob(BlobId(*id as u64))?;
                    }
                }
            } else {
                self.execute(&table.delete_up_to(), &with_account(self.account, last))?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

fn key(table: &Table, row: &crate::db::Row<'_>) -> Result<Raw> {
    let key = table.columns.iter().take(table.key).enumerate();
    key.map(|(n, (_, kind))| Cell::read(row, n, *kind)).collect()
}

fn with_account(account: AccountId, cells: &[Cell]) -> Vec<Val<'_>> {
    std::iter::once(account.into()).chain(cells.iter().map(Cell::val)).collect()
}

fn parameters<const N: usize>(account: AccountId, rows: &[Raw]) -> Vec<[Val<'_>; N]> {
    rows.iter()
        .map(|cells| {
            let mut values = [Val::Null; N];
            let given = std::iter::once(Val::from(account)).chain(cells.iter().map(Cell::val));
            values.iter_mut().zip(given).for_each(|(value, given)| *value = given);
            values
        })
        .collect()
}
