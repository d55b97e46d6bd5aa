//! The account's Sieve scripts (RFC 5228), as ManageSieve (RFC 5804) and the web page keep them. What they mean is not known
//! here.

use crate::db::{Tx, vals};
use crate::error::{Error, Result};

/// One script, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SieveScript {
    /// Unique in the account.
    pub name: String,
    /// It is run at delivery.
    pub active: bool,
    /// Bytes.
    pub size: u64,
    /// Last change of the text, seconds since 1970.
    pub modified: i64,
}

fn missing(name: &str) -> Error {
    Error::NotFound(format!("the script \"{name}\""))
}

impl Tx<'_> {
    /// All scripts, by name.
    pub fn sieve_scripts(&self) -> Result<Vec<SieveScript>> {
        self.query(
            "SELECT name, active, size, modified FROM sieve_script WHERE account_id = ?1 ORDER BY name",
            vals![self.account],
            |r| {
                let (name, active) = (r.text(0)?.to_owned(), r.bool(1)?);
                Ok(SieveScript { name, active, size: r.u64(2)?, modified: r.int(3)? })
            },
        )
    }

    /// The text of a script; `None`: there is none of that name.
    pub fn sieve_script(&self, name: &str) -> Result<Option<String>> {
        let sql = "SELECT text FROM sieve_script WHERE account_id = ?1 AND name = ?2";
        self.one(sql, vals![self.account, name], |r| Ok(r.text(0)?.to_owned()))
    }

    /// Name and text of the script that is run at delivery.
    pub fn active_sieve(&self) -> Result<Option<(String, String)>> {
        let sql = "SELECT name, text FROM sieve_script WHERE account_id = ?1 AND active = 1";
        self.one(sql, vals![self.account], |r| Ok((r.text(0)?.to_owned(), r.text(1)?.to_owned())))
    }

    /// Stores a script, in place of one of that name, which stays active if it was. [`Error::Invalid`] for a NUL in either.
    pub fn put_sieve(&self, name: &str, text: &str) -> Result<()> {
        if name.contains('\0') || text.contains('\0') {
            return Err(Error::Invalid("a script cannot have a NUL character".into()));
        }
        self.modseq()?;
        self.execute(
            "INSERT INTO sieve_script (account_id, name, active, size, modified, text) VALUES (?1, ?2, 0, ?3, ?4, ?5) \
             ON CONFLICT (account_id, name) DO UPDATE SET size = ?3, modified = ?4, text = ?5",
            vals![self.account, name, text.len(), self.now, text],
        )?;
        Ok(())
    }

    /// Makes one script, or none, the one that is run. [`Error::NotFound`] if there is none of that name.
    pub fn set_active_sieve(&self, name: Option<&str>) -> Result<()> {
        self.modseq()?;
        self.execute("UPDATE sieve_script SET active = 0 WHERE account_id = ?1 AND active = 1", vals![self.account])?;
        let Some(name) = name else { return Ok(()) };
        let sql = "UPDATE sieve_script SET active = 1 WHERE account_id = ?1 AND name = ?2";
        if self.execute(sql, vals![self.account, name])? == 0 { Err(missing(name)) } else { Ok(()) }
    }

    /// Gives a script another name; an active one stays active. [`Error::NotFound`] if there is none, [`Error::Exists`] if the
    /// new name is taken.
    pub fn rename_sieve(&self, old: &str, new: &str) -> Result<()> {
        let known = |name| {
            let sql = "SELECT 1 FROM sieve_script WHERE account_id = ?1 AND name = ?2";
            Ok::<_, Error>(self.one(sql, vals![self.account, name], |_| Ok(()))?.is_some())
        };
        if !known(old)? {
            return Err(missing(old));
        }
        if old != new && known(new)? {
            return Err(Error::Exists(format!("the script \"{new}\"")));
        }
        self.modseq()?;
        let sql = "UPDATE sieve_script SET name = ?3 WHERE account_id = ?1 AND name = ?2";
        self.execute(sql, vals![self.account, old, new])?;
        Ok(())
    }

    /// Removes a script. [`Error::NotFound`] if there is none, [`Error::NotPermitted`] if it is active (RFC 5804 §2.10).
    pub fn remove_sieve(&self, name: &str) -> Result<()> {
        let sql = "SELECT active FROM sieve_script WHERE account_id = ?1 AND name = ?2";
        match self.one(sql, vals![self.account, name], |r| r.bool(0))? {
            None => return Err(missing(name)),
            Some(true) => return Err(Error::NotPermitted(format!("the script \"{name}\" is active"))),
            Some(false) => self.modseq()?,
        };
        self.execute("DELETE FROM sieve_script WHERE account_id = ?1 AND name = ?2", vals![self.account, name])?;
        Ok(())
    }
}
