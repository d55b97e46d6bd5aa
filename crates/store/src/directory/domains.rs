//! Domains whose mail lives here: where mail for their unknown addresses goes, which platform has them, their limit.

use sterna_core::Address;

use crate::db::{Row, Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// One domain of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRecord {
    /// Lower case.
    pub name: String,
    /// Who gets mail for addresses that nobody has; `None`: it is refused.
    pub catch_all: Option<Address>,
    /// Where the domain's mailboxes are, as [`crate::Route`] writes it, unless an account says otherwise; `None`: here.
    pub route: Option<String>,
    /// Messages that all accounts of the domain may submit in an hour; `None`: no limit.
    pub hourly_limit: Option<u32>,
    /// Seconds since 1970.
    pub created: i64,
}

/// One property of a domain to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainChange {
    /// [`DomainRecord::catch_all`].
    CatchAll(Option<Address>),
    /// [`DomainRecord::route`].
    Route(Option<String>),
    /// [`DomainRecord::hourly_limit`].
    HourlyLimit(Option<u32>),
}

const COLUMNS: &str = "name, catch_all, route, hourly_limit, created";

fn from_row(r: &Row<'_>) -> Result<DomainRecord> {
    let catch_all = r.opt_text(1)?.map(super::stored_address).transpose()?;
    Ok(DomainRecord {
        name: r.text(0)?.to_owned(),
        catch_all,
        route: r.opt_text(2)?.map(str::to_owned),
        hourly_limit: super::stored_limit(r, 3)?,
        created: r.int(4)?,
    })
}

/// As names of domains are kept.
pub(super) fn folded(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}

impl Store {
    /// A domain by its name, in any case; `None`: it is not ours.
    pub async fn domain(&self, name: &str) -> Result<Option<DomainRecord>> {
        let name = folded(name);
        self.directory().read(move |tx| tx.domain(&name)).await
    }

    /// All domains with their properties, by name.
    pub async fn domain_records(&self) -> Result<Vec<DomainRecord>> {
        self.directory()
            .read(|tx| tx.query(&["SELECT ", COLUMNS, " FROM domain ORDER BY name"].concat(), &[], from_row))
            .await
    }

    /// Sets a property of a domain.
    pub async fn set_domain(&self, name: &str, change: DomainChange) -> Result<()> {
        let name = folded(name);
        self.directory().write(move |tx| tx.set_domain(&name, &change)).await
    }
}

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

    pub(super) fn domain(&self, name: &str) -> Result<Option<DomainRecord>> {
        self.one(&["SELECT ", COLUMNS, " FROM domain WHERE name = ?1"].concat(), vals![name], from_row)
    }

    /// Fails if the domain is not ours.
    pub(super) fn needs_domain(&self, name: &str) -> Result<()> {
        match self.one("SELECT 1 FROM domain WHERE name = ?1", vals![name], |_| Ok(()))? {
            Some(()) => Ok(()),
            None => Err(Error::NotFound(format!("domain {name}"))),
        }
    }

    fn set_domain(&self, name: &str, change: &DomainChange) -> Result<()> {
        let (sql, value): (&str, Val<'_>) = match change {
            DomainChange::CatchAll(target) => {
                ("UPDATE domain SET catch_all = ?2 WHERE name = ?1", target.as_ref().map(Address::as_str).into())
            }
            DomainChange::Route(route) => {
                self.needs_platform(route.as_deref())?;
                ("UPDATE domain SET route = ?2 WHERE name = ?1", route.as_ref().into())
            }
            DomainChange::HourlyLimit(limit) => {
                ("UPDATE domain SET hourly_limit = ?2 WHERE name = ?1", (*limit).into())
            }
        };
        if self.execute(sql, &[name.into(), value])? == 0 {
            return Err(Error::NotFound(format!("domain {name}")));
        }
        Ok(())
    }

    /// Removes a domain that has neither accounts nor aliases, and its keys.
    pub(crate) fn remove_domain(&self, name: &str) -> Result<()> {
        if let Some(account) = self.accounts(Some(name))?.first() {
            return Err(Error::NotPermitted(format!("domain {name} still has accounts, {} for one", account.address)));
        }
        if let Some(alias) = self.aliases(Some(name))?.first() {
            return Err(Error::NotPermitted(format!("domain {name} still has aliases, {} for one", alias.address)));
        }
        self.execute("DELETE FROM dkim_key WHERE domain = ?1", vals![name])?;
        self.execute("DELETE FROM submission_domain WHERE domain = ?1", vals![name])?;
        let removed = self.execute("DELETE FROM domain WHERE name = ?1", vals![name])?;
        if removed == 0 { Err(Error::NotFound(format!("domain {name}"))) } else { Ok(()) }
    }
}
