//! Sessions over a real connection, with a store of their own.

mod login;
mod mail;

use std::sync::Arc;
use std::time::Duration;

use sterna_core::{Address, DateTime, Flags, MailboxId, SystemClock, Uid};
use sterna_frontdoor::Door;
use sterna_message::Ingest;
use sterna_net::{Login, PortTls};
use sterna_store::{Account, Store};
use sterna_tests::backend::store_config;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{ServerConfig, Service, serve_connection};

pub(super) const USER: &str = "ada@example.org";
pub(super) const PASSWORD: &str = "correct horse";

/// One server with one account.
pub(super) struct Server {
    pub(super) account: Account,
    pub(super) door: Door,
    inbox: MailboxId,
    pub(super) address: std::net::SocketAddr,
    shutdown: watch::Sender<bool>,
    _dir: TempDir,
}

impl Server {
    pub(super) async fn start(change: impl FnOnce(&mut ServerConfig)) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_with(store_config(dir.path()), Arc::new(SystemClock)).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let id = store.add_account(&Address::parse(USER).unwrap(), Some(PASSWORD), None).await.unwrap();
        let account = store.account(id).await.unwrap();
        let inbox = account.read(|tx| Ok(tx.mailboxes()?[0].id)).await.unwrap();
        let mut config = ServerConfig::new("mail.example.org");
        change(&mut config);
        let door = Door::new(store.clone(), Login::new(store, Duration::from_millis(1)));
        let service = Service::new(door.clone(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, receiver) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(serve_connection(service.clone(), stream, peer, PortTls::Plain, receiver.clone()));
            }
        });
        Server { account, door, inbox, address, shutdown, _dir: dir }
    }

    /// A connection that has read the greeting.
    pub(super) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut client = Client { stream: BufReader::new(stream) };
        assert_eq!(client.reply().await, "+OK mail.example.org Sterna ready");
        client
    }

    /// A connection that is logged in.
    pub(super) async fn login(&self) -> Client {
        let mut client = self.connect().await;
        client.ok(&format!("USER {USER}")).await;
        client.ok(&format!("PASS {PASSWORD}")).await;
        client
    }

    /// Puts a message into INBOX; its UID.
    pub(super) async fn append(&self, raw: &[u8]) -> Uid {
        let email = Ingest::whole(&self.account.blobs(), raw, DateTime::utc(1_790_000_000)).unwrap();
        let inbox = self.inbox;
        self.account.write(move |tx| tx.append(inbox, &email, &Flags::default())).await.unwrap().uid
    }

    async fn set_uidls(&self, uidls: &[(Uid, &str, Option<u32>)]) {
        let uidls: Vec<_> = uidls.iter().map(|(uid, uidl, order)| (*uid, (*uidl).to_owned(), *order)).collect();
        let inbox = self.inbox;
        self.account.write(move |tx| tx.set_uidls(inbox, &uidls)).await.unwrap();
    }

    pub(super) async fn count(&self) -> usize {
        self.account.index(self.inbox).await.unwrap().len()
    }
}

/// A client that reads lines.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(super) async fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// One line without its CRLF; empty when the server has closed. Fails after 20 seconds.
    pub(super) async fn reply(&mut self) -> String {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await.expect("a reply within 20 seconds");
        // A server that ends a connection with unread input resets it.
        if read.is_err() || line.is_empty() {
            return String::new();
        }
        String::from_utf8_lossy(line.strip_suffix(b"\r\n").expect("a line ends with CRLF")).into_owned()
    }

    pub(super) async fn cmd(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n")).await;
        self.reply().await
    }

    /// A command that must succeed: what follows `+OK `.
    pub(super) async fn ok(&mut self, command: &str) -> String {
        let reply = self.cmd(command).await;
        reply.strip_prefix("+OK ").unwrap_or_else(|| panic!("{command}: {reply}")).to_owned()
    }

    /// A command that must fail: what follows `-ERR `.
    pub(super) async fn err(&mut self, command: &str) -> String {
        let reply = self.cmd(command).await;
        reply.strip_prefix("-ERR ").unwrap_or_else(|| panic!("{command}: {reply}")).to_owned()
    }

    /// The lines of a multi-line reply up to the final dot, dots undone.
    pub(super) async fn lines(&mut self, command: &str) -> Vec<String> {
        self.ok(command).await;
        self.rest().await
    }

    pub(super) async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.reply().await {
                line if line == "." => return lines,
                line => lines.push(line.strip_prefix('.').map(str::to_owned).unwrap_or(line)),
            }
        }
    }
}
