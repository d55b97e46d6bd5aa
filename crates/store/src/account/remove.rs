//! Removing an account where many share one database. (The embedded engine removes a directory.)

use crate::db::{Tx, vals};
use crate::error::Result;

/// The account's tables in the order in which they are emptied. Its clock goes first: from then on nobody can write to
/// it. What refers goes before what is referred to. The keys of objects stay as garbage until the objects are gone.
pub(crate) const TABLES: &[&str] = &[
    "account_state",
    "move_exception",
    "move_folder",
    "move_back",
    "move_back_folder",
    "subscription",
    "sieve_script",
    "remembered",
    "tombstone",
    "thread_key",
    "message",
    "keyset",
    "mailbox",
    "email",
    "blob_chunk",
    "blob",
    "blob_upload",
];

impl Tx<'_> {
    /// Empties one of [`TABLES`] of the account's rows.
    pub(crate) fn remove_rows(&self, table: &str) -> Result<()> {
        if table == "blob" || table == "blob_upload" {
            let sql = "INSERT INTO blob_garbage (account_id, object, since) SELECT account_id, object, 0 FROM ";
            let which = " WHERE account_id = ?1 AND object IS NOT NULL ON CONFLICT DO NOTHING";
            self.execute(&[sql, table, which].concat(), vals![self.account])?;
        }
        self.execute(&["DELETE FROM ", table, " WHERE account_id = ?1"].concat(), vals![self.account])?;
        Ok(())
    }
}
