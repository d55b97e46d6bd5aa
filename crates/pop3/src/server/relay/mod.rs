//! The relay of a session whose mailbox is on a platform: after the login there, commands and replies pass.
//!
//! [`open`] logs in at the platform, [`run`] relays until one side has gone. What both sides can do is told, and only commands
//! whose replies have a known end are passed on ([`replies`]). A session of POP3 cannot be handed over, for its deletions take
//! place at QUIT: a hold lets it finish, and cuts off what has not finished, without QUIT and so without deletions.

mod open;
mod replies;
#[cfg(test)]
mod tests;

use std::io;

use sterna_frontdoor::Guest;
use sterna_net::{Passing as _, RelayTimes, Relayed, Wire, relay};

use super::output::gone;
use super::reply::End;
use super::session::{Session, turned_true};
use replies::Replies;

pub(super) use open::{Opened, open};

/// A relayed session.
pub(super) struct Relay {
    platform: Wire,
    replies: Replies,
    // Behind the connection: the session has left when that is closed.
    guest: Guest,
}

/// Relays until the session is over.
pub(super) async fn run(session: &mut Session, session_relay: Box<Relay>) -> Result<(), End> {
    let Relay { mut platform, mut replies, mut guest } = *session_relay;
    let stream = session.out.stream.take().ok_or_else(gone)?;
    let mut client = Wire::new(stream, std::mem::take(&mut session.input));
    // The answer to the login has not been sent.
    client.output = std::mem::take(session.out.buffer());
    let config = &session.service.config;
    let times = RelayTimes { silence: config.idle_timeout, write: config.write_timeout };
    let ended = tokio::select! {
        biased;
        () = guest.stay.must_end() => Err("the mailbox is being moved, please connect again"),
        () = turned_true(&mut session.shutdown) => Err("the server is shutting down"),
        ended = relay(&mut client, &mut platform, &mut replies, times) => Ok(ended),
    };
    // Closed without QUIT, nothing is deleted there (RFC 1939 §6).
    drop(platform);
    let at_boundary = client.is_written() && replies.is_idle();
    session.out.stream = Some(client.stream);
    let last = |text: &'static str| match at_boundary {
        true => Err(End::last(Some("SYS/TEMP"), text)),
        false => Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
    };
    match ended {
        Err(text) => last(text),
        Ok(Relayed::ServerGone) if replies.has_quit() => Ok(()),
        Ok(Relayed::ServerGone) => last("the mailbox's server has closed the connection"),
        Ok(Relayed::ClientGone) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        // RFC 1939 §3: closed without a reply.
        Ok(Relayed::Silent) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        Ok(Relayed::Broken(error)) => {
            tracing::info!(platform = %guest.platform.name, %error, "a relayed session was cut off");
            Err(error.into())
        }
    }
}
