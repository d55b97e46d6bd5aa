//! The byte stream of a connection: TCP or TLS, and deflate over either (RFC 4978).
//!
//! Reading waits for readiness without a buffer, so that an idle connection holds none.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes that one read asks for.
const READ: usize = 16 * 1024;

/// A client's connection as it was accepted, or as the front door held it.
pub enum ClientStream {
    /// In the clear.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    fn tcp(&self) -> &TcpStream {
        match self {
            ClientStream::Plain(tcp) => tcp,
            ClientStream::Tls(tls) => tls.get_ref().0,
        }
    }

    /// What can be read at once; `None` if nothing can. 0 bytes: the client has closed its side.
    fn try_read(&mut self, buffer: &mut BytesMut) -> io::Result<Option<usize>> {
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

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            ClientStream::Plain(tcp) => tcp.write_all(bytes).await,
            ClientStream::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }
}

/// The stream with the layers that the client asked for.
pub(super) struct Stream {
    /// `None` only after a handshake that failed: the connection is over.
    base: Option<ClientStream>,
    deflate: Option<Box<Deflate>>,
}

/// Both directions of raw deflate.
struct Deflate {
    inflate: Decompress,
    deflate: Compress,
    /// Compressed bytes that were read and not yet inflated.
    raw: BytesMut,
    /// The inflater may have more to give without more input.
    full: bool,
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl Stream {
    pub fn new(base: ClientStream) -> Stream {
        Stream { base: Some(base), deflate: None }
    }

    /// Whether TLS is in use.
    pub fn is_tls(&self) -> bool {
        matches!(self.base, Some(ClientStream::Tls(_)))
    }

    /// Whether COMPRESS is in use.
    pub fn is_deflate(&self) -> bool {
        self.deflate.is_some()
    }

    /// Does the handshake of TLS as the server.
    pub async fn start_tls(&mut self, config: Arc<rustls::ServerConfig>) -> io::Result<()> {
        match self.base.take() {
            Some(ClientStream::Plain(tcp)) => {
                let tls = TlsAcceptor::from(config).accept(tcp).await?;
                self.base = Some(ClientStream::Tls(Box::new(tls)));
                Ok(())
            }
            other => {
                self.base = other;
                Err(gone())
            }
        }
    }

    /// Everything from now on is deflated, both ways. `read_ahead`: what was read behind the COMPRESS command.
    pub fn start_deflate(&mut self, read_ahead: BytesMut) {
        self.deflate = Some(Box::new(Deflate {
            inflate: Decompress::new(false),
            deflate: Compress::new(Compression::default(), false),
            full: !read_ahead.is_empty(),
            raw: read_ahead,
        }));
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
            self.base.as_ref().ok_or_else(gone)?.tcp().readable().await?;
        }
    }

    fn try_read(&mut self, buffer: &mut BytesMut) -> io::Result<Option<usize>> {
        let base = self.base.as_mut().ok_or_else(gone)?;
        let Some(deflate) = &mut self.deflate else { return base.try_read(buffer) };
        loop {
            while deflate.full {
                let inflated = deflate.inflate(buffer)?;
                if inflated > 0 {
                    return Ok(Some(inflated));
                }
            }
            match base.try_read(&mut deflate.raw)? {
                Some(0) => return Ok(Some(0)),
                Some(_) => deflate.full = true,
                None => {
                    if deflate.raw.is_empty() {
                        deflate.raw = BytesMut::new();
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Sends all bytes; deflated ones up to a point at which the client can read them all (RFC 4978 §4).
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let base = self.base.as_mut().ok_or_else(gone)?;
        let Some(deflate) = &mut self.deflate else { return base.write_all(bytes).await };
        let mut rest = bytes;
        let mut packed = Vec::with_capacity(READ);
        loop {
            packed.clear();
            let before = deflate.deflate.total_in();
            deflate
                .deflate
                .compress_vec(rest, &mut packed, FlushCompress::Sync)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            let taken = usize::try_from(deflate.deflate.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            base.write_all(&packed).await?;
            if rest.is_empty() && packed.len() < packed.capacity() {
                return Ok(());
            }
        }
    }

    /// Ends the connection in order, as far as the client still listens.
    pub async fn shutdown(&mut self) {
        let _ = match &mut self.base {
            Some(ClientStream::Plain(tcp)) => tcp.shutdown().await,
            Some(ClientStream::Tls(tls)) => tls.shutdown().await,
            None => Ok(()),
        };
    }
}

impl Deflate {
    /// Inflates at most [`READ`] bytes, however much a few compressed bytes stand for.
    fn inflate(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        let start = buffer.len();
        buffer.resize(start + READ, 0);
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let space = buffer.get_mut(start..).unwrap_or_default();
        let status = self.inflate.decompress(&self.raw, space, FlushDecompress::None);
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (read, written) = (size(self.inflate.total_in() - read), size(self.inflate.total_out() - written));
        buffer.truncate(start + written);
        drop(self.raw.split_to(read.min(self.raw.len())));
        match status {
            Ok(Status::Ok | Status::BufError) => {
                // The inflater may give what it had kept back without looking at its input: only a call that does
                // nothing says that more input is needed.
                self.full = written > 0 || read > 0;
                Ok(written)
            }
            // The client has ended its stream; nothing can follow.
            Ok(Status::StreamEnd) if written > 0 => Ok(written),
            Ok(Status::StreamEnd) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(e) => Err(io::Error::new(io::ErrorKind::InvalidData, e)),
        }
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
