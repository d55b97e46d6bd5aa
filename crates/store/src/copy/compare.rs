//! Both sides of a copied account, table by table: counts, and a digest over all rows in the order of their keys.

use super::cell::Cell;
use super::rows::Raw;
use super::table::{STATE, TABLES, Table};
use crate::account::Account;
use crate::error::Result;

/// One table of an account on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableComparison {
    /// The table.
    pub table: &'static str,
    /// Rows at the source.
    pub rows: u64,
    /// Rows in the target.
    pub target_rows: u64,
    /// BLAKE3 over all rows at the source, in hexadecimal.
    pub digest: String,
    /// The same of the target.
    pub target_digest: String,
}

impl TableComparison {
    /// Every row is the same on both sides, and there are no others.
    pub fn is_equal(&self) -> bool {
        (self.rows, &self.digest) == (self.target_rows, &self.target_digest)
    }
}

/// Compares all tables; `told` learns of each with the rows looked at so far.
pub(super) async fn compare(
    from: &Account,
    to: &Account,
    mut told: impl FnMut(&'static str, u64),
) -> Result<Vec<TableComparison>> {
    let mut comparisons = Vec::new();
    // A table of which each store has its own rows altogether is the checker's.
    for table in [&STATE].into_iter().chain(TABLES.iter().copied()).filter(|t| t.compared() > 0) {
        let (mut source, mut target) = (Walk::new(table), Walk::new(table));
        while !(source.ended && target.ended) {
            tokio::try_join!(source.step(from), target.step(to))?;
            told(table.name, source.rows);
        }
        comparisons.push(TableComparison {
            table: table.name,
            rows: source.rows,
            target_rows: target.rows,
            digest: source.digest.finalize().to_hex().to_string(),
            target_digest: target.digest.finalize().to_hex().to_string(),
        });
    }
    Ok(comparisons)
}

/// A walk over a table of one side.
struct Walk {
    table: &'static Table,
    behind: Option<Raw>,
    rows: u64,
    digest: blake3::Hasher,
    ended: bool,
}

impl Walk {
    fn new(table: &'static Table) -> Walk {
        Walk { table, behind: None, rows: 0, digest: blake3::Hasher::new(), ended: false }
    }

    async fn step(&mut self, account: &Account) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let (table, behind) = (self.table, self.behind.take());
        let page = account.read(move |tx| tx.raw_page(tx.account(), table, behind.as_deref())).await?;
        for row in &page {
            row.iter().take(table.compared()).for_each(|cell: &Cell| cell.hash(&mut self.digest));
        }
        self.rows += page.len() as u64;
        self.ended = page.len() < table.page || table.key == 0;
        self.behind = page.last().map(|row| key_of(table, row));
        Ok(())
    }
}

/// The columns of a row that are its key.
pub(super) fn key_of(table: &Table, row: &Raw) -> Raw {
    row.iter().take(table.key).cloned().collect()
}
