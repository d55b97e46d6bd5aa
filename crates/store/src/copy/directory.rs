//! What the directory knows of an account: its line, its domain, its move with the secret of the source, its jobs, what it
//! submitted lately.

use sterna_core::{AccountId, Address};

use super::domains::DomainLine;
use crate::db::{Tx, Val, vals};
use crate::directory::MoveRecord;
use crate::error::{Error, Result};
use crate::store::Store;

/// All of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    line: Line,
    domain: DomainLine,
    /// With the secret in the clear.
    moving: Option<MoveRecord>,
    /// Kind and token of each job. Whoever holds it, the copy's is free.
    jobs: Vec<(String, i64)>,
    /// Rows of `submission`.
    submitted: Vec<[i64; 4]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    id: AccountId,
    address: String,
    status: String,
    quota: Option<i64>,
    password: Option<String>,
    created: i64,
    forwards: String,
    keep_copy: i64,
    route: Option<String>,
    language: Option<String>,
    hourly_limit: Option<i64>,
    lock_reason: Option<String>,
    lock_since: Option<i64>,
    route_epoch: i64,
}

/// What the target has in an account's place.
pub(super) enum Place {
    /// Nothing.
    Free,
    /// This account.
    Taken,
}

impl Entry {
    /// `None`: the directory has no such account.
    pub async fn read(store: &Store, id: AccountId) -> Result<Option<Entry>> {
        let entry = store.directory().read(move |tx| tx.entry(id)).await?;
        let Some(mut entry) = entry else { return Ok(None) };
        if let Some(moving) = &mut entry.moving {
            moving.secret = moving.secret.as_ref().map(|sealed| store.unseal(sealed)).transpose()?;
        }
        Ok(Some(entry))
    }

    /// A digest of what both stores have to agree on. A domain that the target had already is not of it, nor what is forgotten
    /// within the hour.
    pub fn digest(&self) -> blake3::Hash {
        let Entry { line, domain: _, moving, jobs, submitted: _ } = self;
        blake3::hash(format!("{line:?} {moving:?} {jobs:?}").as_bytes())
    }

    /// Whether number and address are free in the target. Fails if another account has one of them.
    pub async fn place(&self, target: &Store) -> Result<Place> {
        let line = self.line.clone();
        target.directory().read(move |tx| tx.place(&line)).await
    }

    /// Makes the account known to the target. Nobody could use it before.
    pub async fn write(&self, target: &Store) -> Result<()> {
        let mut entry = self.clone();
        if let Some(moving) = &mut entry.moving {
            moving.secret = moving.secret.as_ref().map(|secret| target.seal(secret)).transpose()?;
        }
        target.directory().write(move |tx| tx.put_entry(&entry)).await
    }
}

/// Lifts the next account number of both over that of the other, so that neither ever gives a number to somebody else that
/// an account copied from or to it has.
pub(super) async fn lift_next_ids(from: &Store, to: &Store) -> Result<()> {
    let next = |store: &Store| {
        let directory = store.directory().clone();
        async move { directory.read(|tx| tx.next_account()).await }
    };
    let next = next(from).await?.max(next(to).await?);
    for store in [from, to] {
        store.directory().write(move |tx| tx.lift_next_account(next)).await?;
    }
    Ok(())
}

