//! A small client for tests: real connections to a server in this process, with a store and a name server of its own.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use sterna_core::{Address, ManualClock};
use sterna_delivery::{Delivery, DeliveryConfig};
use sterna_frontdoor::Door;
use sterna_net::{Login, PortTls};
use sterna_store::{AccountRecord, QueueFilter, Store, UidRange};
use sterna_tests::backend::store_config;
use sterna_tests::dns::DnsServer;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use super::{Kind, ServerConfig, Service, serve_connection};
use crate::auth::{AuthConfig, Authenticator};
use crate::dns::{DnsConfig, Resolver};

/// When all of it happens.
pub(super) const NOW: i64 = 1_800_000_000;

/// Of every account.
pub(super) const PASSWORD: &str = "correct horse";

/// A server with the accounts ada and bob at example.org.
pub(super) struct House {
    pub store: Store,
    pub service: Arc<Service>,
    pub dns: DnsServer,
    pub clock: Arc<ManualClock>,
    pub shutdown: watch::Sender<bool>,
    connector: TlsConnector,
    pub dir: TempDir,
}

/// Certificate and key for `localhost`, and who trusts them.
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

impl House {
    pub async fn new() -> House {
        House::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut ServerConfig)) -> House {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let store = Store::open_with(store_config(dir.path()), clock.clone()).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        for name in ["ada", "bob"] {
            let address = Address::parse(&format!("{name}@example.org")).unwrap();
            store.add_account(&address, Some(PASSWORD), None).await.unwrap();
        }
        let dns = DnsServer::start();
        let resolver =
            Resolver::new(&DnsConfig { servers: vec![dns.address()], timeout: Duration::from_secs(2) }).unwrap();
        let auth = Arc::new(Authenticator::new(resolver, AuthConfig::new("mail.example.org")));
        let (server, connector) = tls();
        let mut config = ServerConfig::new("mail.example.org");
        config.tls = Some(server);
        change(&mut config);
        let mut settings = DeliveryConfig::new("mail.example.org");
        settings.max_size = config.max_size;
        settings.postmaster = Some(Address::parse("bob@example.org").unwrap());
        let delivery = Delivery::new(store.clone(), settings);
        let door = Door::new(store.clone(), Login::new(store.clone(), Duration::from_millis(1)));
        let service = Service::new(delivery, auth, door, config);
        House { store, service, dns, clock, shutdown: watch::channel(false).0, connector, dir }
    }

    /// A connection whose greeting was not read.
    pub async fn dial(&self, kind: Kind, tls: PortTls) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (accepted, peer) = listener.accept().await.unwrap();
        self.serve(kind, accepted, peer, tls);
        stream
    }

    fn serve(&self, kind: Kind, stream: TcpStream, peer: SocketAddr, tls: PortTls) {
        tokio::spawn(serve_connection(self.service.clone(), kind, stream, peer, tls, self.shutdown.subscribe()));
    }

    /// A connection of a peer that seems to come from elsewhere.
    pub async fn dial_from(&self, kind: Kind, peer: &str) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        self.serve(kind, accepted, SocketAddr::new(peer.parse().unwrap(), 4711), PortTls::Plain);
        Client::new(stream)
    }

    /// A connection that has said hello.
    pub async fn connect(&self, kind: Kind) -> Client {
        let mut client = Client::new(self.dial(kind, PortTls::Plain).await);
        client.hello(kind).await;
        client
    }

    /// A connection to submission that has logged in.
    pub async fn submit_as(&self, name: &str) -> Client {
        let mut client = self.connect(Kind::Submission).await;
        client.login(name).await;
        client
    }

    /// Does the handshake of TLS.
    pub async fn secure(&self, stream: TcpStream) -> Client {
        let name = ServerName::try_from("localhost").unwrap();
        Client::new(self.connector.connect(name, stream).await.unwrap())
    }

    pub async fn account(&self, name: &str) -> AccountRecord {
        let address = Address::parse(&format!("{name}@example.org")).unwrap();
        self.store.find_account(&address).await.unwrap().unwrap()
    }

    /// The bytes of the messages in an INBOX.
    pub async fn inbox(&self, name: &str) -> Vec<Vec<u8>> {
        self.messages(name, "INBOX").await
    }

    /// The same of another mailbox.
    pub async fn messages(&self, name: &str, mailbox: &str) -> Vec<Vec<u8>> {
        let account = self.store.account(self.account(name).await.id).await.unwrap();
        let mailbox = mailbox.to_owned();
        let read = account.read(move |tx| {
            let Some(id) = tx.mailbox_tree()?.find(&mailbox).map(|m| m.id) else { return Ok(Vec::new()) };
            let mut all = Vec::new();
            let _ = tx.emails(id, UidRange::ALL, |_, email| {
                all.push(tx.blob(email.blob)?);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(all)
        });
        read.await.unwrap()
    }

    /// The only message in an INBOX.
    pub async fn only(&self, name: &str) -> String {
        let mut all = self.inbox(name).await;
        assert_eq!(all.len(), 1, "{name}");
        String::from_utf8(all.remove(0)).unwrap()
    }

    /// What waits: sender, recipients, text.
    pub async fn queue(&self) -> Vec<(String, Vec<String>, String)> {
        let mut all = Vec::new();
        for (message, recipients, _) in self.store.queue_list(None, 1000, QueueFilter::default()).await.unwrap() {
            let body = self.store.queue_body_range(message.blob, 0, message.size).await.unwrap();
            let to = recipients.into_iter().map(|r| r.address).collect();
            all.push((message.sender, to, String::from_utf8_lossy(&body).into_owned()));
        }
        all
    }

    /// Files that a message on its way left behind.
    pub fn leftovers(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("incoming")).map_or(0, Iterator::count)
    }

    /// Every account is sound.
    pub async fn check(&self) {
        for record in self.store.accounts(None).await.unwrap() {
            let account = self.store.account(record.id).await.unwrap();
            let report = account.check(sterna_message::check_structure).await.unwrap();
            assert!(report.is_sound(), "{}: {:?}", record.address, report.findings);
        }
    }
}

