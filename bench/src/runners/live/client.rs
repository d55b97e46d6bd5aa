//! A lean IMAP client for measurements: plain or over TLS, and with errors as values, for a lost connection is a figure here
//! and no failure. It keeps no body: literals are read and thrown away.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sterna_tests::User;
use sterna_tests::wire::quote;

/// The longest that a server may say nothing.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A connection.
pub struct Client {
    reader: BufReader<Stream>,
    /// Of a line that has not come to its end: a read may time out in its middle.
    begun: Vec<u8>,
    tags: u32,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => &tls.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Client {
    /// Connects to a port of 127.0.0.1 and logs in.
    pub fn login(port: u16, user: &User) -> io::Result<Client> {
        Client::on(Stream::Plain(socket(port)?), user)
    }

    /// The same over implicit TLS, with a server whose certificate an authority of that file signed.
    pub fn login_tls(port: u16, authority: &Path, user: &User) -> io::Result<Client> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(authority).map_err(io::Error::other)? {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Client::on(Stream::Tls(Box::new(StreamOwned::new(connection, socket(port)?))), user)
    }

    fn on(stream: Stream, user: &User) -> io::Result<Client> {
        let mut client = Client { reader: BufReader::with_capacity(64 * 1024, stream), begun: Vec::new(), tags: 0 };
        client.line()?;
        client.ok(&format!("LOGIN {} {}", quote(&user.login), quote(&user.password)))?;
        Ok(client)
    }

    /// Bounds every following read.
    pub fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.reader.get_ref().socket().set_read_timeout(Some(timeout))
    }

    /// Sends a command; gives its tag.
    pub fn start(&mut self, command: &str) -> io::Result<String> {
        self.tags += 1;
        let tag = format!("b{}", self.tags);
        self.send(format!("{tag} {command}\r\n").as_bytes())?;
        Ok(tag)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.reader.get_mut() {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    /// Sends a command that must succeed; gives its untagged responses, each without its literals and its CRLF.
    pub fn ok(&mut self, command: &str) -> io::Result<Vec<String>> {
        let tag = self.start(command)?;
        self.finish(&tag)
    }

    /// Waits for the end of a command that must succeed.
    pub fn finish(&mut self, tag: &str) -> io::Result<Vec<String>> {
        let mut untagged = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
                Some(rest) if rest.starts_with("OK") => return Ok(untagged),
                Some(rest) => return Err(io::Error::other(format!("refused: {rest}"))),
                None if line.starts_with("* BYE") => return Err(io::Error::other(line)),
                None => untagged.push(line),
            }
        }
    }

    /// Reads one response. `WouldBlock` is the timeout: what has come so far is kept.
    pub fn line(&mut self) -> io::Result<String> {
        loop {
            let read = self.reader.read_until(b'\n', &mut self.begun)?;
            if read == 0 || !self.begun.ends_with(b"\n") {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed"));
            }
            match literal(&self.begun) {
                Some(length) => {
                    self.skip(length)?;
                    // The end of the announcement goes, so that the next line is looked at by itself.
                    self.begun.truncate(self.begun.len() - 2);
                }
                None => break,
            }
        }
        let line = String::from_utf8_lossy(&self.begun).trim_end().to_owned();
        self.begun.clear();
        Ok(line)
    }

    /// Sends a command that must succeed and throws its answer away as fast as it comes; gives the bytes of its literals.
    pub fn discard(&mut self, command: &str) -> io::Result<u64> {
        let tag = format!("{} ", self.start(command)?);
        let (mut line, mut bytes, mut at_start) = (Vec::new(), 0, true);
        loop {
            line.clear();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if at_start && line.starts_with(tag.as_bytes()) {
                return match line[tag.len()..].starts_with(b"OK") {
                    true => Ok(bytes),
                    false => Err(io::Error::other(String::from_utf8_lossy(&line).into_owned())),
                };
            }
            let length = literal(&line);
            at_start = length.is_none();
            bytes += length.unwrap_or(0) as u64;
            self.skip(length.unwrap_or(0))?;
        }
    }

    fn skip(&mut self, mut left: usize) -> io::Result<()> {
        while left > 0 {
            let available = self.reader.fill_buf()?.len().min(left);
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.reader.consume(available);
            left -= available;
        }
        Ok(())
    }
}

fn socket(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// The length of the literal that a line announces at its end (RFC 9051 §4.3).
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let digits = &line[line.iter().rposition(|b| *b == b'{')? + 1..];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn bodies_are_counted_and_thrown_away() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let text: &[u8] = b"* OK hello\r\nb1 OK in\r\n* 1 FETCH (BODY[] {7}\r\nb2 OK x)\r\nb2 OK done\r\n\
                * 1 FETCH (BODY[] {3}\r\nabc UID 4)\r\nb3 OK done\r\nb4 NO not so\r\n";
            socket.write_all(text).unwrap();
            // Until the client has gone: an early end would cost it what it has not read.
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let user = User { login: "a".to_owned(), password: "b".to_owned() };
        let mut client = Client::login(port, &user).unwrap();
        assert_eq!(client.discard("FETCH 1 BODY[]").unwrap(), 7);
        assert_eq!(client.ok("FETCH 1 BODY[]").unwrap(), ["* 1 FETCH (BODY[] {3} UID 4)"]);
        assert!(client.ok("NOOP").unwrap_err().to_string().contains("not so"));
        drop(client);
        server.join().unwrap();
    }
}
