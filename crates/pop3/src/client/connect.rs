//! From an [`Endpoint`] to a connection that is logged in: name, TCP, TLS, greeting, capabilities, login.

use std::net::SocketAddr;
use std::sync::Arc;

use sterna_net::{TcpError, Tls, tcp_connect, tls_connect};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::auth::Credentials;
use super::connection::{Connection, Stream};
use super::endpoint::Endpoint;
use super::error::{Error, ErrorKind};

/// Connects and logs in.
pub async fn open(endpoint: &Endpoint, credentials: &Credentials) -> Result<Connection, Error> {
    let mut connection = connect(endpoint).await?;
    connection.read_capabilities().await?;
    connection.login(credentials).await?;
    // Some servers tell more now.
    connection.read_capabilities().await?;
    Ok(connection)
}

/// Connects and logs in for a client of the front door; also gives what the server said to the login. `client`: where that is,
/// told to a server that wants to know.
pub(crate) async fn enter(
    endpoint: &Endpoint,
    credentials: &Credentials,
    client: Option<SocketAddr>,
) -> Result<(Connection, String), Error> {
    let mut connection = connect(endpoint).await?;
    connection.read_capabilities().await?;
    if let Some(client) = client
        && (connection.takes_xclient || connection.capabilities.has("XCLIENT"))
    {
        let (ip, port) = (client.ip().to_canonical(), client.port());
        // A refusal is the server's opinion of what it is told, nothing more.
        let _ = connection.run(&format!("XCLIENT ADDR={ip} PORT={port}"), "waiting for XCLIENT").await?;
    }
    let said = connection.login(credentials).await?;
    Ok((connection, said))
}

async fn connect(endpoint: &Endpoint) -> Result<Connection, Error> {
    let at: Arc<str> = Arc::from(endpoint.to_string());
    let error = |kind| Error::new(&at, kind);
    let wrap = |stream| Connection::new(stream, at.clone(), endpoint.timeouts);
    let tcp = open_tcp(endpoint).await.map_err(error)?;
    match endpoint.tls {
        Tls::None => {
            let mut connection = wrap(Stream::Tcp(tcp));
            greeting(&mut connection).await?;
            Ok(connection)
        }
        Tls::Implicit => {
            let mut connection = wrap(handshake(endpoint, tcp).await.map_err(error)?);
            greeting(&mut connection).await?;
            Ok(connection)
        }
        Tls::StartTls => {
            let mut connection = wrap(Stream::Tcp(tcp));
            greeting(&mut connection).await?;
            if let Err(text) = connection.run("STLS", "waiting for STLS").await? {
                return Err(error(ErrorKind::StartTlsRefused(text)));
            }
            let takes_xclient = connection.takes_xclient;
            // Plaintext behind the answer was put there by somebody else: it would be taken for the server's own words.
            let (Stream::Tcp(tcp), false) = connection.into_stream() else {
                let said = "it sent data in clear behind its answer to STLS; somebody may be interfering".to_owned();
                return Err(error(ErrorKind::Protocol(said)));
            };
            let mut connection = wrap(handshake(endpoint, tcp).await.map_err(error)?);
            connection.takes_xclient = takes_xclient;
            Ok(connection)
        }
    }
}

async fn open_tcp(endpoint: &Endpoint) -> Result<TcpStream, ErrorKind> {
    let after = endpoint.timeouts.connect;
    let tcp = tcp_connect(&endpoint.host, endpoint.port, after).await;
    tcp.map_err(|error| match error {
        TcpError::NameNotFound(e) => ErrorKind::NameNotFound(e),
        TcpError::Unreachable(e) => ErrorKind::Unreachable(e),
        TcpError::Timeout(doing) => ErrorKind::Timeout { doing, after },
    })
}

async fn handshake(endpoint: &Endpoint, tcp: TcpStream) -> Result<Stream, ErrorKind> {
    let (doing, after) = ("negotiating TLS", endpoint.timeouts.connect);
    match timeout(after, tls_connect(&endpoint.host, &endpoint.trust, tcp)).await {
        Ok(Ok(tls)) => Ok(Stream::Tls(Box::new(tls))),
        Ok(Err(e)) => Err(ErrorKind::Tls(e)),
        Err(_) => Err(ErrorKind::Timeout { doing, after }),
    }
}

async fn greeting(connection: &mut Connection) -> Result<(), Error> {
    let line = connection.line_within("waiting for its greeting", connection.timeouts.connect).await?;
    let shown = String::from_utf8_lossy(line.get(..line.len().min(80)).unwrap_or_default()).into_owned();
    match &line[..] {
        [b'+', b'O', b'K', ..] => {
            connection.takes_xclient = shown.contains("[XCLIENT]");
            Ok(())
        }
        [b'-', b'E', b'R', b'R', ..] => Err(connection.error(ErrorKind::login_refused("", shown[4..].trim()))),
        _ => Err(connection.error(ErrorKind::NotPop3(shown))),
    }
}
