//! A hold, as a session of a mailbox that is here takes it: the mailbox may be about to go back to a platform.
//!
//! The session stops between two commands and waits. If the mailbox stays it goes on; if it goes, the session ends without the
//! UPDATE state, so that nothing is deleted, and the client comes again.

use sterna_frontdoor::{Signal, Stay};
use sterna_store::Route;

use super::reply::End;
use super::session::Session;

/// Waits until a hold asks something of the session; for ever before login.
pub(super) async fn disturbed(stay: Option<&mut Stay>) {
    match stay {
        Some(stay) => drop(stay.disturbed().await),
        None => std::future::pending().await,
    }
}

impl Session {
    /// Whether a hold asks something that this session has not answered.
    pub(super) fn is_asked(&self) -> bool {
        let stay = self.open.as_ref().map(|open| &open.stay);
        stay.is_some_and(|stay| stay.asked().is_some() || stay.signal() == Signal::Fenced)
    }

    /// Answers a hold and waits for its end.
    pub(super) async fn held(&mut self) -> Result<(), End> {
        self.out.flush().await?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let account = open.stay.account();
        loop {
            match open.stay.parked().await {
                Signal::Free => break,
                Signal::Fenced => return Err(End::last(Some("SYS/TEMP"), "this server has lost its place")),
                Signal::Asked(ask) => open.stay.answer(ask),
            }
        }
        match self.service.door.route(account).await? {
            Route::Local | Route::Relay(_) => Ok(()),
            Route::Platform(_) => Err(End::last(Some("SYS/TEMP"), "the mailbox was moved, please connect again")),
        }
    }
}
