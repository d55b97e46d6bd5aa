//! TLS and deflate, each and both, against real peers of theirs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::super::testing::{PASSWORD, Server, USER};
use sterna_net::PortTls;

use super::super::serve_connection;

trait Both: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Both for T {}

/// A client over any stream, which can begin to deflate.
struct Raw {
    stream: Pin<Box<dyn Both>>,
    deflate: Option<(Compress, Decompress)>,
    text: Vec<u8>,
}

impl Raw {
    fn new(stream: impl Both + 'static) -> Raw {
        Raw { stream: Box::pin(stream), deflate: None, text: Vec::new() }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let packed = match &mut self.deflate {
            None => bytes.to_vec(),
            Some((deflate, _)) => {
                let mut packed = Vec::with_capacity(bytes.len() + 1000);
                deflate.compress_vec(bytes, &mut packed, FlushCompress::Sync).unwrap();
                packed
            }
        };
        self.stream.write_all(&packed).await
    }

    /// Reads up to and including `end`.
    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.text.windows(end.len()).position(|w| w == end.as_bytes()) {
                let rest = self.text.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.text, rest)).unwrap();
            }
            let mut bytes = vec![0; 4096];
            let n = self.stream.read(&mut bytes).await.unwrap();
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&self.text));
            match &mut self.deflate {
                None => self.text.extend_from_slice(&bytes[..n]),
                Some((_, inflate)) => {
                    let start = inflate.total_in();
                    while ((inflate.total_in() - start) as usize) < n {
                        self.text.reserve(65_536);
                        let rest = &bytes[(inflate.total_in() - start) as usize..n];
                        inflate.decompress_vec(rest, &mut self.text, FlushDecompress::Sync).unwrap();
                    }
                }
            }
        }
    }

    async fn command(&mut self, command: &str) -> String {
        self.send(format!("t {command}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        loop {
            let line = self.until("\r\n").await;
            let last = line.starts_with("t ");
            answer.push_str(&line);
            if last {
                return answer;
            }
        }
    }

    async fn log_in_and_deflate(&mut self) {
        assert!(self.command(&format!("LOGIN {USER} \"{PASSWORD}\"")).await.contains("COMPRESS=DEFLATE"));
        assert!(self.command("COMPRESS DEFLATE").await.starts_with("t OK"));
        self.deflate = Some((Compress::new(Compression::fast(), false), Decompress::new(false)));
        assert!(!self.command("CAPABILITY").await.contains("COMPRESS=DEFLATE"));
        assert!(self.command("COMPRESS DEFLATE").await.starts_with("t NO [COMPRESSIONACTIVE]"));
        let body: String = (0..60_000).map(|i| format!("{i} ")).collect();
        let answer = self.command(&format!("APPEND INBOX {{{}+}}\r\n{body}", body.len())).await;
        assert!(answer.starts_with("t OK [APPENDUID"), "{answer}");
        self.command("SELECT INBOX").await;
        let fetched = self.command("UID FETCH 1:* BODY.PEEK[]").await;
        assert!(fetched.contains(&body));
        assert!(self.command("LOGOUT").await.contains("* BYE"));
    }
}

fn tls() -> (Arc<rustls::ServerConfig>, TlsConnector) {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let cert = key.cert.der().clone();
    let secret = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.clone()], secret.into())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert).unwrap();
    let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), TlsConnector::from(Arc::new(client)))
}

async fn connect(server: &Server, tls: PortTls) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, peer) = listener.accept().await.unwrap();
    tokio::spawn(serve_connection(server.service.clone(), accepted, peer, tls, server.shutdown.subscribe()));
    stream
}

#[tokio::test]
async fn deflate_works_in_the_clear() {
    let server = Server::start(|_| {}).await;
    let mut raw = Raw::new(connect(&server, PortTls::Plain).await);
    raw.until("\r\n").await;
    raw.log_in_and_deflate().await;
}

#[tokio::test]
async fn implicit_tls_and_deflate_over_it() {
    let (config, connector) = tls();
    let server = Server::start(|c| (c.tls, c.plaintext) = (Some(config), sterna_net::PlaintextPolicy::Never)).await;
    let tcp = connect(&server, PortTls::Implicit).await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut raw = Raw::new(connector.connect(name, tcp).await.unwrap());
    let greeting = raw.until("\r\n").await;
    assert!(greeting.contains("AUTH=PLAIN") && !greeting.contains("STARTTLS"), "{greeting}");
    raw.log_in_and_deflate().await;
}

#[tokio::test]
async fn starttls_turns_passwords_on_and_takes_nothing_sent_before_it() {
    let (config, connector) = tls();
    let server = Server::start(|c| (c.tls, c.plaintext) = (Some(config), sterna_net::PlaintextPolicy::Never)).await;
    let mut tcp = connect(&server, PortTls::Plain).await;
    let mut greeting = vec![0; 1000];
    let n = tcp.read(&mut greeting).await.unwrap();
    let greeting = String::from_utf8_lossy(&greeting[..n]).into_owned();
    assert!(greeting.contains("STARTTLS LOGINDISABLED"), "{greeting}");
    tcp.write_all(b"a STARTTLS\r\nb NOOP\r\n").await.unwrap();
    let mut answer = vec![0; 1000];
    let n = tcp.read(&mut answer).await.unwrap();
    assert!(answer[..n].starts_with(b"a BAD ") && !answer[..n].windows(4).any(|w| w == b"b OK"));
    tcp.write_all(b"c STARTTLS\r\n").await.unwrap();
    let mut line = [0; 16];
    tcp.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"c OK begin TLS\r\n");
    let name = ServerName::try_from("localhost").unwrap();
    let mut raw = Raw::new(connector.connect(name, tcp).await.unwrap());
    raw.log_in_and_deflate().await;
}

#[tokio::test]
async fn idle_works_within_tls_and_deflate() {
    let (config, connector) = tls();
    let server = Server::start(|c| c.tls = Some(config)).await;
    let tcp = connect(&server, PortTls::Implicit).await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut raw = Raw::new(connector.connect(name, tcp).await.unwrap());
    raw.until("\r\n").await;
    raw.command(&format!("LOGIN {USER} \"{PASSWORD}\"")).await;
    raw.command("COMPRESS DEFLATE").await;
    raw.deflate = Some((Compress::new(Compression::fast(), false), Decompress::new(false)));
    raw.command("SELECT INBOX").await;
    raw.send(b"i IDLE\r\n").await.unwrap();
    raw.until("+ idling\r\n").await;
    server.login().await.append("Subject: a\r\n\r\n", &[]).await;
    raw.until("* 1 EXISTS\r\n").await;
    raw.send(b"DONE\r\n").await.unwrap();
    raw.until("i OK").await;
}
