//! The automatic lock of an account that behaves like a spammer: it may not send any more, and its user and the
//! postmaster are told. `account set --unlock` lifts it.

use std::fmt;

use bytes::Bytes;
use sterna_delivery::notice::Notice;
use sterna_delivery::{Body, Envelope, Mail, Recipient};
use sterna_store::{AccountRecord, SendingLock};

use super::Service;
use super::conduct::Suspicion;
use super::reply::Reply;
use super::trace;

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suspicion::Limit { refused, limit } => {
                write!(f, "{refused} messages beyond the limit of {limit} were tried within an hour")
            }
            Suspicion::Unknown(count) => write!(f, "{count} recipients within an hour did not exist"),
            Suspicion::Networks(count) => write!(f, "there were logins from {count} networks within an hour"),
        }
    }
}

/// What a locked account is told.
pub(super) fn refusal(reason: &str) -> Reply {
    let reason: String = reason.chars().take(200).collect();
    let text = format!(
        "sending from this account is locked: {reason}\nchange the password and ask your provider to unlock the account"
    );
    Reply::new(550, "5.7.1", text)
}

/// Locks an account, once.
pub(super) async fn lock(
    service: &Service,
    account: &AccountRecord,
    suspicion: &Suspicion,
) -> Result<(), sterna_store::Error> {
    let store = service.delivery.store();
    let present = store.find_account(&account.address).await?;
    if present.is_none_or(|record| record.lock.is_some()) {
        return Ok(());
    }
    let reason = suspicion.to_string();
    // Whoever unlocks the account gives it a new beginning.
    service.conduct.forget(account.id);
    tracing::warn!(account = %account.address, %reason, "sending locked");
    let lock = SendingLock { reason: reason.clone(), since: store.clock().unix() };
    store.set_sending_lock(account.id, Some(lock)).await?;
    let notice = Notice::SendingLocked { reason: reason.clone() };
    if let Err(error) = service.delivery.notify(account.id, &notice).await {
        tracing::warn!(%error, account = %account.address, "cannot tell a user that sending is locked");
    }
    tell_postmaster(service, account, &reason).await;
    Ok(())
}

async fn tell_postmaster(service: &Service, account: &AccountRecord, reason: &str) {
    let delivery = &service.delivery;
    let own = || format!("postmaster@{}", account.address.domain());
    let postmaster = delivery.config().postmaster.as_ref().map_or_else(own, ToString::to_string);
    let now = delivery.store().clock().now();
    let host = &service.config.hostname;
    let text = format!(
        "From: Sterna <postmaster@{host}>\r\nTo: <{postmaster}>\r\nSubject: Sending locked: {address}\r\nDate: {date}\r\n\
         Message-ID: <{id}@{host}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         The account {address} may not send any more: {reason}.\r\n\r\n\
         Its user was told. When the password has been changed:\r\n\r\n    sterna account set --unlock {address}\r\n",
        address = account.address,
        date = trace::date(now),
        id = trace::id(now),
    );
    let mail = Mail {
        envelope: Envelope { smtputf8: !text.is_ascii(), ..Envelope::default() },
        trace: Bytes::new(),
        body: Body::Memory(text.into()),
        received: now,
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    };
    let outcomes = delivery.accept(&delivery.signed(mail).await, &[Recipient::new(&postmaster)]).await;
    tracing::info!(?outcomes, postmaster, "told the postmaster");
}
