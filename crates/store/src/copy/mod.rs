//! Copies accounts from one store to another, whatever their engines (`sterna store copy`).
//!
//! Rows are copied as they lie, table by table in the order of their keys, and keep every number. Where a copy was broken
//! off, the greatest key in the target tells where to go on. So rows must not change meanwhile: an embedded source is locked
//! by this process, and of a shared one the account's state is compared before and after. The account's line in the
//! directory is written last, when both sides are equal and the target is sound: nobody can log in to half a copy.
//!
//! Each step is a transaction of its own. Dropping the future at any moment is safe.

mod bodies;
mod cell;
mod compare;
mod directory;
mod domains;
mod rows;
mod table;
mod work;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use sterna_core::{AccountId, Clock};

use crate::account::Account;
use crate::check::{Finding, StructureCheck};
use crate::config::{Engine, StoreConfig};
use crate::db::{Tx, vals};
use crate::directory::AccountRecord;
use crate::error::{Error, Result};
use crate::queue::copy_queue;
use crate::schema;
use crate::store::Store;
use directory::{Entry, Place};
use table::STATE;
use work::Work;

pub use compare::TableComparison;

/// Two open stores.
pub struct StoreCopy {
    from: Store,
    to: Store,
    structure: StructureCheck,
}

/// How far the copy of an account is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyProgress {
    /// `copying`, `comparing` or `checking`.
    pub step: &'static str,
    /// The table at work.
    pub table: &'static str,
    /// Messages so far in this step.
    pub messages_done: u64,
    /// Messages of the account.
    pub messages_total: u64,
    /// Stored bytes of bodies so far, in this run.
    pub bytes_done: u64,
    /// Those that this run has to copy.
    pub bytes_total: u64,
}

/// What became of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCopy {
    /// Messages of the account.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that this run copied; 0: all was there already.
    pub rows_copied: u64,
    /// Both sides, table by table. `directory` is the account's line, its move and its jobs.
    pub tables: Vec<TableComparison>,
    /// Broken invariants in the target.
    pub findings: Vec<Finding>,
}

impl AccountCopy {
    /// Both sides are equal and the target is sound; else the target does not serve what was copied just now.
    pub fn is_verified(&self) -> bool {
        self.findings.is_empty() && self.tables.iter().all(TableComparison::is_equal)
    }
}

impl StoreCopy {
    /// Opens both stores. The source must exist; the target is made if it does not. Neither may be open elsewhere on this
    /// machine.
    pub async fn open(
        from: StoreConfig,
        to: StoreConfig,
        clock: Arc<dyn Clock>,
        structure: StructureCheck,
    ) -> Result<StoreCopy> {
        let absolute = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if absolute(&from.data) == absolute(&to.data) {
            return Err(Error::Invalid(format!(
                "both configurations name the data directory {}; give the target one of its own",
                from.data.display()
            )));
        }
        if from.engine != Engine::Sqlite && from.engine == to.engine {
            return Err(same_store());
        }
        if from.engine == Engine::Sqlite && !from.data.join(schema::DIRECTORY.file_name).exists() {
            return Err(Error::NotFound(format!("a store in {}", from.data.display())));
        }
        let from = Store::open_with(from, clock.clone()).await?;
        from.recover().await?;
        if !to.data.exists() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&to.data);
            made.map_err(|e| Error::io("create", &to.data, &e))?;
        }
        let to = Store::open_with(to, clock).await?;
        if from.shared() && to.shared() && is_same(&from, &to).await? {
            return Err(same_store());
        }
        directory::lift_next_ids(&from, &to).await?;
        Ok(StoreCopy { from, to, structure })
    }

    /// The source.
    pub fn source(&self) -> &Store {
        &self.from
    }

    /// The target.
    pub fn target(&self) -> &Store {
        &self.to
    }

    /// Copies all domains, those without accounts too, with their aliases and keys. What the target has stays.
    pub async fn domains(&self) -> Result<()> {
        domains::copy_domains(&self.from, &self.to).await
    }

    /// Copies what waits in the queue, under new numbers; how many messages this run copied. What an earlier run took over is
    /// left out. To be called last: from then on the target delivers, and the source must not any more.
    pub async fn queue(&self) -> Result<u64> {
        copy_queue(&self.from, &self.to).await
    }

    /// Copies and verifies one account of the source. One that the target has already is only verified. Fails with
    /// [`Error::NotPermitted`] if its number or address is another account's there.
    pub async fn account(
        &self,
        record: &AccountRecord,
        progress: &mut (dyn FnMut(CopyProgress) + Send),
    ) -> Result<AccountCopy> {
        let missing = || Error::NotFound(format!("account {}", record.address));
        let ours = || async { Entry::read(&self.from, record.id).await?.ok_or_else(missing) };
        let mut entry = ours().await?;
        let from = self.from.account(record.id).await?;
        if let Place::Taken = entry.place(&self.to).await? {
            let to = self.to.account(record.id).await?;
            let mut work = Work::new(&from, &to, progress).await?;
            let tables = work.compare().await?;
            let mut copy = work.check(self.structure, tables).await?;
            let theirs = Entry::read(&self.to, record.id).await?;
            copy.tables.push(lines(&entry, theirs.as_ref()));
            return Ok(copy);
        }
        let to = self.make_home(record.id).await?;
        let mut work = Work::new(&from, &to, progress).await?;
        let tables = work.copy_and_compare(record).await?;
        let mut copy = work.check(self.structure, tables).await?;
        if copy.is_verified() {
            work.still_the_same(record).await?;
            // As it is now: a password may have been changed meanwhile.
            entry = ours().await?;
            entry.write(&self.to).await?;
            let theirs = Entry::read(&self.to, record.id).await?;
            copy.tables.push(lines(&entry, theirs.as_ref()));
        }
        Ok(copy)
    }

    /// A place for the account's rows, with a state that tells that nothing is there yet.
    async fn make_home(&self, id: AccountId) -> Result<Account> {
        let account = self.to.new_account(id).await?;
        let begin = move |tx: &Tx<'_>| match tx.raw_page(id, &STATE, None)?.is_empty() {
            true => tx.set_no_state(id),
            false => Ok(()),
        };
        account.write(begin).await?;
        Ok(account)
    }
}

fn same_store() -> Error {
    Error::Invalid("both configurations name the same database".into())
}

/// Whether a change of one is seen in the other.
async fn is_same(from: &Store, to: &Store) -> Result<bool> {
    for _ in 0..2 {
        let written = to.directory().write(|tx| tx.modseq()).await?;
        let sql = "SELECT modseq FROM account_state WHERE account_id = ?1";
        let read = from.directory().read(move |tx| tx.one(sql, vals![tx.account()], |r| r.u64(0))).await?;
        if read != Some(written.0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The directory's part of a comparison.
fn lines(source: &Entry, target: Option<&Entry>) -> TableComparison {
    let digest = |entry: &Entry| entry.digest().to_hex().to_string();
    TableComparison {
        table: "directory",
        rows: 1,
        target_rows: u64::from(target.is_some()),
        digest: digest(source),
        target_digest: target.map(digest).unwrap_or_default(),
    }
}
