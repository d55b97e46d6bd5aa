//! Domains whose mail lives here.

use crate::db::{Tx, vals};
use crate::error::{Error, Result};

impl Tx<'_> {
    pub(crate) fn add_domain(&self, name: &str) -> Result<()> {
        let added = self.execute(
            "INSERT INTO domain (name, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            vals![name, self.now()],
        )?;
        if added == 0 { Err(Error::Exists(format!("domain {name}"))) } else { Ok(()) }
    }

    pub(crate) fn domains(&self) -> Result<Vec<String>> {
        self.query("SELECT name FROM domain ORDER BY name", &[], |r| Ok(r.text(0)?.to_owned()))
    }

    pub(crate) fn remove_domain(&self, name: &str) -> Result<()> {
        if let Some(account) = self.accounts(Some(name))?.first() {
            return Err(Error::NotPermitted(format!("domain {name} still has accounts, {} for one", account.address)));
        }
        let removed = self.execute("DELETE FROM domain WHERE name = ?1", vals![name])?;
        if removed == 0 { Err(Error::NotFound(format!("domain {name}"))) } else { Ok(()) }
    }
}
