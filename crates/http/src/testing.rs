//! A service on a port of its own and a client of raw bytes, for the tests of all forms.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quick_xml::events::Event;
use sterna_core::SystemClock;
use sterna_net::PortTls;
use sterna_store::{Store, StoreConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::clients::{ClientSettings, MailServer, Protocol, Security};
use crate::service::{HttpConfig, Service};

/// All servers on their ports.
pub fn clients() -> ClientSettings {
    let server = |protocol, port, security| MailServer { protocol, host: "mail.example.org".into(), port, security };
    ClientSettings {
        name: "Sterna & Co".into(),
        servers: vec![
            server(Protocol::Imap, 993, Security::Tls),
            server(Protocol::Imap, 143, Security::StartTls),
            server(Protocol::Pop3, 995, Security::Tls),
            server(Protocol::Pop3, 110, Security::StartTls),
            server(Protocol::Smtp, 465, Security::Tls),
            server(Protocol::Smtp, 587, Security::StartTls),
        ],
        url: Some("https://mail.example.org".into()),
        webmail: None,
    }
}

/// A service for example.org that listens.
pub struct Client {
    pub address: SocketAddr,
    pub stop: watch::Sender<bool>,
    pub store: Store,
    _data: tempfile::TempDir,
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    fields: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// A field's value; empty if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

impl Client {
    pub async fn start() -> Client {
        Client::start_with(|_| {}, PortTls::Plain).await
    }

    pub async fn start_with(change: impl FnOnce(&mut HttpConfig), tls: PortTls) -> Client {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open_with(StoreConfig::embedded(data.path()), Arc::new(SystemClock)).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let mut config = HttpConfig::new("mail.example.org", clients());
        change(&mut config);
        let service = Service::new(config, store.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(crate::serve_connection(service.clone(), stream, peer, tls, stopped.clone()));
            }
        });
        Client { address, stop, store, _data: data }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: mail.example.org\r\n\r\n")).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        self.ask(&format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")).await
    }

    /// Sends a request on a connection of its own and reads one answer.
    pub async fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream, request.starts_with("HEAD ")).await
    }
}

/// Reads one answer.
pub async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin), head_only: bool) -> Answer {
    let read = async {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.expect("the connection is closed before the answer"));
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, fields, body: String::new() };
        let length: usize = answer.field("content-length").parse().unwrap_or(0);
        let mut body = vec![0; if head_only { 0 } else { length }];
        stream.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("no answer in time")
}

/// The path and text of every element that holds one.
pub fn elements(xml: &str) -> Vec<(String, String)> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut path, mut found) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => path.push(String::from_utf8(start.name().as_ref().to_vec()).unwrap()),
            Event::End(_) => drop(path.pop().unwrap()),
            Event::Text(text) if !text.decode().unwrap().trim().is_empty() => {
                found.push((path.join("/"), text.decode().unwrap().into_owned()));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(path.is_empty());
    found
}
