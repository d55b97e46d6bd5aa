//! Facts about a whole store.

use sterna_core::AccountId;

use crate::db::{Tx, vals};
use crate::error::Result;

impl Tx<'_> {
    /// The value of a setting; the first who asks sets it.
    pub(crate) fn setting_or(&self, name: &str, value: &str) -> Result<String> {
        self.execute("INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING", vals![name, value])?;
        Ok(self.setting(name)?.unwrap_or_else(|| value.to_owned()))
    }

    /// The value of a setting, if it has one.
    pub(crate) fn setting(&self, name: &str) -> Result<Option<String>> {
        self.one("SELECT value FROM setting WHERE name = ?1", vals![name], |r| Ok(r.text(0)?.to_owned()))
    }

    /// Whether an account's tables have its rows. Only where all accounts share one database.
    pub(crate) fn has_data(&self, id: AccountId) -> Result<bool> {
        let sql = "SELECT 1 FROM account_state WHERE account_id = ?1";
        Ok(self.one(sql, vals![id], |_| Ok(()))?.is_some())
    }

    /// Accounts with uploads or garbage, whether the directory still has them or not.
    pub(crate) fn accounts_with_leftovers(&self) -> Result<Vec<AccountId>> {
        let sql = "SELECT account_id FROM blob_garbage UNION SELECT account_id FROM blob_upload";
        self.query(sql, &[], |r| Ok(AccountId(r.u64(0)?)))
    }

    /// Accounts that the directory has and whose own rows a crash kept from being made, with their quota.
    pub(crate) fn accounts_without_data(&self) -> Result<Vec<(AccountId, Option<u64>)>> {
        self.query(
            "SELECT a.id, a.quota_bytes FROM account a LEFT JOIN account_state s ON s.account_id = a.id \
             WHERE s.account_id IS NULL",
            &[],
            |r| Ok((AccountId(r.u64(0)?), r.opt_int(1)?.map(|q| q as u64))),
        )
    }
}