impl Tx<'_> {
    fn entry(&self, id: AccountId) -> Result<Option<Entry>> {
        let sql = "SELECT address, status, quota_bytes, password, created, forwards, keep_copy, route, language, \
                   hourly_limit, lock_reason, lock_since, route_epoch FROM account WHERE id = ?1";
        let line = self.one(sql, vals![id], |r| {
            Ok(Line {
                id,
                address: r.text(0)?.to_owned(),
                status: r.text(1)?.to_owned(),
                quota: r.opt_int(2)?,
                password: r.opt_text(3)?.map(str::to_owned),
                created: r.int(4)?,
                forwards: r.text(5)?.to_owned(),
                keep_copy: r.int(6)?,
                route: r.opt_text(7)?.map(str::to_owned),
                language: r.opt_text(8)?.map(str::to_owned),
                hourly_limit: r.opt_int(9)?,
                lock_reason: r.opt_text(10)?.map(str::to_owned),
                lock_since: r.opt_int(11)?,
                route_epoch: r.int(12)?,
            })
        })?;
        let Some(line) = line else { return Ok(None) };
        let address = Address::parse(&line.address).map_err(|e| Error::Corrupt(e.to_string()))?;
        let domain = self.domain_line(address.domain())?;
        let domain = domain.ok_or_else(|| Error::Corrupt(format!("the domain of account {address} is lost")))?;
        let sql = "SELECT bucket, messages, refused, failed FROM submission WHERE account_id = ?1 ORDER BY bucket";
        let submitted = self.query(sql, vals![id], |r| Ok([r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?]))?;
        let jobs = self.query("SELECT kind, token FROM job WHERE account_id = ?1 ORDER BY kind", vals![id], |r| {
            Ok((r.text(0)?.to_owned(), r.int(1)?))
        })?;
        let moving =
            self.one("SELECT state, record, secret, updated FROM move WHERE account_id = ?1", vals![id], |r| {
                let (state, record) = (r.text(0)?.to_owned(), r.text(1)?.to_owned());
                Ok(MoveRecord {
                    account: id,
                    state,
                    record,
                    secret: r.opt_blob(2)?.map(<[u8]>::to_vec),
                    updated: r.int(3)?,
                })
            })?;
        Ok(Some(Entry { domain, line, moving, jobs, submitted }))
    }

    fn place(&self, line: &Line) -> Result<Place> {
        let sql = "SELECT id, address FROM account WHERE id = ?1 OR address = ?2";
        let found =
            self.query(sql, vals![line.id, &line.address], |r| Ok((AccountId(r.u64(0)?), r.text(1)?.to_owned())))?;
        let Some((id, address)) = found.iter().find(|(id, address)| *id != line.id || *address != line.address) else {
            return Ok(if found.is_empty() { Place::Free } else { Place::Taken });
        };
        Err(Error::NotPermitted(if *address == line.address {
            format!("{address} is another account in the target (number {id} there, {} here)", line.id)
        } else {
            format!("{} cannot be copied: its number {} is {address} in the target", line.address, line.id)
        }))
    }

    fn put_entry(&self, entry: &Entry) -> Result<()> {
        let line = &entry.line;
        let Line { id, address, status, quota, password, created, .. } = line;
        if let Place::Taken = self.place(&entry.line)? {
            return Err(Error::Exists(format!("account {address}")));
        }
        self.put_domain_line(&entry.domain)?;
        // Left of an account of that number that was removed.
        self.execute("DELETE FROM job WHERE account_id = ?1", vals![*id])?;
        for (kind, token) in &entry.jobs {
            self.execute(
                "INSERT INTO job (account_id, kind, holder, token, until) VALUES (?1, ?2, '', ?3, 0)",
                vals![*id, kind, *token],
            )?;
        }
        if let Some(moving) = &entry.moving {
            self.put_move(moving)?;
        }
        self.execute("DELETE FROM submission WHERE account_id = ?1", vals![*id])?;
        let rows: Vec<[Val<'_>; 5]> = entry
            .submitted
            .iter()
            .map(|[b, m, r, f]| [(*id).into(), (*b).into(), (*m).into(), (*r).into(), (*f).into()])
            .collect();
        self.execute_many(
            "INSERT INTO submission (account_id, bucket, messages, refused, failed) VALUES (?1, ?2, ?3, ?4, ?5)",
            &rows,
        )?;
        self.execute(
            "INSERT INTO account (id, address, status, quota_bytes, password, created, forwards, keep_copy, route, \
             language, hourly_limit, lock_reason, lock_since, route_epoch) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            vals![
                *id,
                address,
                status,
                *quota,
                password.as_ref(),
                *created,
                &line.forwards,
                line.keep_copy,
                line.route.as_ref(),
                line.language.as_ref(),
                line.hourly_limit,
                line.lock_reason.as_ref(),
                line.lock_since,
                line.route_epoch
            ],
        )?;
        Ok(())
    }

    fn next_account(&self) -> Result<i64> {
        let sql = "SELECT next_id FROM account_state WHERE account_id = ?1";
        self.one(sql, vals![self.account], |r| r.int(0))?
            .ok_or_else(|| Error::Corrupt("the directory has no state row".into()))
    }

    fn lift_next_account(&self, next: i64) -> Result<()> {
        self.execute(
            "UPDATE account_state SET next_id = ?2 WHERE account_id = ?1 AND next_id < ?2",
            vals![self.account, next],
        )?;
        Ok(())
    }
}
