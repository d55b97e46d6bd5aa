//! A hold, as a session of a mailbox that is here takes it: the mailbox may be about to go back to a platform.
//!
//! The session stops at a command boundary and waits. If the mailbox stays, the client notices a pause; if it goes, the client is
//! told to connect again, for only the platform can say what its session there would know.

use sterna_frontdoor::{Signal, Stay};
use sterna_store::Route;

use super::problem::Problem;
use super::relay::moved;
use super::session::Session;

/// Waits until a hold asks something of the session; for ever before login.
pub(super) async fn disturbed(stay: &mut Option<Stay>) {
    match stay {
        Some(stay) => drop(stay.disturbed().await),
        None => std::future::pending().await,
    }
}

impl Session {
    /// Whether a hold asks something that this session has not answered.
    pub(super) fn is_asked(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| stay.asked().is_some() || stay.signal() == Signal::Fenced)
    }

    /// Answers a hold and waits for its end. What the client has sent meanwhile is read afterwards.
    pub(super) async fn held(&mut self) -> Result<(), Problem> {
        // All that was begun is done before the session counts as parked.
        Box::pin(self.appends_settled()).await?;
        let _ = self.out.flush().await;
        let Some(stay) = &mut self.stay else { return Ok(()) };
        let account = stay.account();
        loop {
            match stay.parked().await {
                Signal::Free => break,
                Signal::Fenced => return Err(moved("this server has lost its place, please reconnect")),
                Signal::Asked(ask) => stay.answer(ask),
            }
        }
        match self.service.door.route(account).await? {
            Route::Local | Route::Relay(_) => Ok(()),
            Route::Platform(_) => Err(moved("the mailbox was moved, please reconnect")),
        }
    }
}
