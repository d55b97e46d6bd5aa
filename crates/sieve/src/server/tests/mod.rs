//! The server over real connections, with a store of its own.

mod client;
mod commands;
mod framing;
mod limits;
mod login;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivatePkcs8KeyDer;
use sterna_core::{Address, SystemClock};
use sterna_frontdoor::Door;
use sterna_net::{Login, PortTls};
use sterna_store::{Account, Store};
use sterna_tests::backend::store_config;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use super::{ServerConfig, Service, serve_connection};

pub(super) const USER: &str = "ada@example.org";
pub(super) const PASSWORD: &str = "correct horse";

/// One server with one account.
pub(super) struct Server {
    pub account: Account,
    pub door: Door,
    pub address: SocketAddr,
    pub shutdown: watch::Sender<bool>,
    /// Trusts the certificate.
    pub connector: TlsConnector,
    /// The certificate, for other programs.
    pub certificate: String,
    _dir: TempDir,
}

impl Server {
    pub async fn start(change: impl FnOnce(&mut ServerConfig)) -> Server {
        Server::on(PortTls::Plain, change).await
    }

    pub async fn on(tls: PortTls, change: impl FnOnce(&mut ServerConfig)) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_with(store_config(dir.path()), Arc::new(SystemClock)).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let id = store.add_account(&Address::parse(USER).unwrap(), Some(PASSWORD), None).await.unwrap();
        let account = store.account(id).await.unwrap();
        let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let secret = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
        let certificate = key.cert.der().clone();
        let server = rustls::ServerConfig::builder().with_no_client_auth();
        let server = server.with_single_cert(vec![certificate.clone()], secret.into()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut config = ServerConfig::new("mail.example.org");
        config.tls = Some(Arc::new(server));
        change(&mut config);
        let door = Door::new(store.clone(), Login::new(store, Duration::from_millis(1)));
        let service = Service::new(door.clone(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, receiver) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(serve_connection(service.clone(), stream, peer, tls, receiver.clone()));
            }
        });
        let connector = TlsConnector::from(Arc::new(client));
        Server { account, door, address, shutdown, connector, certificate: key.cert.pem(), _dir: dir }
    }

    /// A connection that has read the greeting.
    pub async fn connect(&self) -> Client<TcpStream> {
        let mut client = Client::new(TcpStream::connect(self.address).await.unwrap());
        assert!(client.answer().await.contains("\r\nOK "));
        client
    }

    /// A connection that is logged in.
    pub async fn login(&self) -> Client<TcpStream> {
        let mut client = self.connect().await;
        client.ok(&login()).await;
        client
    }
}

/// AUTHENTICATE with the right password.
pub(super) fn login() -> String {
    use base64::Engine as _;
    let message = base64::engine::general_purpose::STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    format!("AUTHENTICATE \"PLAIN\" \"{message}\"")
}

/// A client that reads whole answers.
pub(super) struct Client<S> {
    pub stream: S,
    input: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Client<S> {
        Client { stream, input: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Lines up to an OK, NO or BYE, that one included; what came so far when the server closes.
    pub async fn answer(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let line = self.line().await;
            let is_end =
                ["OK", "NO", "BYE"].iter().any(|w| line.trim_end() == *w || line.starts_with(&format!("{w} ")));
            answer.push_str(&line);
            if is_end || line.is_empty() {
                return answer;
            }
        }
    }

    /// One line, with the literals in it.
    pub async fn line(&mut self) -> String {
        let read = async {
            // Where the present line, or the part of it behind a literal, begins.
            let mut from = 0;
            loop {
                let rest = self.input.get(from..).unwrap_or_default();
                if let Some(end) = rest.iter().position(|b| *b == b'\n').map(|end| from + end + 1) {
                    let text = String::from_utf8_lossy(&self.input[from..end]).into_owned();
                    let literal = text.trim_end().strip_suffix('}').and_then(|t| t.rsplit_once('{'));
                    match literal.and_then(|(_, size)| size.parse::<usize>().ok()) {
                        Some(size) => from = end + size,
                        None => return String::from_utf8(self.input.drain(..end).collect()).unwrap(),
                    }
                    continue;
                }
                let mut piece = [0; 4096];
                match self.stream.read(&mut piece).await {
                    Ok(0) | Err(_) => return String::new(),
                    Ok(n) => self.input.extend_from_slice(&piece[..n]),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("a line within 20 seconds")
    }

    /// Sends a command and gives its answer.
    pub async fn command(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n")).await;
        self.answer().await
    }

    /// The same; the answer must be OK.
    pub async fn ok(&mut self, command: &str) -> String {
        let answer = self.command(command).await;
        let last = answer.lines().rfind(|l| l.starts_with("OK"));
        assert!(last.is_some(), "{command}: {answer}");
        answer
    }
}
