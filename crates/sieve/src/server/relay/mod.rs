//! The relay of a session whose mailbox is on a platform: after the login there, commands and responses pass.
//!
//! [`open`] logs in at the platform by its ManageSieve ([`link`]), [`run`] relays until one side has gone. Capabilities are told
//! as what both sides can do, and the state of the login is not the client's to change any more ([`responses`]). A hold lets a
//! session finish, and cuts it off if it does not.

mod link;
mod open;
mod responses;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use sterna_frontdoor::Guest;
use sterna_net::{Passing as _, RelayTimes, Relayed, Wire, relay};
use tokio::time::timeout;

use super::session::Session;
use super::write::Reply;
use responses::Responses;

pub(super) use open::{Opened, open};

/// A relayed session.
pub(super) struct Relay {
    platform: Wire,
    responses: Responses,
    // Behind the connection: the session has left when that is closed.
    guest: Guest,
}

/// Relays until the session is over.
pub(super) async fn run(session: &mut Session, opened: Box<Relay>) -> io::Result<()> {
    let Relay { mut platform, mut responses, mut guest } = *opened;
    let Some(stream) = session.stream.take() else { return Err(io::ErrorKind::NotConnected.into()) };
    let mut client = Wire::new(stream, std::mem::take(&mut session.input));
    // The answer to the login has not been sent.
    client.output = std::mem::take(&mut session.out);
    let config = &session.service.config;
    let times = RelayTimes { silence: config.idle_timeout, write: config.write_timeout };
    let ended = tokio::select! {
        biased;
        () = guest.stay.must_end() => Err("the mailbox is being moved, please connect again"),
        stop = session.shutdown.wait_for(|stop| *stop) => match stop {
            Ok(_) => Err("the server is shutting down"),
            Err(_) => Err("the server is gone"),
        },
        ended = relay(&mut client, &mut platform, &mut responses, times) => Ok(ended),
    };
    drop(platform);
    let at_boundary = client.is_written() && responses.is_idle();
    session.stream = Some(client.stream);
    let said = match ended {
        Err(text) => text,
        Ok(Relayed::ServerGone) if responses.has_logged_out() => "",
        Ok(Relayed::ServerGone) => "the mailbox's server has closed the connection",
        Ok(Relayed::Silent) => "autologout",
        Ok(Relayed::ClientGone) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Relayed::Broken(error)) => {
            tracing::info!(platform = %guest.platform.name, %error, "a relayed session was cut off");
            return Err(error);
        }
    };
    if at_boundary && !said.is_empty() {
        Reply::bye(Some("TRYLATER"), said).write(&mut session.out);
        session.flush().await?;
    }
    if let Some(stream) = &mut session.stream {
        let _ = timeout(Duration::from_secs(5), stream.shutdown()).await;
    }
    Ok(())
}
