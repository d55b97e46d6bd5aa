//! Accounts as the directory knows them: address, status, credentials, quota.

use sterna_core::{AccountId, Address};

use super::{stored_address, stored_limit};
use crate::db::{Row, Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

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
    /// Where its mail goes on to, in the order that was given.
    pub forwards: Vec<Address>,
    /// Whether mail that goes on is kept here, too.
    pub keep_copy: bool,
    /// Where the mailbox is, as [`crate::Route`] writes it; `None`: where the domain's route says, or here.
    pub route: Option<String>,
    /// Language of the notices it gets; `None`: the configuration's.
    pub language: Option<String>,
    /// Messages it may submit in an hour; `None`: the configuration's.
    pub hourly_limit: Option<u32>,
    /// Why it may not send; `None`: it may.
    pub lock: Option<SendingLock>,
}

/// An account may not send any more: it looked like a spammer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingLock {
    /// For the operator and the user.
    pub reason: String,
    /// Seconds since 1970.
    pub since: i64,
}

const COLUMNS: &str = "id, address, status, quota_bytes, password IS NOT NULL, created, forwards, keep_copy, route, \
                       language, hourly_limit, lock_reason, lock_since";

fn from_row(r: &Row<'_>) -> Result<AccountRecord> {
    Ok(AccountRecord {
        id: AccountId(r.u64(0)?),
        address: stored_address(r.text(1)?)?,
        status: if r.text(2)? == "active" { AccountStatus::Active } else { AccountStatus::Suspended },
        quota_bytes: r.opt_int(3)?.map(|q| q as u64),
        has_password: r.bool(4)?,
        created: r.int(5)?,
        forwards: r.text(6)?.lines().map(stored_address).collect::<Result<_>>()?,
        keep_copy: r.bool(7)?,
        route: r.opt_text(8)?.map(str::to_owned),
        language: r.opt_text(9)?.map(str::to_owned),
        hourly_limit: stored_limit(r, 10)?,
        lock: match (r.opt_text(11)?, r.opt_int(12)?) {
            (Some(reason), Some(since)) => Some(SendingLock { reason: reason.to_owned(), since }),
            _ => None,
        },
    })
}

impl Store {
    /// Sets where an account's mail goes on to, and whether it is kept here, too. No addresses: it does not go on, and is
    /// kept.
    pub async fn set_forwards(&self, id: AccountId, forwards: Vec<Address>, keep_copy: bool) -> Result<()> {
        let keep_copy = keep_copy || forwards.is_empty();
        let lines: Vec<&str> = forwards.iter().map(Address::as_str).collect();
        let lines = lines.join("\n");
        let sql = "UPDATE account SET forwards = ?2, keep_copy = ?3 WHERE id = ?1";
        self.directory().write(move |tx| tx.change_account(sql, id, vals![&lines, keep_copy])).await
    }

    /// Sets the language of notices.
    pub async fn set_language(&self, id: AccountId, language: Option<String>) -> Result<()> {
        let sql = "UPDATE account SET language = ?2 WHERE id = ?1";
        self.directory().write(move |tx| tx.change_account(sql, id, vals![language.as_ref()])).await
    }

    /// Sets how many messages the account may submit in an hour.
    pub async fn set_hourly_limit(&self, id: AccountId, limit: Option<u32>) -> Result<()> {
        let sql = "UPDATE account SET hourly_limit = ?2 WHERE id = ?1";
        self.directory().write(move |tx| tx.change_account(sql, id, vals![limit])).await
    }

    /// Keeps the account from sending, or lets it send again: then what was refused in the last hour is forgotten, or the next
    /// message beyond the limit would lock it at once.
    pub async fn set_sending_lock(&self, id: AccountId, lock: Option<SendingLock>) -> Result<()> {
        let sql = "UPDATE account SET lock_reason = ?2, lock_since = ?3 WHERE id = ?1";
        self.directory()
            .write(move |tx| {
                let (reason, since) = (lock.as_ref().map(|l| &l.reason), lock.as_ref().map(|l| l.since));
                tx.change_account(sql, id, vals![reason, since])?;
                if lock.is_none() { tx.forget_refusals(id) } else { Ok(()) }
            })
            .await
    }
}

impl Tx<'_> {
    pub(crate) fn add_account_record(
        &self,
        address: &Address,
        password: Option<&str>,
        quota: Option<u64>,
    ) -> Result<AccountId> {
        self.needs_domain(address.domain())?;
        if self.find_account(address)?.is_some() {
            return Err(Error::Exists(format!("account {address}")));
        }
        if !self.aliases_of(&[address.as_str(), address.as_str()])?.is_empty() {
            return Err(Error::Exists(format!("alias {address}")));
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

    pub(super) fn account_by_id(&self, id: AccountId) -> Result<Option<AccountRecord>> {
        let sql = ["SELECT ", COLUMNS, " FROM account WHERE id = ?1"].concat();
        self.one(&sql, vals![id], from_row)
    }

    /// Those of two addresses that are accounts, by address.
    pub(super) fn accounts_of(&self, addresses: &[&str; 2]) -> Result<Vec<AccountRecord>> {
        let sql = ["SELECT ", COLUMNS, " FROM account WHERE address IN (?1, ?2) ORDER BY address"].concat();
        self.query(&sql, vals![addresses[0], addresses[1]], from_row)
    }

    /// Runs an update whose first parameter is the account.
    fn change_account(&self, sql: &str, id: AccountId, values: &[Val<'_>]) -> Result<()> {
        let params: Vec<Val<'_>> = std::iter::once(id.into()).chain(values.iter().copied()).collect();
        match self.execute(sql, &params)? {
            0 => Err(Error::NotFound(format!("account {id}"))),
            _ => Ok(()),
        }
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
        self.execute("DELETE FROM hold WHERE account_id = ?1", vals![id])?;
        self.execute("DELETE FROM submission WHERE account_id = ?1", vals![id])?;
        self.execute("DELETE FROM account WHERE id = ?1", vals![id])?;
        Ok(())
    }
}
