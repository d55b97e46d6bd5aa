//! Work that one process at a time may do: jobs, and the leases under which they are held.
//!
//! A job is taken for a term and kept by renewing it; one whose holder falls silent is taken over. The time is the
//! database's, for a node's own clock may be wrong. Taking a job gives it a new token, and every write of its holder asks
//! for the token in the same transaction ([`Account::under`]): who has lost a job can write nothing any more.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, ModSeq};

use super::MoveRecord;
use crate::account::Account;
use crate::db::{Database, Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// A kind of work. An account has at most one job of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobKind {
    /// The move of its mailbox from a source.
    Move,
}

impl JobKind {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::Move => "move",
        }
    }
}

impl<'a> From<JobKind> for Val<'a> {
    fn from(kind: JobKind) -> Val<'a> {
        Val::Text(kind.as_str())
    }
}

/// A job as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Host and data directory of the node that holds it; `None`: it waits to be taken.
    pub holder: Option<String>,
}

/// The right to do a job, until it is taken by somebody else.
#[derive(Clone)]
pub struct Lease {
    /// Whose job.
    pub account: AccountId,
    /// Which.
    pub kind: JobKind,
    token: ModSeq,
    directory: Arc<Database>,
    /// The account's rows are in the directory's database.
    shared: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lease { account, kind, token, .. } = self;
        f.debug_struct("Lease").field("account", account).field("kind", kind).field("token", token).finish()
    }
}

impl Lease {
    /// Checks the lease in a transaction that writes what it protects. Where the account's rows are in a database of
    /// their own, one process has all of them open, and it asks before the transaction ([`Lease::check_beside`]).
    pub(crate) fn check_in(&self, tx: &Tx<'_>) -> Result<()> {
        if self.shared { tx.check_token(self) } else { Ok(()) }
    }

    /// The same check, for a store whose accounts lie beside the directory.
    pub(crate) async fn check_beside(&self) -> Result<()> {
        if self.shared {
            return Ok(());
        }
        let lease = self.clone();
        self.directory.read(move |tx| tx.check_token(&lease)).await
    }
}

impl Store {
    /// Adds a job that waits to be taken; `false` if the account has one of the kind.
    pub async fn add_job(&self, account: AccountId, kind: JobKind) -> Result<bool> {
        self.directory().write(move |tx| tx.add_job(account, kind)).await
    }

    /// Removes a job: it is done, or not wanted any more. Its holder, if any, has lost it.
    pub async fn remove_job(&self, account: AccountId, kind: JobKind) -> Result<()> {
        self.directory().write(move |tx| tx.remove_job(account, kind)).await
    }

    /// The account's job of a kind, if it has one.
    pub async fn job(&self, account: AccountId, kind: JobKind) -> Result<Option<Job>> {
        self.directory().read(move |tx| tx.job(account, kind)).await
    }

    /// Takes up to `limit` jobs that nobody holds, or whose holder's term has run out, for `term`. Those that another
    /// node is taking or writing under at this moment are passed over.
    pub async fn claim(&self, kind: JobKind, limit: usize, term: Duration) -> Result<Vec<Lease>> {
        let (directory, holder) = (self.directory(), self.holder());
        // A look first: a node that finds nothing, which is the rule, does not take the directory's write lock.
        if directory.read(move |tx| tx.free_jobs(kind, limit, "")).await?.is_empty() {
            return Ok(Vec::new());
        }
        let taken = directory.write(move |tx| {
            let free = tx.free_jobs(kind, limit, tx.skip_locked())?;
            tx.take(kind, free, &holder, term)
        });
        let taken = taken.await?;
        Ok(taken.into_iter().map(|taken| self.lease(kind, taken)).collect())
    }

    /// Takes the job of one account; `None` if it has none, or another holds it.
    pub async fn claim_one(&self, account: AccountId, kind: JobKind, term: Duration) -> Result<Option<Lease>> {
        let holder = self.holder();
        let taken = self.directory().write(move |tx| {
            let free: Vec<_> = tx.free_job(account, kind)?.into_iter().collect();
            tx.take(kind, free, &holder, term)
        });
        Ok(taken.await?.into_iter().next().map(|taken| self.lease(kind, taken)))
    }

