//! The record of each account's move: its state machine is the mover's, its durability is the directory's.

use sterna_core::AccountId;

use crate::db::{Row, Tx, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// The move of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRecord {
    /// Which account.
    pub account: AccountId,
    /// The state's name (`planned`, `seeding`, …).
    pub state: String,
    /// JSON of the mover.
    pub record: String,
    /// The source's credentials, sealed by [`crate::Store::seal`].
    pub secret: Option<Vec<u8>>,
    /// Last change, seconds since 1970.
    pub updated: i64,
}

impl Store {
    /// The move of one account.
    pub async fn move_record(&self, account: AccountId) -> Result<Option<MoveRecord>> {
        let sql = "SELECT account_id, state, record, secret, updated FROM move WHERE account_id = ?1";
        self.directory().read(move |tx| tx.one(sql, vals![account], from_row)).await
    }

    /// Says what a mover is to do next, in its words; `None`: nothing any more. Whoever runs the move reads it.
    pub async fn want_move(&self, account: AccountId, wanted: Option<String>) -> Result<()> {
        self.directory()
            .write(move |tx| {
                let sql = "UPDATE move SET wanted = ?2 WHERE account_id = ?1";
                match tx.execute(sql, vals![account, wanted.as_ref()])? {
                    0 => Err(Error::NotFound(format!("a move of account {account}"))),
                    _ => Ok(()),
                }
            })
            .await
    }

    /// What a mover is asked to do next.
    pub async fn wanted_of_move(&self, account: AccountId) -> Result<Option<String>> {
        let sql = "SELECT wanted FROM move WHERE account_id = ?1";
        let read = move |tx: &Tx<'_>| tx.one(sql, vals![account], |r| Ok(r.opt_text(0)?.map(str::to_owned)));
        Ok(self.directory().read(read).await?.flatten())
    }
}

fn from_row(r: &Row<'_>) -> Result<MoveRecord> {
    Ok(MoveRecord {
        account: AccountId(r.u64(0)?),
        state: r.text(1)?.to_owned(),
        record: r.text(2)?.to_owned(),
        secret: r.opt_blob(3)?.map(<[u8]>::to_vec),
        updated: r.int(4)?,
    })
}

impl Tx<'_> {
    pub(crate) fn put_move(&self, m: &MoveRecord) -> Result<()> {
        self.execute(
            "INSERT INTO move (account_id, state, record, secret, updated) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (account_id) DO UPDATE SET state = ?2, record = ?3, secret = ?4, updated = ?5",
            vals![m.account, &m.state, &m.record, m.secret.as_ref(), m.updated],
        )?;
        Ok(())
    }

    pub(crate) fn moves(&self) -> Result<Vec<MoveRecord>> {
        self.query("SELECT account_id, state, record, secret, updated FROM move ORDER BY account_id", &[], from_row)
    }

    pub(crate) fn remove_move(&self, account: AccountId) -> Result<()> {
        self.execute("DELETE FROM move WHERE account_id = ?1", vals![account])?;
        Ok(())
    }
}
