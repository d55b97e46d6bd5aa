//! Accounts as the directory knows them: address, status, credentials, quota.

use sterna_core::{AccountId, Address};

use crate::db::{Row, Tx, vals};
use crate::error::{Error, Result};

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// In use.
    Active,
    /// Logins are refused; mail is kept.
    Suspended,
}

impl AccountStatus {
    /// The word in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountStatus::Active => "active",
            AccountStatus::Suspended => "suspended",
        }
    }
}

/// One account of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Never reused.
    pub id: AccountId,
    /// What the user logs in with.
    pub address: Address,
    /// Whether it may be used.
    pub status: AccountStatus,
    /// Limit in bytes; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// Whether a password is set.
    pub has_password: bool,
    /// Seconds since 1970.
    pub created: i64,
}

const COLUMNS: &str = "id, address, status, quota_bytes, password IS NOT NULL, created";

fn from_row(r: &Row<'_>) -> Result<AccountRecord> {
    Ok(AccountRecord {
        id: AccountId(r.u64(0)?),
        address: Address::parse(r.text(1)?).map_err(|e| Error::Corrupt(e.to_string()))?,
        status: if r.text(2)? == "active" { AccountStatus::Active } else { AccountStatus::Suspended },
        quota_bytes: r.opt_int(3)?.map(|q| q as u64),
        has_password: r.bool(4)?,
        created: r.int(5)?,
    })
}

impl Tx<'_> {
    pub(crate) fn add_account_record(
        &self,
        address: &Address,
        password: Option<&str>,
        quota: Option<u64>,
    ) -> Result<AccountId> {
        if self.one("SELECT 1 FROM domain WHERE name = ?1", vals![address.domain()], |_| Ok(()))?.is_none() {
            return Err(Error::NotFound(format!("domain {}", address.domain())));
        }
        if self.find_account(address)?.is_some() {
            return Err(Error::Exists(format!("account {address}")));
        }
        let id = AccountId(self.next_id()?);
        self.execute(
            "INSERT INTO account (id, address, status, quota_bytes, password, created) \
             VALUES (?1, ?2, 'active', ?3, ?4, ?5)",
            vals![id, address.as_str(), quota, password, self.now()],
        )?;
        Ok(id)
    }

    pub(crate) fn find_account(&self, address: &Address) -> Result<Option<AccountRecord>> {
        let sql = ["SELECT ", COLUMNS, " FROM account WHERE address = ?1"].concat();
        self.one(&sql, vals![address.as_str()], from_row)
    }

    pub(crate) fn account_password(&self, id: AccountId) -> Result<Option<String>> {
        let row = self
            .one("SELECT password FROM account WHERE id = ?1", vals![id], |r| Ok(r.opt_text(0)?.map(str::to_owned)))?;
        Ok(row.flatten())
    }

    pub(crate) fn accounts(&self, domain: Option<&str>) -> Result<Vec<AccountRecord>> {
        let sql = ["SELECT ", COLUMNS, " FROM account ORDER BY address"].concat();
        let all = self.query(&sql, &[], from_row)?;
        Ok(all.into_iter().filter(|a| domain.is_none_or(|d| a.address.domain() == d)).collect())
    }

    pub(crate) fn set_account_password(&self, id: AccountId, hash: &str) -> Result<()> {
        self.execute("UPDATE account SET password = ?2 WHERE id = ?1", vals![id, hash])?;
        Ok(())
    }

    pub(crate) fn set_account_status(&self, id: AccountId, status: AccountStatus) -> Result<()> {
        self.execute("UPDATE account SET status = ?2 WHERE id = ?1", vals![id, status.as_str()])?;
        Ok(())
    }

    pub(crate) fn set_account_quota(&self, id: AccountId, quota: Option<u64>) -> Result<()> {
        self.execute("UPDATE account SET quota_bytes = ?2 WHERE id = ?1", vals![id, quota])?;
        Ok(())
    }

    pub(crate) fn remove_account_record(&self, id: AccountId) -> Result<()> {
        self.execute("DELETE FROM move WHERE account_id = ?1", vals![id])?;
        self.execute("DELETE FROM job WHERE account_id = ?1", vals![id])?;
        self.execute("DELETE FROM account WHERE id = ?1", vals![id])?;
        Ok(())
    }
}