    /// Takes the job of an account whoever holds it, and adds it if there is none. Returns when no write of an earlier
    /// holder can follow.
    pub async fn seize(&self, account: AccountId, kind: JobKind, term: Duration) -> Result<Lease> {
        let holder = self.holder();
        let taken = self.directory().write(move |tx| {
            tx.add_job(account, kind)?;
            let held: Vec<_> = tx.lock_job(account, kind)?.into_iter().collect();
            tx.take(kind, held, &holder, term)
        });
        let taken = taken.await?.into_iter().next();
        Ok(self.lease(kind, taken.ok_or_else(|| Error::Internal("a job was lost".into()))?))
    }

    /// Gives back what an earlier process with this data directory held when it died. Called once, at opening.
    pub(crate) async fn release_leftovers(&self) -> Result<()> {
        // Where nobody else can have the store open, the directory may have been moved meanwhile.
        let holder = if self.shared() { self.holder() } else { String::new() };
        let earlier = holder.clone();
        if self.directory().read(move |tx| tx.holds(&earlier)).await? {
            self.directory().write(move |tx| tx.release_all(&holder)).await?;
        }
        Ok(())
    }

    /// Who this node is, for a person to read, and the same in its next life.
    pub(crate) fn holder(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("node");
        let data = self.data().canonicalize().unwrap_or_else(|_| self.data().to_owned());
        format!("{host}:{}", data.display())
    }

    fn lease(&self, kind: JobKind, (account, token): (AccountId, ModSeq)) -> Lease {
        Lease { account, kind, token, directory: self.directory().clone(), shared: self.shared() }
    }

    /// Prolongs a lease by `term` from now. Fails with [`Error::LeaseLost`] if the job was taken by another, or removed.
    pub async fn renew(&self, lease: &Lease, term: Duration) -> Result<()> {
        let lease = lease.clone();
        self.directory().write(move |tx| tx.renew(&lease, term)).await
    }

    /// Gives a job back for others to take at once. One that is lost already is left alone.
    pub async fn release(&self, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.directory().write(move |tx| tx.release(&lease)).await
    }

    /// Removes a job that is done. One that is lost already is left alone.
    pub async fn finish(&self, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.directory().write(move |tx| tx.finish(&lease)).await
    }

    /// Writes the record of a move for whoever holds its job. Fails with [`Error::LeaseLost`] for another.
    pub async fn put_move_under(&self, lease: &Lease, record: MoveRecord) -> Result<()> {
        let lease = lease.clone();
        self.directory()
            .write(move |tx| {
                tx.check_token(&lease)?;
                tx.put_move(&record)
            })
            .await
    }
}

impl Account {
    /// A handle whose every write holds only while the lease does; else it fails with [`Error::LeaseLost`].
    pub fn under(&self, lease: &Lease) -> Account {
        self.with_lease(Arc::new(lease.clone()))
    }
}

