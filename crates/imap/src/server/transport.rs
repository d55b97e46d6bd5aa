//! The byte stream of a connection: TCP or TLS, and deflate over either (RFC 4978).

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use sterna_net::ClientStream;

/// Bytes that are inflated at once.
const READ: usize = 16 * 1024;

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
        self.base.as_ref().is_some_and(ClientStream::is_tls)
    }

    /// Whether COMPRESS is in use.
    pub fn is_deflate(&self) -> bool {
        self.deflate.is_some()
    }

    /// The connection below, for somebody who gives it back by [`Stream::put_back`]; `None` within deflate.
    pub fn take(&mut self) -> Option<ClientStream> {
        if self.deflate.is_some() { None } else { self.base.take() }
    }

    /// The connection that was taken.
    pub fn put_back(&mut self, base: ClientStream) {
        self.base = Some(base);
    }

    /// Does the handshake of TLS as the server.
    pub async fn start_tls(&mut self, config: Arc<rustls::ServerConfig>) -> io::Result<()> {
        let base = self.base.take().ok_or_else(gone)?;
        self.base = Some(base.start_tls(config).await?);
        Ok(())
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
        if let Some(base) = &mut self.base {
            base.shutdown().await;
        }
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
