//! Where mailboxes are to be, said by hand. That is for mailboxes that hold nothing yet: one with mail is moved.

use sterna_migrate::Protocol;
use sterna_store::{AccountRecord, DomainRecord, Route};

use super::platform::Platform;
use crate::error::{Error, Result};

/// States of a move before anything was held: the mailbox is where it always was.
const BEFORE: [&str; 3] = ["planned", "seeding", "following"];

/// Refuses a change of an account's route that would hide mail, or that a move makes by itself. `route` is the new one as
/// the store has it; the answer is whether anything changes.
pub(super) async fn may_go(
    platform: &Platform,
    record: &AccountRecord,
    domain: &DomainRecord,
    route: Option<&str>,
) -> Result<bool> {
    if record.route.as_deref() == route {
        return Ok(false);
    }
    let (old, new) = (record.place(domain), route.map_or_else(|| domain.place(), Route::parse));
    if let Route::Platform(name) = &new {
        super::platforms::record(platform, name).await?;
    }
    if old != new {
        check(platform, record, &old, &new).await?;
    }
    Ok(true)
}

/// The same for a domain: for all its accounts that do not say themselves where they are.
pub(super) async fn may_all_go(platform: &Platform, domain: &DomainRecord, route: Option<&str>) -> Result<()> {
    let (old, new) = (domain.place(), route.map_or(Route::Local, Route::parse));
    if let Route::Platform(name) = &new {
        super::platforms::record(platform, name).await?;
    }
    if old == new {
        return Ok(());
    }
    for record in platform.store.accounts(Some(&domain.name)).await? {
        if record.route.is_none() {
            check(platform, &record, &old, &new).await?;
        }
    }
    Ok(())
}

async fn check(platform: &Platform, record: &AccountRecord, old: &Route, new: &Route) -> Result<()> {
    let address = &record.address;
    if platform.store.hold(record.id).await?.is_some() {
        return Err(Error::new(format!("{address} is being moved at this moment; try again when that is over")));
    }
    let status = platform.mover.status(record.id).await?;
    // What has nothing but POP3 cannot be held: there, the operator says when the mailbox is here.
    let by_hand = status.as_ref().is_some_and(|status| status.record.source.protocol == Protocol::Pop3);
    let moving = status.map(|status| status.record.state.as_str());
    let refused = |what: String, instead: String| Err(Error::new(format!("{address} {what}; {instead}")));
    match (moving, old, new) {
        (Some(state), ..) if !BEFORE.contains(&state) => refused(
            format!("has a move that is {state}"),
            format!("\"sterna move rollback {address}\" or \"sterna move cutover {address}\" changes where it is"),
        ),
        (Some(state), Route::Platform(name), Route::Local) if !by_hand => refused(
            format!("is on platform {name} and its move is {state}"),
            format!("\"sterna move cutover {address}\" brings it here without a loss"),
        ),
        (None, Route::Local, Route::Platform(name)) if has_mail(platform, record).await? => refused(
            format!("has mail here, which nobody would see on platform {name}"),
            format!("start its move first with \"sterna move start {address}\", or export and remove that mail"),
        ),
        _ => Ok(()),
    }
}

async fn has_mail(platform: &Platform, record: &AccountRecord) -> Result<bool> {
    let mailboxes = platform.account(record).await?.read(|tx| tx.mailboxes()).await?;
    Ok(mailboxes.iter().any(|mailbox| mailbox.total > 0))
}