pub(super) trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// The other end of a session.
pub(super) struct Client {
    pub stream: Box<dyn Both>,
    buffer: Vec<u8>,
}

impl Client {
    pub fn new(stream: impl Both + 'static) -> Client {
        Client { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// Sends raw bytes; the server may have gone.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// One reply, its lines parted by `\n`; empty when the server has closed. Fails after 60 seconds.
    pub async fn reply(&mut self) -> String {
        let read = async {
            let mut reply = String::new();
            loop {
                let Some(line) = self.line().await else { return reply };
                let last = line.as_bytes().get(3) != Some(&b'-');
                reply.push_str(&line);
                if last {
                    return reply;
                }
                reply.push('\n');
            }
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("a reply within 60 seconds")
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                let line = line.strip_suffix(b"\r\n").expect("replies end with CRLF");
                return Some(String::from_utf8(line.to_vec()).unwrap());
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.buffer.extend_from_slice(&bytes[..n]),
            }
        }
    }

    /// Sends a line; its reply.
    pub async fn cmd(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// Sends a line whose reply must begin so.
    #[track_caller]
    pub fn expect<'c>(&'c mut self, line: &'c str, start: &'c str) -> impl Future<Output = String> + 'c {
        let caller = std::panic::Location::caller();
        async move {
            let reply = self.cmd(line).await;
            assert!(reply.starts_with(start), "{caller}: {line:?}: {reply:?}, not {start:?}");
            reply
        }
    }

    /// Reads the greeting and says hello.
    pub async fn hello(&mut self, kind: Kind) -> String {
        let greeting = self.reply().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        self.expect(if kind == Kind::Lmtp { "LHLO client.example" } else { "EHLO client.example" }, "250").await
    }

    pub async fn login(&mut self, name: &str) {
        use base64::Engine as _;
        let message = format!("\0{name}@example.org\0{PASSWORD}");
        let line = format!("AUTH PLAIN {}", base64::engine::general_purpose::STANDARD.encode(message));
        self.expect(&line, "235 2.7.0").await;
    }

    /// MAIL and RCPT.
    pub async fn envelope(&mut self, sender: &str, recipients: &[&str]) {
        self.expect(&format!("MAIL FROM:<{sender}>"), "250 2.1.0").await;
        for recipient in recipients {
            self.expect(&format!("RCPT TO:<{recipient}>"), "250 2.1.5").await;
        }
    }

    /// A whole message; the reply to its end.
    pub async fn message(&mut self, sender: &str, recipients: &[&str], text: &str) -> String {
        self.envelope(sender, recipients).await;
        self.data(text).await
    }

    /// DATA with this text, which needs no stuffing and ends with CRLF; the reply to its end.
    pub async fn data(&mut self, text: &str) -> String {
        self.expect("DATA", "354 ").await;
        self.cmd(&format!("{text}.")).await
    }

    /// Whether the server has closed.
    pub async fn is_closed(&mut self) -> bool {
        self.reply().await.is_empty()
    }
}
