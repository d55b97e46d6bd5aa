//! Requests about accounts.

use sterna_core::Address;
use sterna_store::{AccountRecord, AccountStatus};

use super::answer::{AccountInfo, Answer};
use super::platform::Platform;
use super::request::{AccountChange, Hidden};
use crate::error::{Error, Result};

pub(super) async fn add(
    platform: &Platform,
    address: &str,
    password: Option<Hidden>,
    quota: Option<u64>,
) -> Result<Answer> {
    let address = Address::parse(address)?;
    let domain = address.domain();
    if !platform.store.domains().await?.iter().any(|known| known == domain) {
        return Err(Error::new(format!("domain {domain} does not exist; run \"sterna domain add {domain}\" first")));
    }
    platform.store.add_account(&address, password.as_ref().map(|p| p.0.as_str()), quota).await?;
    show(platform, address.as_str()).await
}

pub(super) async fn list(platform: &Platform, domain: Option<&str>) -> Result<Answer> {
    let mut infos = Vec::new();
    for record in platform.store.accounts(domain).await? {
        infos.push(info(platform, &record).await?);
    }
    Ok(Answer::Accounts(infos))
}

pub(super) async fn show(platform: &Platform, address: &str) -> Result<Answer> {
    let record = platform.record(address).await?;
    Ok(Answer::Account(info(platform, &record).await?))
}

pub(super) async fn change(platform: &Platform, address: &str, change: AccountChange) -> Result<Answer> {
    let id = platform.record(address).await?.id;
    match change {
        AccountChange::Quota(quota) => platform.store.set_quota(id, quota).await?,
        AccountChange::Password(password) => platform.store.set_password(id, &password.0).await?,
        AccountChange::Suspend => platform.store.set_status(id, AccountStatus::Suspended).await?,
        AccountChange::Resume => platform.store.set_status(id, AccountStatus::Active).await?,
    }
    show(platform, address).await
}

pub(super) async fn remove(platform: &Platform, address: &str) -> Result<Answer> {
    let record = platform.record(address).await?;
    platform.jobs.stop(record.id).await?;
    platform.store.remove_account(record.id).await?;
    Ok(Answer::Removed([("account".to_owned(), record.address.to_string())].into()))
}

async fn info(platform: &Platform, record: &AccountRecord) -> Result<AccountInfo> {
    let account = platform.account(record).await?;
    let (state, mailboxes) = account.read(|tx| Ok((tx.account_state()?, tx.mailboxes()?))).await?;
    Ok(AccountInfo {
        address: record.address.to_string(),
        status: record.status.as_str().to_owned(),
        quota_bytes: record.quota_bytes,
        used_bytes: state.used_bytes,
        mailboxes: mailboxes.len() as u64,
        messages: mailboxes.iter().map(|m| u64::from(m.total)).sum(),
        has_password: record.has_password,
        created: record.created,
        home: platform.is_embedded().then(|| account.home().display().to_string()),
    })
}
