//! From an [`Endpoint`] to a greeted connection: name, TCP, TLS, greeting, capabilities.

use std::io;
use std::sync::Arc;

use sterna_net::{TcpError, Tls, Trust, tcp_connect, tls_connect};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::backoff::suggested_wait;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::error::{Error, ErrorKind};
use super::event::Event;
use super::stream::Stream;
use crate::codec::response_parser::{Limits, Response, Status};

/// Connects, and knows the server's capabilities afterwards. Logging in is the next step ([`Connection::login`]).
pub async fn connect(endpoint: &Endpoint) -> Result<Connection, Error> {
    let at: Arc<str> = Arc::from(endpoint.to_string());
    let error = |kind| Error::new(&at, kind);
    let tcp = open(endpoint).await.map_err(error)?;
    if endpoint.tls == Tls::StartTls {
        let tcp = start_tls(endpoint, tcp).await?;
        let mut connection = wrap(Stream::Tls(Box::new(handshake(endpoint, tcp).await.map_err(error)?)), endpoint);
        connection.greeted = true;
        // What was told before the handshake is void (RFC 9051 §6.2.1).
        connection.read_capabilities().await?;
        return Ok(connection);
    }
    let stream = match endpoint.tls {
        Tls::Implicit => Stream::Tls(Box::new(handshake(endpoint, tcp).await.map_err(error)?)),
        Tls::None | Tls::StartTls => Stream::Tcp(tcp),
    };
    let mut connection = wrap(stream, endpoint);
    connection.greet().await?;
    Ok(connection)
}

fn wrap(stream: Stream, endpoint: &Endpoint) -> Connection {
    Connection::new(stream, &endpoint.to_string(), endpoint.timeouts, Limits::default())
}

async fn open(endpoint: &Endpoint) -> Result<TcpStream, ErrorKind> {
    let after = endpoint.timeouts.connect;
    let tcp = tcp_connect(&endpoint.host, endpoint.port, after).await;
    tcp.map_err(|error| match error {
        TcpError::NameNotFound(e) => ErrorKind::NameNotFound(e),
        TcpError::Unreachable(e) if e.kind() == io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        TcpError::Unreachable(e) => ErrorKind::Unreachable(e),
        TcpError::Timeout(doing) => ErrorKind::Timeout { doing, after },
    })
}

async fn handshake(endpoint: &Endpoint, tcp: TcpStream) -> Result<TlsStream<TcpStream>, ErrorKind> {
    let (doing, after) = ("negotiating TLS", endpoint.timeouts.connect);
    let trust = endpoint.ca.clone().map_or(Trust::System, Trust::File);
    let connected = timeout(after, tls_connect(&endpoint.host, &trust, tcp)).await;
    Ok(connected.map_err(|_| ErrorKind::Timeout { doing, after })??)
}

/// Greeting and STARTTLS on the bare stream, which is given back for the handshake.
async fn start_tls(endpoint: &Endpoint, tcp: TcpStream) -> Result<TcpStream, Error> {
    let mut connection = wrap(Stream::Tcp(tcp), endpoint);
    connection.greet().await?;
    if !connection.capabilities().has("STARTTLS") {
        return Err(connection.error(ErrorKind::StartTlsNotOffered));
    }
    connection.run(connection.command("STARTTLS"), |_| {}).await?;
    // Plaintext behind the answer was put there by somebody else: it would be taken for the server's own words.
    if !connection.unread().is_empty() {
        let said = "it sent data in clear behind its answer to STARTTLS; somebody may be interfering".to_owned();
        return Err(connection.error(ErrorKind::Protocol(said)));
    }
    let lost = connection.error(ErrorKind::Closed("STARTTLS"));
    match connection.into_stream() {
        Stream::Tcp(tcp) => Ok(tcp),
        Stream::Tls(_) | Stream::Other(_) => Err(lost),
    }
}

impl Connection {
    /// Reads the greeting (RFC 9051 §7.1), and the capabilities if it does not tell them.
    pub async fn greet(&mut self) -> Result<(), Error> {
        let after = self.timeouts.connect;
        let foreign = |bytes: &[u8]| {
            let start = bytes.get(..bytes.len().min(80)).unwrap_or_default();
            ErrorKind::NotImap(String::from_utf8_lossy(start).trim_end().to_owned())
        };
        let greeting = match self.next_within(after).await? {
            Some(Event::Response(Response::Status(greeting))) => greeting,
            Some(Event::Response(Response::Unknown(line))) => return Err(self.error(foreign(&line))),
            Some(other) => return Err(self.error(ErrorKind::NotImap(format!("{other:?}")))),
            None if self.unread().is_empty() => {
                return Err(self.error(ErrorKind::Timeout { doing: "waiting for its greeting", after }));
            }
            None => return Err(self.error(foreign(self.unread()))),
        };
        self.greeted = true;
        match greeting.status {
            Status::Ok => {}
            Status::PreAuth => self.preauth = true,
            Status::Bye | Status::No | Status::Bad => {
                let wait = suggested_wait(&greeting.text);
                return Err(self.error(ErrorKind::Bye { text: greeting.text, wait }));
            }
        }
        if self.capabilities.is_empty() {
            self.read_capabilities().await?;
        }
        Ok(())
    }

    /// Asks for the capabilities.
    pub async fn read_capabilities(&mut self) -> Result<(), Error> {
        self.run(self.command("CAPABILITY"), |_| {}).await.map(drop)
    }
}
