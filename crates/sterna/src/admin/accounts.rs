//! Requests about accounts.

use sterna_core::{Address, Clock as _, SystemClock};
use sterna_store::{AccountRecord, AccountStatus, Error as StoreError, Route, SendingLock};

use super::answer::{AccountInfo, Answer, LockInfo};
use super::platform::Platform;
use super::request::{AccountChange, Hidden};
use super::{domains, places, platforms};
use crate::error::{Error, Result};

pub(super) async fn add(
    platform: &Platform,
    address: &str,
    password: Option<Hidden>,
    quota: Option<u64>,
    deliver_to: Option<String>,
) -> Result<Answer> {
    let address = Address::parse(address)?;
    let domain = address.domain();
    if !platform.store.domains().await?.iter().any(|known| known == domain) {
        return Err(Error::new(format!("domain {domain} does not exist; run \"sterna domain add {domain}\" first")));
    }
    if let Some(Route::Platform(name)) = deliver_to.as_deref().map(Route::parse) {
        platforms::record(platform, &name).await?;
    }
    let id = platform.store.add_account(&address, password.as_ref().map(|p| p.0.as_str()), quota).await?;
    if deliver_to.is_some() {
        platform.store.set_route(id, deliver_to).await?;
    }
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

pub(super) async fn change(platform: &Platform, address: &str, changes: Vec<AccountChange>) -> Result<Answer> {
    let record = platform.record(address).await?;
    let mut forwards = Vec::new();
    for change in &changes {
        if let AccountChange::Forward { to, keep_copy } = change {
            forwards = forwarding(&record, to.as_deref(), *keep_copy)?;
        }
    }
    let mut moves = false;
    for change in &changes {
        if let AccountChange::DeliverTo(route) = change {
            let domain = domains::record(platform, record.address.domain()).await?;
            moves = places::may_go(platform, &record, &domain, route.as_deref()).await?;
        }
    }
    // What is so already is not written: each change of a route counts.
    for change in changes.into_iter().filter(|change| moves || !matches!(change, AccountChange::DeliverTo(_))) {
        make(platform, &record, change, &forwards).await?;
    }
    show(platform, address).await
}

/// Where mail goes on to after a change.
fn forwarding(record: &AccountRecord, to: Option<&[String]>, keep_copy: Option<bool>) -> Result<Vec<Address>> {
    let forwards = match to {
        Some(to) => to.iter().map(|address| Address::parse(address)).collect::<Result<Vec<_>, _>>()?,
        None => record.forwards.clone(),
    };
    if forwards.contains(&record.address) {
        return Err(Error::new("an account cannot forward to itself; --keep-copy keeps a copy here"));
    }
    if forwards.is_empty() && keep_copy == Some(false) {
        return Err(Error::new("without a copy and without --forward, mail would go nowhere"));
    }
    Ok(forwards)
}

async fn make(platform: &Platform, record: &AccountRecord, change: AccountChange, forwards: &[Address]) -> Result<()> {
    let (store, id) = (&platform.store, record.id);
    match change {
        AccountChange::Quota(quota) => store.set_quota(id, quota).await?,
        AccountChange::Password(password) => store.set_password(id, &password.0).await?,
        AccountChange::Suspend => store.set_status(id, AccountStatus::Suspended).await?,
        AccountChange::Resume => store.set_status(id, AccountStatus::Active).await?,
        AccountChange::Forward { keep_copy, .. } => {
            // Without a forward everything is kept, whatever was said before.
            let keep_copy = forwards.is_empty() || keep_copy.unwrap_or(record.keep_copy);
            store.set_forwards(id, forwards.to_vec(), keep_copy).await?;
        }
        AccountChange::DeliverTo(route) => store.set_route(id, route).await?,
        AccountChange::Language(language) => store.set_language(id, language).await?,
        AccountChange::HourlyLimit(limit) => store.set_hourly_limit(id, limit).await?,
        AccountChange::Lock(reason) => {
            let lock = reason.map(|reason| SendingLock { reason, since: SystemClock.unix() });
            store.set_sending_lock(id, lock).await?;
        }
        AccountChange::Utf8Accept(may) => {
            platform.account(record).await?.write(move |tx| tx.set_utf8_accept(may)).await?;
        }
    }
    Ok(())
}

pub(super) async fn remove(platform: &Platform, address: &str) -> Result<Answer> {
    let record = platform.record(address).await?;
    platform.jobs.stop(record.id).await?;
    platform.store.remove_account(record.id).await?;
    Ok(Answer::Removed([("account".to_owned(), record.address.to_string())].into()))
}

async fn info(platform: &Platform, record: &AccountRecord) -> Result<AccountInfo> {
    let account = platform.account(record).await?;
    let read = account.read(|tx| Ok((tx.account_state()?, tx.mailboxes()?, tx.sieve_scripts()?)));
    let (state, mailboxes, scripts) = read.await?;
    let identities = platform.store.identities(record.id).await?;
    let missing = || StoreError::NotFound(format!("account {}", record.address));
    let routed = platform.store.routed_by_id(record.id).await?.ok_or_else(missing)?;
    let others = identities.iter().filter(|address| **address != record.address);
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
        aliases: others.map(Address::to_string).collect(),
        forwards: record.forwards.iter().map(Address::to_string).collect(),
        keep_copy: record.keep_copy,
        deliver_to: record.route.clone(),
        place: routed.route.to_string(),
        route_epoch: routed.epoch,
        language: record.language.clone(),
        hourly_limit: record.hourly_limit,
        lock: record.lock.as_ref().map(|lock| LockInfo { reason: lock.reason.clone(), since: lock.since }),
        utf8_accept: state.utf8_accept,
        sieve: scripts.into_iter().find(|script| script.active).map(|script| script.name),
    })
}
