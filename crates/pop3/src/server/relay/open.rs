//! Logs in at the platform that has the mailbox, with what the platform wants.

use sterna_frontdoor::{Guest, Signal};
use sterna_net::Wire;

use super::Relay;
use super::replies::Replies;
use crate::client::{self, ErrorKind};
use crate::server::session::Session;

/// What a login at a platform comes to.
pub(crate) enum Opened {
    /// The client is in, and what the platform said to that.
    Relay(Box<Relay>, String),
    /// Name or password are wrong, in the platform's words.
    Refused(Guest, String),
    /// The platform does not want the client now, in its words.
    Busy(String),
    /// The platform cannot be asked.
    Unavailable(Guest, String),
    /// The mailbox is being moved at this moment: ask at the door again.
    Moving,
}

/// Logs a guest in. Bounded by the platform's timeout.
pub(crate) async fn open(session: &Session, mut guest: Guest) -> Opened {
    let Some(url) = guest.platform.pop3.clone() else {
        let why = format!("platform {} has no POP3 server: the mailbox can be read by IMAP only", guest.platform.name);
        tracing::info!(why, "a login was refused");
        return Opened::Busy("[SYS/PERM] this mailbox cannot be read by POP3 at the moment, use IMAP".into());
    };
    let limit = guest.platform.timeout();
    let endpoint = client::platform::endpoint(&url, &guest.platform);
    let wrong = "wrong user name or password";
    let Some(credentials) = client::platform::credentials(guest.identity()) else {
        return Opened::Refused(guest, wrong.into());
    };
    let told = guest.platform.settings.tell_client.then_some(session.peer);
    let entered = tokio::select! {
        // A hold does not wait for a login that has not even begun a session.
        biased;
        signal = guest.stay.disturbed() => match signal {
            Signal::Fenced => return Opened::Unavailable(guest, "this server has lost its place".into()),
            _ => return Opened::Moving,
        },
        entered = tokio::time::timeout(limit, client::enter(&endpoint, &credentials, told)) => entered,
    };
    let (connection, said) = match entered {
        Ok(Ok(entered)) => entered,
        Ok(Err(error)) => {
            return match *error.kind {
                ErrorKind::WrongCredentials { user, text } if !user.is_empty() => Opened::Refused(guest, text),
                // No command can say such a password.
                ErrorKind::CannotLogIn(_) if guest.platform.knows_passwords() => Opened::Refused(guest, wrong.into()),
                ErrorKind::Unavailable { text, .. } => {
                    tracing::info!(platform = %guest.platform.name, text, "a platform does not let a client in now");
                    Opened::Busy(text)
                }
                kind => Opened::Unavailable(guest, kind.to_string()),
            };
        }
        Err(_) => return Opened::Unavailable(guest, format!("no answer within {} s", limit.as_secs())),
    };
    tracing::Span::current().record("account", guest.account.id.0);
    tracing::info!(platform = %guest.platform.name, "logged in at a platform");
    guest.accepted().await;
    let (stream, input) = connection.into_relayed();
    let relay = Relay { platform: Wire::new(stream, input), replies: Replies::default(), guest };
    Opened::Relay(Box::new(relay), said)
}
