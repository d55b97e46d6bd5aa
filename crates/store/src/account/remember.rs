//! What was done already and must not be done again for a while: who got an automatic reply, which notice was given, which
//! message was seen (RFC 5230 §4.2, RFC 7352).

use crate::db::{Tx, Val, vals};
use crate::error::Result;

/// Rows whose time has run out that one call sweeps: more than it adds.
const SWEPT: usize = 8;

impl Tx<'_> {
    /// Remembers something until a time, in seconds since 1970; `true` if it was not remembered yet, or its time has run out.
    /// What is remembered already keeps its time.
    pub fn remember(&self, kind: &str, key: &[u8], until: i64) -> Result<bool> {
        if self.remembered(kind, key)? {
            return Ok(false);
        }
        self.remember_until(kind, key, until)?;
        Ok(true)
    }

    /// Remembers something until a time, in seconds since 1970, whatever time it had before (RFC 7352 §3.4 `:last`).
    pub fn remember_until(&self, kind: &str, key: &[u8], until: i64) -> Result<()> {
        self.modseq()?;
        self.sweep_remembered()?;
        self.execute(
            "INSERT INTO remembered (account_id, kind, key, until) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account_id, kind, key) DO UPDATE SET until = ?4",
            vals![self.account, kind, key, until],
        )?;
        Ok(())
    }

    /// Whether something is remembered.
    pub fn remembered(&self, kind: &str, key: &[u8]) -> Result<bool> {
        let sql = "SELECT 1 FROM remembered WHERE account_id = ?1 AND kind = ?2 AND key = ?3 AND until > ?4";
        Ok(self.one(sql, vals![self.account, kind, key, self.now], |_| Ok(()))?.is_some())
    }

    fn sweep_remembered(&self) -> Result<()> {
        let old = self.query(
            "SELECT kind, key FROM remembered WHERE account_id = ?1 AND until <= ?2 ORDER BY until LIMIT ?3",
            vals![self.account, self.now, SWEPT],
            |r| Ok((r.text(0)?.to_owned(), r.blob(1)?.to_vec())),
        )?;
        let rows: Vec<[Val<'_>; 3]> =
            old.iter().map(|(kind, key)| [self.account.into(), kind.into(), key.into()]).collect();
        self.execute_many("DELETE FROM remembered WHERE account_id = ?1 AND kind = ?2 AND key = ?3", &rows)
    }
}
