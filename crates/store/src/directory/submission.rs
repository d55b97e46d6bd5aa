//! How much accounts and domains submitted in the last hour: what keeps a stolen password from becoming a flood.
//!
//! Counted in buckets of five minutes, by the clock that all nodes share. The rows of an account that submits no more stay
//! until it does again: there are thirteen of them at most.

use sterna_core::AccountId;

use crate::db::{Tx, vals};
use crate::error::Result;
use crate::store::Store;

/// Seconds that one bucket counts.
const BUCKET: i64 = 300;

/// Buckets before the present one that count.
const WINDOW: i64 = 12;

/// Recipients that weigh as one message.
const RECIPIENTS_A_MESSAGE: u32 = 10;

/// Messages in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmissionLimits {
    /// That the account may submit.
    pub account: u32,
    /// That all accounts of its domain may; `None`: no limit.
    pub domain: Option<u32>,
}

/// Whether a message may be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmissionVerdict {
    /// It may, and is counted.
    Accepted,
    /// The account would exceed its limit.
    OverAccount {
        /// Messages in an hour.
        limit: u32,
        /// Messages of the account that were refused in the last hour, this one too.
        refused_this_hour: u32,
    },
    /// The domain would exceed its limit.
    OverDomain {
        /// Messages in an hour.
        limit: u32,
    },
}

impl Store {
    /// Counts a message that an account wants to submit, and tells whether it may. One to *n* recipients weighs as *n*/10
    /// messages, rounded up. Several nodes agree.
    pub async fn count_submission(
        &self,
        id: AccountId,
        domain: &str,
        recipients: u32,
        limits: SubmissionLimits,
    ) -> Result<SubmissionVerdict> {
        let domain = super::domains::folded(domain);
        self.directory().write(move |tx| tx.count_submission(id, &domain, recipients, limits)).await
    }

    /// Counts recipients of an account's messages that could not be delivered to; how many there were in the last hour,
    /// these too.
    pub async fn count_failed_recipients(&self, id: AccountId, n: u32) -> Result<u32> {
        self.directory().write(move |tx| tx.count_failed_recipients(id, n)).await
    }
}

impl Tx<'_> {
    fn count_submission(
        &self,
        id: AccountId,
        domain: &str,
        recipients: u32,
        limits: SubmissionLimits,
    ) -> Result<SubmissionVerdict> {
        let weight = i64::from(recipients.div_ceil(RECIPIENTS_A_MESSAGE).max(1));
        let bucket = self.open_bucket(id)?;
        let (sent, refused) = self.sum(
            "SELECT CAST(COALESCE(SUM(messages), 0) AS BIGINT), CAST(COALESCE(SUM(refused), 0) AS BIGINT) \
             FROM submission WHERE account_id = ?1",
            id,
        )?;
        if sent + weight > i64::from(limits.account) {
            let sql = "UPDATE submission SET refused = refused + 1 WHERE account_id = ?1 AND bucket = ?2";
            self.execute(sql, vals![id, bucket])?;
            let refused_this_hour = u32::try_from(refused + 1).unwrap_or(u32::MAX);
            return Ok(SubmissionVerdict::OverAccount { limit: limits.account, refused_this_hour });
        }
        let oldest = bucket - WINDOW;
        self.execute("DELETE FROM submission_domain WHERE domain = ?1 AND bucket < ?2", vals![domain, oldest])?;
        if let Some(limit) = limits.domain {
            let sql = "SELECT CAST(COALESCE(SUM(messages), 0) AS BIGINT) FROM submission_domain WHERE domain = ?1";
            let all = self.one(sql, vals![domain], |r| r.int(0))?.unwrap_or_default();
            if all + weight > i64::from(limit) {
                return Ok(SubmissionVerdict::OverDomain { limit });
            }
        }
        let sql = "UPDATE submission SET messages = messages + ?3 WHERE account_id = ?1 AND bucket = ?2";
        self.execute(sql, vals![id, bucket, weight])?;
        self.execute(
            "INSERT INTO submission_domain (domain, bucket, messages) VALUES (?1, ?2, ?3) \
             ON CONFLICT (domain, bucket) DO UPDATE SET messages = submission_domain.messages + excluded.messages",
            vals![domain, bucket, weight],
        )?;
        Ok(SubmissionVerdict::Accepted)
    }

    fn count_failed_recipients(&self, id: AccountId, n: u32) -> Result<u32> {
        let bucket = self.open_bucket(id)?;
        let sql = "UPDATE submission SET failed = failed + ?3 WHERE account_id = ?1 AND bucket = ?2";
        self.execute(sql, vals![id, bucket, n])?;
        let sql = "SELECT CAST(COALESCE(SUM(failed), 0) AS BIGINT), 0 FROM submission WHERE account_id = ?1";
        Ok(u32::try_from(self.sum(sql, id)?.0).unwrap_or(u32::MAX))
    }

    /// Forgets what spoke against an account in the last hour: whoever unlocks it gives it a new beginning. What it sent stays
    /// counted.
    pub(super) fn forget_refusals(&self, id: AccountId) -> Result<()> {
        self.execute("UPDATE submission SET refused = 0, failed = 0 WHERE account_id = ?1", vals![id])?;
        Ok(())
    }

    /// The present bucket, whose row exists; those that do not count any more are gone.
    fn open_bucket(&self, id: AccountId) -> Result<i64> {
        let bucket = self.db_seconds()?.div_euclid(BUCKET);
        self.execute("DELETE FROM submission WHERE account_id = ?1 AND bucket < ?2", vals![id, bucket - WINDOW])?;
        self.execute(
            "INSERT INTO submission (account_id, bucket, messages, refused, failed) VALUES (?1, ?2, 0, 0, 0) \
             ON CONFLICT DO NOTHING",
            vals![id, bucket],
        )?;
        Ok(bucket)
    }

    fn sum(&self, sql: &str, id: AccountId) -> Result<(i64, i64)> {
        Ok(self.one(sql, vals![id], |r| Ok((r.int(0)?, r.int(1)?)))?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sterna_core::{Address, ManualClock};

    use super::*;
    use crate::directory::SendingLock;

    #[tokio::test]
    async fn who_is_unlocked_begins_anew_and_has_still_sent_what_he_sent() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Arc::new(ManualClock::at(1_800_000_000))).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let id = store.add_account(&Address::parse("anne@example.org").unwrap(), None, None).await.unwrap();
        let limits = SubmissionLimits { account: 1, domain: None };
        let count = || store.count_submission(id, "example.org", 1, limits);
        let over = |refused_this_hour| SubmissionVerdict::OverAccount { limit: 1, refused_this_hour };
        assert_eq!(count().await.unwrap(), SubmissionVerdict::Accepted);
        assert_eq!((count().await.unwrap(), count().await.unwrap()), (over(1), over(2)));
        assert_eq!(store.count_failed_recipients(id, 5).await.unwrap(), 5);
        let lock = SendingLock { reason: "a flood".into(), since: 0 };
        store.set_sending_lock(id, Some(lock)).await.unwrap();
        assert_eq!(count().await.unwrap(), over(3));
        store.set_sending_lock(id, None).await.unwrap();
        assert_eq!((count().await.unwrap(), count().await.unwrap()), (over(1), over(2)));
        assert_eq!(store.count_failed_recipients(id, 1).await.unwrap(), 1);
    }
}
