//! One listening address and its connections.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sterna_net::PortTls;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};

use super::services::Servant;
use crate::error::{Error, Result};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// Pause after a failed accept, which mostly means that no file descriptor is left.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound address.
pub(super) struct Listener {
    name: &'static str,
    address: SocketAddr,
    tls: PortTls,
    listener: TcpListener,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    pub fn bind(name: &'static str, address: SocketAddr, tls: PortTls) -> Result<Listener> {
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            if address.is_ipv6() {
                // So that "0.0.0.0:993" and "[::]:993" can stand side by side.
                rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
            }
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            Ok((listener.local_addr()?, listener))
        };
        match bound() {
            Ok((address, listener)) => Ok(Listener { name, address, tls, listener }),
            Err(e) => Err(cannot_listen(name, address, &e)),
        }
    }

    /// Accepts until shutdown. Each connection holds one of `places` while it lasts.
    pub async fn serve(self, servant: Servant, places: Arc<Semaphore>, mut shutdown: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = shutdown.wait_for(|stop| *stop) => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, listener = self.name, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                tracing::warn!(%peer, "refused a connection: limits.connections is reached");
                continue;
            };
            let (servant, shutdown, tls) = (servant.clone(), shutdown.clone(), self.tls);
            tokio::spawn(async move {
                servant.serve(stream, peer, tls, shutdown).await;
                drop(place);
            });
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.name, self.address)
    }
}

fn cannot_listen(name: &str, address: SocketAddr, e: &std::io::Error) -> Error {
    let advice = match e.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there; stop it, or choose another port",
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; grant it, or choose another port"
        }
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another address",
    };
    Error::new(format!("cannot listen for {name} on {address}: {e}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_explained_and_both_families_share_one() {
        let first = Listener::bind("imap", "127.0.0.1:0".parse().unwrap(), PortTls::Plain).unwrap();
        assert_ne!(first.address.port(), 0);
        let error = Listener::bind("imap", first.address, PortTls::Plain).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("another program listens there"), "{error}");
        let any = Listener::bind("imaps", "0.0.0.0:0".parse().unwrap(), PortTls::Implicit).unwrap();
        let v6 = format!("[::]:{}", any.address.port()).parse().unwrap();
        Listener::bind("imaps", v6, PortTls::Implicit).unwrap();
    }
}
