//! The collector: deletes the objects that nothing names any more, in two phases, and never one in use.
//!
//! It may run at any time, beside writers and beside itself on other nodes. Objects are deleted outside of any
//! transaction: a key that is garbage can never be named again, so nobody has to be kept from it, and its row goes only
//! when the object is gone.

use std::sync::Arc;
use std::time::Duration;

use crate::db::{Database, Tx, Val, blocking, vals};
use crate::error::Result;

/// Keys in one transaction.
const BATCH: i64 = 256;

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Uploads that nobody named, now garbage.
    pub uploads: u64,
    /// Objects deleted.
    pub objects: u64,
}

/// Which of the tables that hold keys.
#[derive(Clone, Copy)]
enum Kept {
    Upload,
    Named,
    Garbage,
}

/// One run over one account. `grace` is for uploads that are not named yet, and for readers of older snapshots.
pub(crate) async fn collect(db: &Arc<Database>, grace: Duration) -> Result<Collected> {
    let grace = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
    let mut collected = Collected::default();
    let mut after = String::new();
    while let Some(last) = old(db, Kept::Upload, after.clone(), grace).await?.pop() {
        // Taken again under the account's write lock: a transaction may have named one meanwhile.
        let (from, to) = (std::mem::replace(&mut after, last.clone()), last);
        collected.uploads += db.write(move |tx| tx.take_over_uploads(&from, &to, grace)).await?;
    }
    let mut after = String::new();
    loop {
        let keys = old(db, Kept::Garbage, after, grace).await?;
        let Some(last) = keys.last() else { return Ok(collected) };
        after = last.clone();
        collected.objects += delete(db, keys).await?;
    }
}

/// The next keys that are older than `grace`.
async fn old(db: &Arc<Database>, kept: Kept, after: String, grace: i64) -> Result<Vec<String>> {
    db.read(move |tx| tx.old_keys(kept, &after, Some(grace))).await
}

/// Deletes objects that are garbage, then their rows.
async fn delete(db: &Arc<Database>, keys: Vec<String>) -> Result<u64> {
    let storage = db.clone();
    let (gone, stopped) = blocking(move || Ok(storage.objects.delete(keys))).await?;
    let deleted = db.write(move |tx| tx.forget_garbage(&gone)).await?;
    stopped.map(|()| deleted)
}

/// Deletes every object of an account whose rows are about to be removed for good, released or not. Nobody may write to
/// the account any more.
pub(crate) async fn remove_all(db: &Arc<Database>) -> Result<()> {
    for kept in [Kept::Upload, Kept::Named, Kept::Garbage] {
        let mut after = String::new();
        loop {
            let keys = db.read(move |tx| tx.old_keys(kept, &after, None)).await?;
            match keys.last() {
                Some(last) => after = last.clone(),
                None => break,
            }
            let storage = db.clone();
            blocking(move || storage.objects.delete(keys).1).await?;
        }
    }
    Ok(())
}

impl Tx<'_> {
    /// The next keys behind `after` that have been there for `grace` seconds, in their order.
    fn old_keys(&self, kept: Kept, after: &str, grace: Option<i64>) -> Result<Vec<String>> {
        let sql = match kept {
            Kept::Upload => {
                "SELECT object FROM blob_upload WHERE account_id = ?1 AND object > ?2 AND started <= ?3 \
                 ORDER BY object LIMIT ?4"
            }
            Kept::Garbage => {
                "SELECT object FROM blob_garbage WHERE account_id = ?1 AND object > ?2 AND since <= ?3 \
                 ORDER BY object LIMIT ?4"
            }
            Kept::Named => {
                "SELECT object FROM blob WHERE account_id = ?1 AND object > ?2 AND size <= ?3 ORDER BY object LIMIT ?4"
            }
        };
        // By the clock that all nodes share: one whose own is ahead must not take what another has just begun.
        let until = match grace {
            Some(grace) => self.db_seconds()?.saturating_sub(grace),
            None => i64::MAX,
        };
        self.query(sql, vals![self.account, after, until, BATCH], |r| Ok(r.text(0)?.to_owned()))
    }

    /// Phase one: the old uploads behind `after`, up to `last`, are nobody's from now on. How many.
    fn take_over_uploads(&self, after: &str, last: &str, grace: i64) -> Result<u64> {
        let mut keys = self.old_keys(Kept::Upload, after, Some(grace))?;
        keys.retain(|key| key.as_str() <= last);
        let since = self.db_seconds()?;
        let rows: Vec<[Val<'_>; 3]> = keys.iter().map(|key| [self.account.into(), key.into(), since.into()]).collect();
        self.execute_many("INSERT INTO blob_garbage (account_id, object, since) VALUES (?1, ?2, ?3)", &rows)?;
        let rows: Vec<[Val<'_>; 2]> = keys.iter().map(|key| [self.account.into(), key.into()]).collect();
        self.execute_many("DELETE FROM blob_upload WHERE account_id = ?1 AND object = ?2", &rows)?;
        Ok(keys.len() as u64)
    }

    /// Phase two: the objects are gone, and with them what there was to know about them. How many rows were there:
    /// another node may have been faster.
    fn forget_garbage(&self, keys: &[String]) -> Result<u64> {
        keys.iter().try_fold(0, |n, key| {
            let sql = "DELETE FROM blob_garbage WHERE account_id = ?1 AND object = ?2";
            Ok(n + self.execute(sql, vals![self.account, key])? as u64)
        })
    }
}
