//! From a [`Server`] to a connection that takes messages: TCP, TLS, greeting, EHLO, STARTTLS, AUTH.

use sterna_net::{TlsError, Trust, tls_connect};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use super::error::Error;
use super::extensions::Extensions;
use super::reply::Reply;
use super::route::{Protocol, Security, Server, Timeouts};
use super::wire::{Transport, Wire};

/// Connects. `hostname` is what this server calls itself in EHLO.
///
/// Where TLS is opportunistic and fails, the server is called again and spoken to in clear (RFC 7435 §3).
pub async fn connect(server: &Server, hostname: &str, timeouts: &Timeouts) -> Result<Connection, Error> {
    let first = open(server, server.security, hostname, timeouts).await;
    match first {
        Err(Error::Tls(error)) if server.security == Security::Opportunistic => {
            tracing::info!(%server, %error, "TLS failed; sending in clear");
            open(server, Security::Clear, hostname, timeouts).await
        }
        other => other,
    }
}

async fn open(server: &Server, security: Security, hostname: &str, timeouts: &Timeouts) -> Result<Connection, Error> {
    let tcp = timeout(timeouts.connect, TcpStream::connect(server.address)).await;
    let tcp = tcp.map_err(|_| Error::Timeout("the connection"))?.map_err(Error::Connect)?;
    // Only a delay is lost if the system refuses.
    let _ = tcp.set_nodelay(true);
    greet(Box::new(tcp), server, security, hostname, timeouts).await
}

/// Everything behind the TCP connection.
pub(super) async fn greet(
    stream: Box<dyn Transport>,
    server: &Server,
    security: Security,
    hostname: &str,
    timeouts: &Timeouts,
) -> Result<Connection, Error> {
    let mut stream = stream;
    let mut tls = false;
    if security == Security::Implicit {
        stream = handshake(stream, server, &server.trust, timeouts).await?;
        tls = true;
    }
    let mut wire = Wire::new(stream);
    let greeting = wire.reply(timeouts.command, "the greeting").await?;
    if !greeting.is_positive() {
        return Err(Error::Refused("the connection", greeting));
    }
    let mut extensions = hello(&mut wire, server.protocol, hostname, timeouts).await?;
    let wanted = matches!(security, Security::Opportunistic | Security::StartTls);
    if wanted && extensions.start_tls {
        let answer = command(&mut wire, "STARTTLS", "STARTTLS", timeouts).await?;
        if answer.is_positive() {
            let trust = if security.is_verified() { &server.trust } else { &Trust::Anyone };
            wire = Wire::new(handshake(wire.into_stream()?, server, trust, timeouts).await?);
            // What was offered in clear is void (RFC 3207 §4.2).
            extensions = hello(&mut wire, server.protocol, hostname, timeouts).await?;
            tls = true;
        } else if security == Security::StartTls {
            return Err(Error::Refused("STARTTLS", answer));
        }
    } else if security == Security::StartTls {
        return Err(Error::NoStartTls);
    }
    let verified = tls && security.is_verified();
    let mut connection = Connection {
        wire,
        extensions,
        lmtp: server.protocol == Protocol::Lmtp,
        tls,
        verified,
        timeouts: *timeouts,
        dirty: false,
    };
    if let Some(credentials) = &server.credentials {
        if !verified && !server.address.ip().to_canonical().is_loopback() {
            return Err(Error::ClearPassword);
        }
        connection.log_in(credentials).await?;
    }
    Ok(connection)
}

async fn handshake(
    stream: Box<dyn Transport>,
    server: &Server,
    trust: &Trust,
    timeouts: &Timeouts,
) -> Result<Box<dyn Transport>, Error> {
    match timeout(timeouts.connect, tls_connect(&server.name, trust, stream)).await {
        Ok(Ok(tls)) => Ok(Box::new(tls)),
        Ok(Err(error)) => Err(Error::Tls(error)),
        Err(_) => Err(Error::Tls(TlsError::Handshake("no answer in time".to_owned()))),
    }
}

/// EHLO, and HELO for a server from before 1995; LHLO.
async fn hello(wire: &mut Wire, protocol: Protocol, hostname: &str, timeouts: &Timeouts) -> Result<Extensions, Error> {
    let verb = if protocol == Protocol::Lmtp { "LHLO" } else { "EHLO" };
    let answer = command(wire, &format!("{verb} {hostname}"), verb, timeouts).await?;
    if answer.is_positive() {
        return Ok(Extensions::parse(&answer));
    }
    if !answer.is_permanent() || protocol == Protocol::Lmtp {
        return Err(Error::Refused(verb, answer));
    }
    let answer = command(wire, &format!("HELO {hostname}"), "HELO", timeouts).await?;
    match answer.is_positive() {
        true => Ok(Extensions::default()),
        false => Err(Error::Refused("HELO", answer)),
    }
}

async fn command(wire: &mut Wire, line: &str, doing: &'static str, timeouts: &Timeouts) -> Result<Reply, Error> {
    wire.write(format!("{line}\r\n").as_bytes(), timeouts.command, doing).await?;
    wire.reply(timeouts.command, doing).await
}
