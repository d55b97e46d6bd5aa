//! To a server: by its name, to the first of its addresses that answers.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// How the connection to a server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: loopback or a trusted network. Whether passwords may go there is the caller's decision.
    None,
    /// By a command of the protocol (STARTTLS, STLS); an error if the server does not offer it.
    StartTls,
    /// From the first byte (RFC 8314 §3).
    #[default]
    Implicit,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    /// The name has no address.
    #[error("the host name cannot be resolved ({0})")]
    NameNotFound(#[source] io::Error),
    /// No way there; of several addresses, the last one's reason.
    #[error("the server cannot be reached ({0})")]
    Unreachable(#[source] io::Error),
    /// Silence.
    #[error("no answer while {0}")]
    Timeout(&'static str),
}

/// Connects to a name or an address; `limit` is for its resolution, and for each address. What is sent goes at once.
pub async fn tcp_connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream, TcpError> {
    let addresses = timeout(limit, tokio::net::lookup_host((host, port)))
        .await
        .map_err(|_| TcpError::Timeout("resolving its name"))?
        .map_err(TcpError::NameNotFound)?;
    let mut last = TcpError::NameNotFound(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    for address in addresses {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                // Only a delay is lost if the system refuses.
                let _ = tcp.set_nodelay(true);
                return Ok(tcp);
            }
            Ok(Err(e)) => last = TcpError::Unreachable(e),
            Err(_) => last = TcpError::Timeout("connecting"),
        }
    }
    Err(last)
}
