//! Aliases: addresses of ours whose mail goes to others, local or remote.

use sterna_core::{AccountId, Address};

use super::stored_address;
use crate::db::{Tx, Val, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// One alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasRecord {
    /// Of a domain of ours; no account has it.
    pub address: Address,
    /// Where its mail goes, in order of their text; at least one.
    pub targets: Vec<Address>,
    /// Seconds since 1970.
    pub created: i64,
}

impl Store {
    /// Adds targets to an alias, which is made if need be. Its domain must be ours; [`Error::Exists`] if an account has the
    /// address, [`Error::Invalid`] without targets.
    pub async fn add_alias(&self, address: &Address, targets: Vec<Address>) -> Result<()> {
        let address = address.clone();
        self.directory().write(move |tx| tx.add_alias(&address, &targets)).await
    }

    /// Removes targets from an alias; one without targets is gone. No targets: all of them.
    pub async fn remove_alias(&self, address: &Address, targets: Vec<Address>) -> Result<()> {
        let address = address.clone();
        self.directory().write(move |tx| tx.remove_alias(&address, &targets)).await
    }

    /// An alias by its address.
    pub async fn alias(&self, address: &Address) -> Result<Option<AliasRecord>> {
        let address = address.clone();
        self.directory().read(move |tx| Ok(tx.aliases_of(&[address.as_str(), address.as_str()])?.pop())).await
    }

    /// All aliases, or those of one domain, by address.
    pub async fn aliases(&self, domain: Option<&str>) -> Result<Vec<AliasRecord>> {
        let domain = domain.map(super::domains::folded);
        self.directory().read(move |tx| tx.aliases(domain.as_deref())).await
    }

    /// The addresses that an account may send as: its own first, then those of aliases that have it as a target.
    pub async fn identities(&self, id: AccountId) -> Result<Vec<Address>> {
        self.directory().read(move |tx| tx.identities(id)).await
    }
}

impl Tx<'_> {
    fn add_alias(&self, address: &Address, targets: &[Address]) -> Result<()> {
        if targets.is_empty() {
            return Err(Error::Invalid(format!("alias {address} needs a target")));
        }
        self.needs_domain(address.domain())?;
        if self.find_account(address)?.is_some() {
            return Err(Error::Exists(format!("account {address}")));
        }
        self.execute(
            "INSERT INTO alias (address, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            vals![address.as_str(), self.now()],
        )?;
        let rows: Vec<[Val<'_>; 2]> = targets.iter().map(|t| [address.as_str().into(), t.as_str().into()]).collect();
        self.execute_many("INSERT INTO alias_target (address, target) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &rows)
    }

    fn remove_alias(&self, address: &Address, targets: &[Address]) -> Result<()> {
        let address = address.as_str();
        if targets.is_empty() {
            self.execute("DELETE FROM alias_target WHERE address = ?1", vals![address])?;
        }
        for target in targets {
            let sql = "DELETE FROM alias_target WHERE address = ?1 AND target = ?2";
            if self.execute(sql, vals![address, target.as_str()])? == 0 {
                return Err(Error::NotFound(format!("target {target} of alias {address}")));
            }
        }
        let sql = "SELECT 1 FROM alias_target WHERE address = ?1";
        if self.one(sql, vals![address], |_| Ok(()))?.is_some() {
            return Ok(());
        }
        match self.execute("DELETE FROM alias WHERE address = ?1", vals![address])? {
            0 => Err(Error::NotFound(format!("alias {address}"))),
            _ => Ok(()),
        }
    }

    /// Those of two addresses that are aliases, by address.
    pub(super) fn aliases_of(&self, addresses: &[&str; 2]) -> Result<Vec<AliasRecord>> {
        self.alias_rows("WHERE a.address IN (?1, ?2) ", vals![addresses[0], addresses[1]])
    }

    pub(super) fn aliases(&self, domain: Option<&str>) -> Result<Vec<AliasRecord>> {
        let all = self.alias_rows("", &[])?;
        Ok(all.into_iter().filter(|a| domain.is_none_or(|d| a.address.domain() == d)).collect())
    }

    fn alias_rows(&self, which: &str, params: &[Val<'_>]) -> Result<Vec<AliasRecord>> {
        let sql = [
            "SELECT a.address, a.created, t.target FROM alias a JOIN alias_target t ON t.address = a.address ",
            which,
            "ORDER BY a.address, t.target",
        ];
        let mut aliases: Vec<AliasRecord> = Vec::new();
        self.each(&sql.concat(), params, |r| {
            let target = stored_address(r.text(2)?)?;
            match aliases.last_mut().filter(|alias| r.text(0).is_ok_and(|a| a == alias.address.as_str())) {
                Some(alias) => alias.targets.push(target),
                None => aliases.push(AliasRecord {
                    address: stored_address(r.text(0)?)?,
                    targets: vec![target],
                    created: r.int(1)?,
                }),
            }
            Ok(())
        })?;
        Ok(aliases)
    }

    fn identities(&self, id: AccountId) -> Result<Vec<Address>> {
        let own = self.one("SELECT address FROM account WHERE id = ?1", vals![id], |r| stored_address(r.text(0)?))?;
        let own = own.ok_or_else(|| Error::NotFound(format!("account {id}")))?;
        let sql = "SELECT address FROM alias_target WHERE target = ?1 ORDER BY address";
        let mut all = self.query(sql, vals![own.as_str()], |r| stored_address(r.text(0)?))?;
        all.insert(0, own);
        Ok(all)
    }
}
