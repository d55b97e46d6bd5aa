//! The byte stream of a connection: TCP, TLS over it, and later deflate over either. No buffer is held while idle.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The stream, whatever it runs over.
pub(crate) enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Bytes that one read asks for.
const READ: usize = 16 * 1024;

impl Stream {
    /// Waits for bytes and appends them; 0 when the client has closed its side.
    pub async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        buffer.reserve(READ);
        match self {
            Stream::Plain(tcp) => tcp.read_buf(buffer).await,
            Stream::Tls(tls) => tls.read_buf(buffer).await,
        }
    }

    /// Sends all bytes.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.write_all(bytes).await,
            Stream::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }
}
