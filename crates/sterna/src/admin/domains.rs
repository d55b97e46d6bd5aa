//! Requests about domains.

use std::collections::HashMap;

use sterna_core::Address;
use sterna_store::{self as store, DomainRecord, Route};

use super::answer::{Answer, DomainInfo};
use super::platform::Platform;
use super::request::DomainChange;
use super::{places, platforms};
use crate::error::{Error, Result};

pub(super) async fn add(platform: &Platform, name: &str, deliver_to: Option<String>) -> Result<Answer> {
    if let Some(Route::Platform(name)) = deliver_to.as_deref().map(Route::parse) {
        platforms::record(platform, &name).await?;
    }
    platform.store.add_domain(name).await?;
    if deliver_to.is_some() {
        platform.store.set_domain(name, store::DomainChange::Route(deliver_to)).await?;
    }
    show(platform, name).await
}

pub(super) async fn list(platform: &Platform) -> Result<Answer> {
    let count = |counts: &mut HashMap<String, usize>, address: &Address| {
        *counts.entry(address.domain().to_owned()).or_default() += 1;
    };
    let (mut accounts, mut aliases) = (HashMap::new(), HashMap::new());
    platform.store.accounts(None).await?.iter().for_each(|a| count(&mut accounts, &a.address));
    platform.store.aliases(None).await?.iter().for_each(|a| count(&mut aliases, &a.address));
    let of = |counts: &HashMap<String, usize>, name: &str| counts.get(name).copied().unwrap_or_default();
    let records = platform.store.domain_records().await?.into_iter();
    let infos = records.map(|record| {
        let (accounts, aliases) = (of(&accounts, &record.name), of(&aliases, &record.name));
        info(record, accounts, aliases)
    });
    Ok(Answer::Domains(infos.collect()))
}

pub(super) async fn show(platform: &Platform, name: &str) -> Result<Answer> {
    let record = record(platform, name).await?;
    let accounts = platform.store.accounts(Some(&record.name)).await?.len();
    let aliases = platform.store.aliases(Some(&record.name)).await?.len();
    let dkim = Some(super::dkim::keys(platform, &record.name).await?);
    Ok(Answer::Domain(DomainInfo { dkim, ..info(record, accounts, aliases) }))
}

pub(super) async fn set(platform: &Platform, name: &str, changes: Vec<DomainChange>) -> Result<Answer> {
    let record = record(platform, name).await?;
    let mut checked = Vec::new();
    for change in changes {
        checked.push(match change {
            DomainChange::CatchAll(target) => {
                store::DomainChange::CatchAll(target.map(|target| Address::parse(&target)).transpose()?)
            }
            DomainChange::DeliverTo(route) => {
                places::may_all_go(platform, &record, route.as_deref()).await?;
                store::DomainChange::Route(route)
            }
            DomainChange::HourlyLimit(limit) => store::DomainChange::HourlyLimit(limit),
        });
    }
    for change in checked {
        platform.store.set_domain(&record.name, change).await?;
    }
    show(platform, &record.name).await
}

pub(super) async fn remove(platform: &Platform, name: &str) -> Result<Answer> {
    let name = fold(name);
    platform.store.remove_domain(&name).await?;
    Ok(Answer::Removed([("domain".to_owned(), name)].into()))
}

/// The directory's entry of a domain.
pub(super) async fn record(platform: &Platform, name: &str) -> Result<DomainRecord> {
    let name = fold(name);
    let missing = || Error::new(format!("domain {name} does not exist; \"sterna domain add {name}\" adds it"));
    platform.store.domain(&name).await?.ok_or_else(missing)
}

fn info(record: DomainRecord, accounts: usize, aliases: usize) -> DomainInfo {
    DomainInfo {
        name: record.name,
        accounts,
        aliases,
        catch_all: record.catch_all.map(|target| target.to_string()),
        deliver_to: record.route,
        hourly_limit: record.hourly_limit,
        created: record.created,
        dkim: None,
    }
}

fn fold(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}
