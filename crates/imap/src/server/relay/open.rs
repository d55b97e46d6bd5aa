//! Logs in at the platform that has the mailbox, with what the platform wants.

use sterna_frontdoor::{Guest, Signal};
use sterna_net::ClientStream;

use super::Relay;
use super::wire::Wire;
use crate::client::{self, Capabilities, Connection, Error, ErrorKind, Stream};
use crate::server::session::Session;

/// What a login at a platform comes to.
pub(crate) enum Opened {
    /// The client is in.
    Relay(Box<Relay>, Capabilities),
    /// Name or password are wrong.
    Refused(Guest),
    /// The platform cannot be asked.
    Unavailable(Guest, String),
    /// The mailbox is being moved at this moment: ask at the door again.
    Moving,
}

/// Logs a guest in. Bounded by the platform's timeout.
pub(crate) async fn open(session: &mut Session, mut guest: Guest) -> Opened {
    let Some(url) = guest.platform.imap.clone() else {
        let why = format!("platform {} has no IMAP server", guest.platform.name);
        return Opened::Unavailable(guest, why);
    };
    let limit = guest.platform.timeout();
    let account = match session.service.store.account(guest.account.id).await {
        Ok(account) => account,
        Err(error) => return Opened::Unavailable(guest, error.to_string()),
    };
    let endpoint = client::platform::endpoint(&url, &guest.platform);
    let Some(credentials) = client::platform::credentials(guest.identity()) else { return Opened::Refused(guest) };
    let (tells, peer) = (guest.platform.settings.tell_client, session.peer);
    let logging_in = async {
        let mut connection = client::connect(&endpoint).await?;
        if tells && connection.capabilities().has("ID") {
            tell_client(&mut connection, peer).await?;
        }
        connection.login(&credentials).await?;
        Ok::<_, Error>(connection)
    };
    let opened = tokio::select! {
        // A hold does not wait for a login that has not even begun a session.
        biased;
        signal = guest.stay.disturbed() => match signal {
            Signal::Fenced => Err("this server has lost its place".to_owned()),
            _ => return Opened::Moving,
        },
        opened = tokio::time::timeout(limit, logging_in) => match opened {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if matches!(*error.kind, ErrorKind::WrongCredentials { .. }) => return Opened::Refused(guest),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
        },
    };
    let connection = match opened {
        Ok(connection) => connection,
        Err(why) => return Opened::Unavailable(guest, why),
    };
    let (stream, input, capabilities) = connection.into_parts();
    let stream = match stream {
        Stream::Tcp(tcp) => ClientStream::Plain(tcp),
        Stream::Tls(tls) => ClientStream::Tls(Box::new((*tls).into())),
        Stream::Other(_) => return Opened::Unavailable(guest, "it is no network connection".into()),
    };
    let platform = Wire::new(stream, input);
    match Relay::new(session, guest, account, platform, &capabilities) {
        Ok(relay) => Opened::Relay(Box::new(relay), capabilities),
        Err(guest) => Opened::Unavailable(*guest, "the client's connection is compressed".into()),
    }
}

/// Who the client is, for the log of a server that trusts Sterna's address (RFC 2971; the fields are Dovecot's).
async fn tell_client(connection: &mut Connection, peer: std::net::SocketAddr) -> Result<(), Error> {
    let command = connection.command("ID").text(&format!(
        " (\"x-originating-ip\" \"{}\" \"x-originating-port\" \"{}\")",
        peer.ip().to_canonical(),
        peer.port()
    ));
    // NO and BAD are the server's opinion of what it is told, nothing more.
    match connection.run(command, |_| {}).await {
        Err(error) if !error.is_refusal() => Err(error),
        _ => Ok(()),
    }
}
