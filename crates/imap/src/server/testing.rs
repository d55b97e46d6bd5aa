//! A small client for tests: a real connection to a server in this process, with a store of its own.

use std::sync::Arc;

use sterna_core::{Address, Flag, Flags, SystemClock};
use sterna_store::{Account, Store};
use sterna_tests::backend::store_config;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use sterna_frontdoor::Door;
use sterna_net::{ClientStream, Login, PortTls};

use super::{ResumedSession, ServerConfig, Service, resume_connection, serve_connection};

/// The account of every test.
pub(crate) const USER: &str = "ada@example.org";
/// Its password.
pub(crate) const PASSWORD: &str = "correct horse";

/// One server with one account; dropped with the last client.
pub(crate) struct Server {
    pub store: Store,
    pub account: Account,
    pub service: Arc<Service>,
    pub address: std::net::SocketAddr,
    pub shutdown: watch::Sender<bool>,
    _dir: TempDir,
}

impl Server {
    /// Listens on a free loopback port.
    pub async fn start(change: impl FnOnce(&mut ServerConfig)) -> Arc<Server> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_with(store_config(dir.path()), Arc::new(SystemClock)).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let id = store.add_account(&Address::parse(USER).unwrap(), Some(PASSWORD), None).await.unwrap();
        let account = store.account(id).await.unwrap();
        let mut config = ServerConfig::new("mail.example.org");
        change(&mut config);
        let service = Service::new(
            Door::new(store.clone(), Login::new(store.clone(), std::time::Duration::from_millis(1))),
            config,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, receiver) = watch::channel(false);
        let shared = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (service, shutdown) = (service.clone(), receiver.clone());
                tokio::spawn(serve_connection(service, stream, peer, PortTls::Plain, shutdown));
            }
        });
        Arc::new(Server { store, account, service: shared, address, shutdown, _dir: dir })
    }

    /// A connection that has read the greeting.
    pub async fn connect(self: &Arc<Server>) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut client = Client { server: self.clone(), stream: BufReader::new(stream), tags: 0 };
        assert!(client.response().await.starts_with("* OK "));
        client
    }

    /// A connection that goes on with a session from elsewhere.
    pub async fn resume(self: &Arc<Server>, state: ResumedSession) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (held, peer) = listener.accept().await.unwrap();
        let (service, shutdown) = (self.service.clone(), self.shutdown.subscribe());
        tokio::spawn(resume_connection(service, ClientStream::Plain(held), peer, shutdown, state));
        Client { server: self.clone(), stream: BufReader::new(stream), tags: 0 }
    }

    /// A connection that is logged in.
    pub async fn login(self: &Arc<Server>) -> Client {
        let mut client = self.connect().await;
        client.ok(&format!("LOGIN {USER} \"{PASSWORD}\"")).await;
        client
    }
}

/// A client that reads whole responses; a literal's bytes stand inside of its response, CRLF and all.
pub(crate) struct Client {
    pub server: Arc<Server>,
    pub stream: BufReader<TcpStream>,
    tags: u32,
}

impl Client {
    /// A server of its own, logged in.
    pub async fn start() -> Client {
        Server::start(|_| {}).await.login().await
    }

    /// The account's handle, for changes behind the session's back.
    pub fn account(&self) -> Account {
        self.server.account.clone()
    }

    /// Sends raw bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// One response, its last CRLF removed; empty when the server has closed. Fails after 20 seconds.
    pub async fn response(&mut self) -> String {
        let read = async {
            let mut bytes = Vec::new();
            loop {
                self.stream.read_until(b'\n', &mut bytes).await.unwrap();
                let Some(size) = literal_size(&bytes) else { break };
                let start = bytes.len();
                bytes.resize(start + size, 0);
                self.stream.read_exact(&mut bytes[start..]).await.unwrap();
            }
            String::from_utf8_lossy(bytes.strip_suffix(b"\r\n").unwrap_or(&bytes)).into_owned()
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
        waited.expect("a response within 20 seconds")
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = self.stream.read_to_end(&mut bytes);
        tokio::time::timeout(std::time::Duration::from_secs(20), read).await.unwrap().unwrap();
        bytes
    }

    /// Sends one command (without tag and CRLF) and gives its responses; the tagged one is the last, without its tag.
    pub async fn cmd(&mut self, command: &str) -> Vec<String> {
        let tag = self.begin(command).await;
        self.finish(&tag).await
    }

    /// Sends one command and gives its tag.
    pub async fn begin(&mut self, command: &str) -> String {
        self.tags += 1;
        let tag = format!("a{}", self.tags);
        self.send(format!("{tag} {command}\r\n")).await;
        tag
    }

    /// Reads up to the tagged response.
    pub async fn finish(&mut self, tag: &str) -> Vec<String> {
        let mut responses = Vec::new();
        loop {
            let response = self.response().await;
            assert!(!response.is_empty(), "closed after {responses:?}");
            match response.strip_prefix(&format!("{tag} ")) {
                Some(last) => {
                    responses.push(last.to_owned());
                    return responses;
                }
                None => responses.push(response),
            }
        }
    }

    /// A command that must succeed; its untagged responses.
    pub async fn ok(&mut self, command: &str) -> Vec<String> {
        let mut responses = self.cmd(command).await;
        let last = responses.pop().unwrap_or_default();
        assert!(last.starts_with("OK"), "{command}: {responses:?} {last}");
        responses
    }

    /// Appends a message to INBOX behind the session's back, straight into the store; its UID.
    pub async fn append(&mut self, raw: impl AsRef<[u8]>, flags: &[&str]) -> u32 {
        self.append_to("INBOX", raw, flags).await
    }

    /// The same for any mailbox.
    pub async fn append_to(&mut self, mailbox: &str, raw: impl AsRef<[u8]>, flags: &[&str]) -> u32 {
        let account = self.account();
        let date = sterna_core::DateTime::parse_imap(b" 1-Feb-2026 09:30:00 +0100").unwrap();
        let email = sterna_message::Ingest::whole(&account.blobs(), raw.as_ref(), date).unwrap();
        let flags: Flags = flags.iter().map(|f| flag(f)).collect();
        let name = mailbox.to_owned();
        let appended = account
            .write(move |tx| {
                let id = tx.mailbox_tree()?.find(&name).map(|m| m.id).expect("the mailbox exists");
                tx.append(id, &email, &flags)
            })
            .await
            .unwrap();
        appended.uid.get()
    }

    /// The account must be sound.
    pub async fn check(&self) {
        let report = self.account().check(sterna_message::check_structure).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

fn flag(name: &str) -> Flag {
    match crate::codec::flag::WireFlag::from_name(name.as_bytes()) {
        crate::codec::flag::WireFlag::Known(flag) => flag,
        other => panic!("{other:?} is no flag"),
    }
}

fn literal_size(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line.strip_suffix(b"}\r\n")?.rsplit(|b| *b == b'{').next()?).ok()?;
    text.parse().ok()
}
