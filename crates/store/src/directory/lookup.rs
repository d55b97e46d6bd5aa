//! What an address of ours stands for: the question of every RCPT and of every delivery, in one short transaction.

use sterna_core::Address;

use super::{AccountRecord, AliasRecord, DomainRecord};
use crate::db::Tx;
use crate::error::Result;
use crate::store::Store;

/// What an address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its domain is not ours.
    NotOurs,
    /// Nobody has it, and the domain has no catch-all.
    Unknown(DomainRecord),
    /// An account, whatever its status.
    Account {
        /// The account.
        record: AccountRecord,
        /// Its domain.
        domain: DomainRecord,
        /// What stood behind the first `+` of the local part, folded to lower case.
        detail: Option<String>,
        /// Its route is about to change ([`crate::Hold`], from round 1 on): mail for it waits.
        held: bool,
    },
    /// An alias.
    Alias {
        /// The alias.
        record: AliasRecord,
        /// Its domain.
        domain: DomainRecord,
        /// What stood behind the first `+` of the local part, folded to lower case.
        detail: Option<String>,
    },
    /// Nobody has it; mail for such addresses goes here.
    CatchAll {
        /// Local or remote.
        target: Address,
        /// The domain.
        domain: DomainRecord,
    },
}

impl Store {
    /// All that delivery needs to know about an address, in one read transaction. Tried in this order: an account, an
    /// alias, both again without `+detail` in the local part (RFC 5233 §1), the domain's catch-all.
    pub async fn lookup(&self, address: &Address) -> Result<Found> {
        let address = address.clone();
        self.directory().read(move |tx| tx.lookup(&address)).await
    }
}

/// The address without the detail of its local part, and the detail.
fn split_detail(address: &Address) -> Option<(String, String)> {
    let (local, domain) = address.as_str().rsplit_once('@')?;
    let (name, detail) = local.split_once('+').filter(|(name, _)| !name.is_empty())?;
    Some((format!("{name}@{domain}"), detail.to_owned()))
}

impl Tx<'_> {
    fn lookup(&self, address: &Address) -> Result<Found> {
        let Some(domain) = self.domain(address.domain())? else { return Ok(Found::NotOurs) };
        let whole = address.as_str();
        let (base, detail) = match split_detail(address) {
            Some((base, detail)) => (base, Some(detail)),
            None => (whole.to_owned(), None),
        };
        let names = [whole, base.as_str()];
        let mut accounts = self.accounts_of(&names)?;
        if let Some(at) = accounts.iter().position(|account| account.address == *address) {
            let record = accounts.swap_remove(at);
            return Ok(Found::Account { held: self.holds_mail(record.id)?, record, domain, detail: None });
        }
        let mut aliases = self.aliases_of(&names)?;
        if let Some(at) = aliases.iter().position(|alias| alias.address == *address) {
            return Ok(Found::Alias { record: aliases.swap_remove(at), domain, detail: None });
        }
        Ok(match (accounts.pop(), aliases.pop(), &domain.catch_all) {
            (Some(record), ..) => Found::Account { held: self.holds_mail(record.id)?, record, domain, detail },
            (None, Some(record), _) => Found::Alias { record, domain, detail },
            (None, None, Some(target)) => Found::CatchAll { target: target.clone(), domain },
            (None, None, None) => Found::Unknown(domain),
        })
    }
}