impl Tx<'_> {
    fn add_job(&self, account: AccountId, kind: JobKind) -> Result<bool> {
        let added = self.execute(
            "INSERT INTO job (account_id, kind, holder, token, until) VALUES (?1, ?2, '', 0, 0) ON CONFLICT DO NOTHING",
            vals![account, kind],
        )?;
        Ok(added > 0)
    }

    pub(crate) fn remove_job(&self, account: AccountId, kind: JobKind) -> Result<()> {
        self.execute("DELETE FROM job WHERE account_id = ?1 AND kind = ?2", vals![account, kind])?;
        Ok(())
    }

    fn job(&self, account: AccountId, kind: JobKind) -> Result<Option<Job>> {
        let now = self.db_millis()?;
        let sql = "SELECT holder, until FROM job WHERE account_id = ?1 AND kind = ?2";
        self.one(sql, vals![account, kind], |r| {
            let held = r.int(1)? > now;
            Ok(Job { holder: held.then(|| r.text(0).map(str::to_owned)).transpose()? })
        })
    }

    /// Jobs to be had; those whose term ran out first come first.
    fn free_jobs(&self, kind: JobKind, limit: usize, lock: &str) -> Result<Vec<AccountId>> {
        let sql = "SELECT account_id FROM job WHERE kind = ?1 AND until <= ?2 ORDER BY until, account_id LIMIT ?3";
        let sql = [sql, lock].concat();
        let now = self.db_millis()?;
        self.query(&sql, vals![kind, now, limit], |r| Ok(AccountId(r.u64(0)?)))
    }

    /// That job, if nobody holds it. A write of its last holder may still be on its way, and is waited for: it does not make the
    /// job another's.
    fn free_job(&self, account: AccountId, kind: JobKind) -> Result<Option<AccountId>> {
        let sql = "SELECT account_id FROM job WHERE account_id = ?1 AND kind = ?2 AND until <= ?3";
        let sql = [sql, self.for_update()].concat();
        let now = self.db_millis()?;
        self.one(&sql, vals![account, kind, now], |r| Ok(AccountId(r.u64(0)?)))
    }

    /// A job, held or not, once no write under it is going on.
    fn lock_job(&self, account: AccountId, kind: JobKind) -> Result<Option<AccountId>> {
        let sql = "SELECT account_id FROM job WHERE account_id = ?1 AND kind = ?2";
        let sql = [sql, self.for_update()].concat();
        self.one(&sql, vals![account, kind], |r| Ok(AccountId(r.u64(0)?)))
    }

    /// Gives jobs to this process. Their token is the directory's clock, so that none ever comes twice: a job that was
    /// removed and added again has nothing in common with the earlier one.
    fn take(
        &self,
        kind: JobKind,
        jobs: Vec<AccountId>,
        holder: &str,
        term: Duration,
    ) -> Result<Vec<(AccountId, ModSeq)>> {
        let (token, until) = (self.modseq()?, self.end_of(term)?);
        let row = |account: &AccountId| [(*account).into(), kind.into(), holder.into(), token.into(), until.into()];
        self.execute_many(
            "UPDATE job SET holder = ?3, token = ?4, until = ?5 WHERE account_id = ?1 AND kind = ?2",
            &jobs.iter().map(row).collect::<Vec<[Val<'_>; 5]>>(),
        )?;
        Ok(jobs.into_iter().map(|account| (account, token)).collect())
    }

    fn renew(&self, lease: &Lease, term: Duration) -> Result<()> {
        let renewed = self.execute(
            "UPDATE job SET until = ?4 WHERE account_id = ?1 AND kind = ?2 AND token = ?3",
            vals![lease.account, lease.kind, lease.token, self.end_of(term)?],
        )?;
        if renewed == 0 { Err(Error::LeaseLost) } else { Ok(()) }
    }

    fn release(&self, lease: &Lease) -> Result<()> {
        self.execute(
            "UPDATE job SET holder = '', until = 0 WHERE account_id = ?1 AND kind = ?2 AND token = ?3",
            vals![lease.account, lease.kind, lease.token],
        )?;
        Ok(())
    }

    /// Whether a holder, or anybody if it is empty, has a job; its term may have run out.
    fn holds(&self, holder: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM job WHERE until > 0 AND (?1 = '' OR holder = ?1)";
        Ok(self.one(sql, vals![holder], |_| Ok(()))?.is_some())
    }

    fn release_all(&self, holder: &str) -> Result<()> {
        self.execute(
            "UPDATE job SET holder = '', until = 0 WHERE until > 0 AND (?1 = '' OR holder = ?1)",
            vals![holder],
        )?;
        Ok(())
    }

    fn finish(&self, lease: &Lease) -> Result<()> {
        self.execute(
            "DELETE FROM job WHERE account_id = ?1 AND kind = ?2 AND token = ?3",
            vals![lease.account, lease.kind, lease.token],
        )?;
        Ok(())
    }

    /// Fails unless the lease's token is the newest. The row cannot be taken until this transaction has ended.
    ///
    /// The lock that it takes is the one that FOR UPDATE and DELETE wait for and that renewing does not: a long write
    /// never keeps a heartbeat, and with it the directory, waiting.
    pub(super) fn check_token(&self, lease: &Lease) -> Result<()> {
        let sql = "SELECT token FROM job WHERE account_id = ?1 AND kind = ?2";
        let sql = if self.is_shared() { [sql, " FOR KEY SHARE"].concat() } else { sql.to_owned() };
        let token = self.one(&sql, vals![lease.account, lease.kind], |r| Ok(ModSeq(r.u64(0)?)))?;
        if token == Some(lease.token) { Ok(()) } else { Err(Error::LeaseLost) }
    }

    pub(crate) fn end_of(&self, term: Duration) -> Result<i64> {
        let term = i64::try_from(term.as_millis()).unwrap_or(i64::MAX);
        Ok(self.db_millis()?.saturating_add(term))
    }
}
