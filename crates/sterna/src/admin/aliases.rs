//! Requests about aliases: addresses whose mail goes to others.

use serde::{Deserialize, Serialize};
use sterna_core::Address;
use sterna_store::AliasRecord;

use super::answer::Answer;
use super::domains;
use super::platform::Platform;
use crate::error::{Error, Result};

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasInfo {
    /// The address.
    pub address: String,
    /// Where its mail goes.
    pub targets: Vec<String>,
    /// Seconds since 1970.
    pub created: i64,
}

impl From<AliasRecord> for AliasInfo {
    fn from(record: AliasRecord) -> AliasInfo {
        AliasInfo {
            address: record.address.to_string(),
            targets: record.targets.iter().map(Address::to_string).collect(),
            created: record.created,
        }
    }
}

pub(super) async fn add(platform: &Platform, address: &str, targets: &[String]) -> Result<Answer> {
    let address = Address::parse(address)?;
    let targets = parse(targets)?;
    domains::record(platform, address.domain()).await?;
    platform.store.add_alias(&address, targets).await?;
    show(platform, address.as_str()).await
}

pub(super) async fn list(platform: &Platform, domain: Option<&str>) -> Result<Answer> {
    if let Some(domain) = domain {
        domains::record(platform, domain).await?;
    }
    let records = platform.store.aliases(domain).await?;
    Ok(Answer::Aliases(records.into_iter().map(AliasInfo::from).collect()))
}

pub(super) async fn show(platform: &Platform, address: &str) -> Result<Answer> {
    Ok(Answer::Alias(record(platform, &Address::parse(address)?).await?.into()))
}

pub(super) async fn remove(platform: &Platform, address: &str, targets: &[String]) -> Result<Answer> {
    let address = Address::parse(address)?;
    let targets = parse(targets)?;
    let record = record(platform, &address).await?;
    if let Some(other) = targets.iter().find(|target| !record.targets.contains(target)) {
        return Err(Error::new(format!("{address} does not go to {other}; nothing was removed")));
    }
    platform.store.remove_alias(&address, targets).await?;
    match platform.store.alias(&address).await? {
        Some(left) => Ok(Answer::Alias(left.into())),
        None => Ok(Answer::Removed([("alias".to_owned(), address.to_string())].into())),
    }
}

async fn record(platform: &Platform, address: &Address) -> Result<AliasRecord> {
    let missing = || Error::new(format!("alias {address} does not exist; \"sterna alias list\" shows those that do"));
    platform.store.alias(address).await?.ok_or_else(missing)
}

fn parse(addresses: &[String]) -> Result<Vec<Address>> {
    Ok(addresses.iter().map(|address| Address::parse(address)).collect::<Result<_, _>>()?)
}
