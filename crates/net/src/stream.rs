//! A connection: TCP, or TLS over it. A client's, or the front door's own to a platform.
//!
//! Reading waits for readiness without a buffer, so that an idle connection holds none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::TlsStream;

/// Bytes that one read asks for.
const READ: usize = 16 * 1024;

/// A connection as it was accepted or made, or as the front door held it.
pub enum ClientStream {
    /// In the clear.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    /// Whether TLS is in use.
    pub fn is_tls(&self) -> bool {
        matches!(self, ClientStream::Tls(_))
    }

    /// The socket below.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            ClientStream::Plain(tcp) => tcp,
            ClientStream::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Version and cipher of TLS as a Received field names them (`TLS1.3`, `TLS13_AES_256_GCM_SHA384`).
    pub fn tls_names(&self) -> Option<(&'static str, String)> {
        let ClientStream::Tls(tls) = self else { return None };
        let (_, connection) = tls.get_ref();
        let version = match connection.protocol_version()? {
            rustls::ProtocolVersion::TLSv1_3 => "TLS1.3",
            rustls::ProtocolVersion::TLSv1_2 => "TLS1.2",
            _ => "TLS",
        };
        let cipher = connection.negotiated_cipher_suite()?.suite();
        Some((version, cipher.as_str().unwrap_or("unknown").to_owned()))
    }

    /// Does the handshake of TLS as the server. Gives the connection up if it fails.
    pub async fn start_tls(self, config: Arc<rustls::ServerConfig>) -> io::Result<ClientStream> {
        match self {
            ClientStream::Plain(tcp) => {
                let tls = TlsAcceptor::from(config).accept(tcp).await?;
                Ok(ClientStream::Tls(Box::new(tls.into())))
            }
            ClientStream::Tls(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Waits for bytes and appends them; 0 when the client has closed its side. Can be dropped and called again.
    pub async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        loop {
            if let Some(read) = self.try_read(buffer)? {
                return Ok(read);
            }
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
            self.tcp().readable().await?;
        }
    }

    /// What can be read at once; `None` if nothing can. 0 bytes: the client has closed its side.
    pub fn try_read(&mut self, buffer: &mut BytesMut) -> io::Result<Option<usize>> {
        buffer.reserve(READ);
        let tls = match self {
            ClientStream::Plain(tcp) => {
                return match tcp.try_read_buf(buffer) {
                    Ok(n) => Ok(Some(n)),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
                    Err(e) => Err(e),
                };
            }
            ClientStream::Tls(tls) => tls,
        };
        let start = buffer.len();
        buffer.resize(start + READ, 0);
        let mut space = ReadBuf::new(buffer.get_mut(start..).unwrap_or_default());
        // Nobody needs to be woken: the caller waits for the socket itself.
        let polled = Pin::new(tls).poll_read(&mut Context::from_waker(Waker::noop()), &mut space);
        let read = space.filled().len();
        buffer.truncate(start + read);
        match polled {
            Poll::Ready(Ok(())) => Ok(Some(read)),
            Poll::Ready(Err(e)) => Err(e),
            Poll::Pending => Ok(None),
        }
    }

    /// Sends some of the bytes if that can be done at once; else wakes the caller when it can.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            ClientStream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            ClientStream::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    /// Sees to it that all bytes taken by [`ClientStream::poll_write`] are on their way.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            ClientStream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            ClientStream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    /// Sends all bytes.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            ClientStream::Plain(tcp) => tcp.write_all(bytes).await,
            ClientStream::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }

    /// Ends the connection in order, as far as the client still listens.
    pub async fn shutdown(&mut self) {
        let _ = match self {
            ClientStream::Plain(tcp) => tcp.shutdown().await,
            ClientStream::Tls(tls) => tls.shutdown().await,
        };
    }
}
