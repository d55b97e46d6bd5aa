//! Holds: an account whose sessions and mail wait while its route changes; and which nodes have sessions that must answer.
//!
//! A hold lasts until its end is written or its time has passed, by the database's clock. Rounds ask the nodes for something
//! each: round 0 to let sessions that cannot be parked end, 1 to park, the others to look whether anything changed. Who has sessions of whom is written only where
//! several nodes share the store; a node that cannot renew its own line in time ends its sessions itself.

use std::time::Duration;

use sterna_core::{AccountId, ModSeq};

use crate::db::{Row, Tx, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// A hold as the directory has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Whose.
    pub account: AccountId,
    /// Tells it from earlier ones.
    pub token: ModSeq,
    /// What is asked: 0 to let end what cannot be parked, 1 to park, a higher one to look.
    pub round: u32,
    /// How much of its time is left.
    pub left: Duration,
}

fn from_row(r: &Row<'_>, now: i64) -> Result<Hold> {
    let left = u64::try_from(r.int(3)?.saturating_sub(now)).unwrap_or(0);
    Ok(Hold {
        account: AccountId(r.u64(0)?),
        token: ModSeq(r.u64(1)?),
        round: r.u32(2)?,
        left: Duration::from_millis(left),
    })
}

impl Store {
    /// Begins a hold in round 0, for at most `term`. Fails with [`Error::Exists`] while there is one.
    pub async fn begin_hold(&self, account: AccountId, term: Duration) -> Result<Hold> {
        self.directory()
            .write(move |tx| {
                let until = tx.end_of(term)?;
                if tx.hold(account)?.is_some() {
                    return Err(Error::Exists(format!("a hold of account {account}")));
                }
                let token = tx.modseq()?;
                tx.execute(
                    "INSERT INTO hold (account_id, token, round, until) VALUES (?1, ?2, 0, ?3) \
                     ON CONFLICT (account_id) DO UPDATE SET token = ?2, round = 0, until = ?3",
                    vals![account, token, until],
                )?;
                Ok(Hold { account, token, round: 0, left: term })
            })
            .await
    }

    /// Goes on to the next round, with `left` of its time from now. Fails with [`Error::HoldOver`] if its time has passed.
    pub async fn next_round(&self, hold: &Hold, left: Duration) -> Result<Hold> {
        let Hold { account, token, round, .. } = *hold;
        self.directory()
            .write(move |tx| {
                tx.needs_hold(account, token)?;
                let (round, until) = (round + 1, tx.end_of(left)?);
                let sql = "UPDATE hold SET round = ?2, until = ?3 WHERE account_id = ?1";
                tx.execute(sql, vals![account, round, until])?;
                Ok(Hold { account, token, round, left })
            })
            .await
    }

    /// Ends a hold without a change of route. One that has ended already is left alone.
    pub async fn end_hold(&self, hold: &Hold) -> Result<()> {
        let Hold { account, token, .. } = *hold;
        self.directory().write(move |tx| tx.end_hold(account, token)).await
    }

    /// The hold of an account, if there is one now.
    pub async fn hold(&self, account: AccountId) -> Result<Option<Hold>> {
        self.directory().read(move |tx| tx.hold(account)).await
    }

    /// All holds of accounts that `node` has sessions of, for that node to act on.
    pub async fn holds_of_node(&self, node: &str) -> Result<Vec<Hold>> {
        let node = node.to_owned();
        self.directory()
            .read(move |tx| {
                let now = tx.db_millis()?;
                tx.query(
                    "SELECT h.account_id, h.token, h.round, h.until FROM hold h JOIN presence p \
                     ON p.account_id = h.account_id WHERE p.node = ?1 AND h.until > ?2 ORDER BY h.account_id",
                    vals![&node, now],
                    |r| from_row(r, now),
                )
            })
            .await
    }

    /// Tells of each change of the directory, here or on another node.
    pub fn directory_changes(&self) -> tokio::sync::watch::Receiver<ModSeq> {
        self.directory().changes()
    }

    /// This node, by the name under which it has sessions.
    pub fn node(&self) -> String {
        self.holder()
    }

