//! A hold, as a session of an account that is here takes it: the mailbox may be about to go back to a platform.
//!
//! The session stops between two commands and waits. If the mailbox stays it goes on; if it goes, the client is told to come
//! again.

use std::io;

use sterna_frontdoor::{Signal, Stay};
use sterna_store::Route;

use super::session::Session;
use super::write::Reply;

/// Waits until a hold asks something of the session; for ever before login.
pub(super) async fn disturbed(stay: &mut Option<Stay>) {
    match stay {
        Some(stay) => drop(stay.disturbed().await),
        None => std::future::pending().await,
    }
}

/// The last words of a session whose mailbox has gone.
pub(super) fn moved() -> Reply {
    Reply::bye(Some("TRYLATER"), "the mailbox was moved, please connect again")
}

impl Session {
    /// Whether a hold asks something that this session has not answered.
    pub(super) fn is_asked(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| stay.asked().is_some() || stay.signal() == Signal::Fenced)
    }

    /// Answers a hold and waits for its end. A reply: the session ends with it.
    pub(super) async fn held(&mut self) -> io::Result<Option<Reply>> {
        self.flush().await?;
        let Some(stay) = &mut self.stay else { return Ok(None) };
        let account = stay.account();
        loop {
            match stay.parked().await {
                Signal::Free => break,
                Signal::Fenced => return Ok(Some(moved())),
                Signal::Asked(ask) => stay.answer(ask),
            }
        }
        match self.service.door.route(account).await {
            Ok(Route::Local | Route::Relay(_)) => Ok(None),
            Ok(Route::Platform(_)) => Ok(Some(moved())),
            Err(error) => Ok(Some(Reply::bye(Some("TRYLATER"), &error.to_string()))),
        }
    }
}
