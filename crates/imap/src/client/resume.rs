//! Coming back after a lost connection: connect, log in, select again, and make sure that it is the same mailbox.
//!
//! When to try is the caller's loop ([`super::Backoff`]); this is one attempt.

use sterna_core::UidValidity;

use super::auth::Credentials;
use super::connect::connect;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::error::Error;
use super::select::{Known, Selected};
use crate::codec::mailbox::MailboxName;

/// Connects, logs in, and enables QRESYNC or CONDSTORE where offered.
pub async fn open(endpoint: &Endpoint, credentials: &Credentials) -> Result<Connection, Error> {
    let mut connection = connect(endpoint).await?;
    connection.login(credentials).await?;
    // QRESYNC includes CONDSTORE (RFC 7162 §3.2.3).
    match connection.capabilities().has("QRESYNC") {
        true => connection.enable(&["QRESYNC"]).await?,
        false => connection.enable(&["CONDSTORE"]).await?,
    }
    Ok(connection)
}

/// As [`open`], and selects `mailbox`, whose UIDVALIDITY must be what it was; else
/// [`super::ErrorKind::UidValidityChanged`].
pub async fn reopen(
    endpoint: &Endpoint,
    credentials: &Credentials,
    mailbox: &MailboxName,
    read_only: bool,
    was: UidValidity,
    known: Option<&Known>,
) -> Result<(Connection, Selected), Error> {
    let mut connection = open(endpoint, credentials).await?;
    let selected = connection.select_same(mailbox, read_only, was, known).await?;
    Ok((connection, selected))
}
