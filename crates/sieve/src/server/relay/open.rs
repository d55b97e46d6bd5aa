//! Logs in at the platform that has the mailbox, with what the platform wants.

use sterna_frontdoor::{Guest, Signal};
use sterna_net::Wire;

use super::Relay;
use super::link::{self, Failed};
use super::responses::Responses;
use crate::server::session::Session;

/// What a login at a platform comes to.
pub(crate) enum Opened {
    /// The client is in.
    Relay(Box<Relay>),
    /// Name or password are wrong, in the platform's words.
    Refused(Guest, String),
    /// The platform has no ManageSieve.
    None,
    /// The platform cannot be asked.
    Unavailable(Guest, String),
    /// The mailbox is being moved at this moment: ask at the door again.
    Moving,
}

/// Logs a guest in. Bounded by the platform's timeout.
pub(crate) async fn open(session: &Session, mut guest: Guest) -> Opened {
    let Some(url) = guest.platform.sieve.clone() else {
        tracing::info!(platform = %guest.platform.name, "the platform has no ManageSieve server");
        return Opened::None;
    };
    let limit = guest.platform.timeout();
    let (identity, told) = (guest.identity(), guest.platform.settings.tell_client.then_some(session.peer));
    let entered = tokio::select! {
        // A hold does not wait for a login that has not even begun a session.
        biased;
        signal = guest.stay.disturbed() => match signal {
            Signal::Fenced => return Opened::Unavailable(guest, "this server has lost its place".into()),
            _ => return Opened::Moving,
        },
        entered = tokio::time::timeout(limit, link::enter(&url, limit, &identity, told)) => entered,
    };
    let (stream, input) = match entered {
        Ok(Ok(link)) => link,
        Ok(Err(Failed::Refused(text))) => return Opened::Refused(guest, text),
        Ok(Err(Failed::Unavailable(why))) => return Opened::Unavailable(guest, why),
        Err(_) => return Opened::Unavailable(guest, format!("no answer within {} s", limit.as_secs())),
    };
    tracing::Span::current().record("account", tracing::field::display(guest.account.id));
    tracing::info!(platform = %guest.platform.name, "logged in at a platform");
    guest.accepted().await;
    let responses = Responses::new(session.service.config.limits.redirects);
    Opened::Relay(Box::new(Relay { platform: Wire::new(stream, input), responses, guest }))
}