    /// This node may have sessions for `term` from now.
    pub async fn renew_node(&self, node: &str, term: Duration) -> Result<()> {
        let node = node.to_owned();
        self.directory()
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO node (name, until) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET until = ?2",
                    vals![&node, tx.end_of(term)?],
                )?;
                Ok(())
            })
            .await
    }

    /// Holds and sessions of an earlier life of the only process that has the store. Called once, at opening.
    pub(crate) async fn forget_holds(&self) -> Result<()> {
        let any = self.directory().read(|tx| tx.one("SELECT 1 FROM hold LIMIT 1", &[], |_| Ok(()))).await?;
        if any.is_none() {
            return Ok(());
        }
        self.directory().write(|tx| tx.execute("DELETE FROM hold", &[]).map(drop)).await
    }

    /// Forgets a node's line and all its sessions: it starts, or stops.
    pub async fn forget_node(&self, node: &str) -> Result<()> {
        let node = node.to_owned();
        self.directory()
            .write(move |tx| {
                tx.execute("DELETE FROM presence WHERE node = ?1", vals![&node])?;
                tx.execute("DELETE FROM node WHERE name = ?1", vals![&node])?;
                Ok(())
            })
            .await
    }

    /// Writes that a node has sessions of an account, before the first of them reads the route. Gives the hold that is on: then
    /// nothing was written, and the sessions must wait. Those that can be parked (`parks`) need not wait in round 0.
    pub async fn enter(&self, account: AccountId, node: &str, parks: bool) -> Result<Option<Hold>> {
        let node = node.to_owned();
        self.directory()
            .write(move |tx| {
                let hold = tx.hold(account)?.filter(|hold| !parks || hold.round > 0);
                if hold.is_none() {
                    tx.execute(
                        "INSERT INTO presence (account_id, node, token, round) VALUES (?1, ?2, 0, 0) \
                         ON CONFLICT (account_id, node) DO NOTHING",
                        vals![account, &node],
                    )?;
                }
                Ok(hold)
            })
            .await
    }

    /// Writes that a node's last session of an account has ended.
    pub async fn leave(&self, account: AccountId, node: &str) -> Result<()> {
        let node = node.to_owned();
        self.directory()
            .write(move |tx| {
                tx.execute("DELETE FROM presence WHERE account_id = ?1 AND node = ?2", vals![account, &node])?;
                Ok(())
            })
            .await
    }

    /// Writes that all sessions of an account that a node has did what the hold's round asked, and how many of them are parked.
    pub async fn answer_hold(&self, hold: &Hold, node: &str, parked: usize) -> Result<()> {
        let (hold, node) = (*hold, node.to_owned());
        self.directory()
            .write(move |tx| {
                tx.execute(
                    "UPDATE presence SET token = ?3, round = ?4, parked = ?5 WHERE account_id = ?1 AND node = ?2",
                    vals![hold.account, &node, hold.token, hold.round, i64::try_from(parked).unwrap_or(i64::MAX)],
                )?;
                Ok(())
            })
            .await
    }

    /// Sessions that are parked on nodes other than `but`, as those answered last.
    pub async fn parked_elsewhere(&self, hold: &Hold, but: &str) -> Result<usize> {
        let (hold, but) = (*hold, but.to_owned());
        self.directory()
            .read(move |tx| {
                let parked = tx.query(
                    "SELECT p.parked FROM presence p JOIN node n ON n.name = p.node \
                     WHERE p.account_id = ?1 AND n.until > ?2 AND p.node <> ?3 AND p.token = ?4",
                    vals![hold.account, tx.db_millis()?, &but, hold.token],
                    |r| r.u64(0),
                )?;
                Ok(usize::try_from(parked.into_iter().sum::<u64>()).unwrap_or(usize::MAX))
            })
            .await
    }

    /// Nodes that have sessions of the account, other than `but`, and did not yet do what the hold's round asks. A node whose
    /// time has passed has no sessions.
    pub async fn unanswered(&self, hold: &Hold, but: &str) -> Result<Vec<String>> {
        let (hold, but) = (*hold, but.to_owned());
        self.directory()
            .read(move |tx| {
                tx.query(
                    "SELECT p.node FROM presence p JOIN node n ON n.name = p.node WHERE p.account_id = ?1 \
                     AND n.until > ?2 AND p.node <> ?3 AND NOT (p.token = ?4 AND p.round >= ?5) ORDER BY p.node",
                    vals![hold.account, tx.db_millis()?, &but, hold.token, hold.round],
                    |r| Ok(r.text(0)?.to_owned()),
                )
            })
            .await
    }
}

impl Tx<'_> {
    fn hold(&self, account: AccountId) -> Result<Option<Hold>> {
        let sql = "SELECT account_id, token, round, until FROM hold WHERE account_id = ?1";
        // The time is asked for last: that there is no hold is the rule.
        match self.one(sql, vals![account], |r| Ok((from_row(r, 0)?, r.int(3)?)))? {
            Some((hold, until)) => {
                let left = u64::try_from(until.saturating_sub(self.db_millis()?)).unwrap_or(0);
                Ok((left > 0).then_some(Hold { left: Duration::from_millis(left), ..hold }))
            }
            None => Ok(None),
        }
    }

    /// Whether mail for an account waits: its sessions are parked.
    pub(super) fn holds_mail(&self, account: AccountId) -> Result<bool> {
        Ok(self.hold(account)?.is_some_and(|hold| hold.round > 0))
    }

    /// Fails unless that very hold is still on.
    pub(super) fn needs_hold(&self, account: AccountId, token: ModSeq) -> Result<()> {
        match self.hold(account)? {
            Some(hold) if hold.token == token => Ok(()),
            _ => Err(Error::HoldOver),
        }
    }

    pub(super) fn end_hold(&self, account: AccountId, token: ModSeq) -> Result<()> {
        self.execute("DELETE FROM hold WHERE account_id = ?1 AND token = ?2", vals![account, token])?;
        Ok(())
    }
}
