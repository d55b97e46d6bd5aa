//! The runner against a real store, a name server and servers of mail on loopback.

mod crash;
mod failing;
mod local;
mod moving;
mod reports;
mod sending;
mod sink;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sterna_core::{Address, DateTime, SystemClock};
use sterna_delivery::{Body, Delivery, DeliveryConfig, Envelope, Mail, Recipient};
use sterna_store::{QueueFilter, Store, StoreConfig, UidRange};
use sterna_tests::backend::store_config;
use sterna_tests::dns::DnsServer;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::sink::Sink;
use super::{QueueConfig, Runner};
use crate::client::Timeouts;
use crate::dns::{DnsConfig, Resolver};

/// The longest that anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A store with the account anne@example.org, a name server, and what a runner needs.
struct World {
    store: Store,
    delivery: Delivery,
    dns: DnsServer,
    config: QueueConfig,
    place: StoreConfig,
    _directory: TempDir,
}

/// A runner at work.
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl World {
    async fn new() -> World {
        World::with(5).await
    }

    async fn with(queue_days: u32) -> World {
        let directory = tempfile::tempdir().unwrap();
        let place = store_config(directory.path());
        let store = Store::open_with(place.clone(), Arc::new(SystemClock)).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        store.add_account(&address("anne@example.org"), None, None).await.unwrap();
        let delivery =
            Delivery::new(store.clone(), DeliveryConfig { queue_days, ..DeliveryConfig::new("me.example.org") });
        let config = QueueConfig {
            allow_private: true,
            retry: vec![Duration::from_secs(1)],
            rest: (Duration::from_millis(300), Duration::from_secs(2)),
            poll: Duration::from_millis(100),
            grace: Duration::from_secs(1),
            timeouts: Timeouts { connect: Duration::from_secs(5), ..Timeouts::default() },
            ..QueueConfig::default()
        };
        World { store, delivery, dns: DnsServer::start(), config, place, _directory: directory }
    }

    /// A sink that the domain's MX record points to; its port is that of all exchangers.
    async fn sink(&mut self, domain: &str) -> Sink {
        let sink = Sink::start(SocketAddr::from(([127, 0, 0, 1], self.port()))).await;
        self.config.port = sink.address().port();
        self.exchanger(domain, 10, "127.0.0.1");
        sink
    }

    /// A sink at another address of this machine.
    async fn sink_at(&mut self, address: &str) -> Sink {
        let sink = Sink::start(SocketAddr::new(address.parse().unwrap(), self.port())).await;
        self.config.port = sink.address().port();
        sink
    }

    /// The port of exchangers; 0 before the first.
    fn port(&self) -> u16 {
        if self.config.port == 25 { 0 } else { self.config.port }
    }

    fn exchanger(&self, domain: &str, preference: u16, address: &str) {
        let host = format!("mx{}.{domain}", address.replace('.', "-"));
        self.dns.set(domain, "MX", 60, &format!("{preference} {host}"));
        self.dns.set(&host, "A", 60, address);
    }

    fn run(&self) -> Running {
        let dns = DnsConfig { servers: vec![self.dns.address()], timeout: Duration::from_secs(1) };
        let runner = Runner::new(self.delivery.clone(), Resolver::new(&dns).unwrap(), self.config.clone());
        let (stop, stopped) = watch::channel(false);
        Running { stop, task: tokio::spawn(runner.run(stopped)) }
    }

    async fn enqueue(&self, mail: &Mail, to: &[&str]) {
        let recipients: Vec<Recipient> = to.iter().map(|a| Recipient::new(a)).collect();
        self.delivery.enqueue(mail, &recipients).await.unwrap();
    }

    /// Recipients that wait.
    async fn waiting(&self) -> u64 {
        self.store.queue_stats().await.unwrap().recipients
    }

    async fn empty(&self) {
        eventually("the queue is empty", async || self.waiting().await == 0).await;
    }

    /// What was noted about the only recipient that waits: attempts and the error.
    async fn noted(&self) -> (u32, String) {
        let list = self.store.queue_list(None, 10, QueueFilter::default()).await.unwrap();
        let recipient = list.first().and_then(|(_, recipients, _)| recipients.first().cloned());
        recipient.map(|r| (r.attempts, r.last_error.unwrap_or_default())).unwrap_or_default()
    }

    /// The messages in an account's INBOX.
    async fn inbox(&self, name: &str) -> Vec<String> {
        let record = self.store.find_account(&address(name)).await.unwrap().unwrap();
        let account = self.store.account(record.id).await.unwrap();
        let read = account.read(|tx| {
            let inbox = tx.mailboxes()?.into_iter().find(|m| m.name == "INBOX").map(|m| m.id);
            let mut all = Vec::new();
            if let Some(inbox) = inbox {
                let _ = tx.emails(inbox, UidRange::ALL, |_, email| {
                    all.push(String::from_utf8_lossy(&tx.blob(email.blob)?).into_owned());
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            Ok(all)
        });
        read.await.unwrap()
    }

    /// The only message in anne's INBOX, when it has come.
    async fn report(&self) -> String {
        eventually("a report comes", async || self.inbox("anne@example.org").await.len() == 1).await;
        self.inbox("anne@example.org").await.remove(0)
    }
}

impl Running {
    async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    /// As a killed process stops.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// From anne.
fn mail(subject: &str) -> Mail {
    let text = format!("From: anne@example.org\r\nSubject: {subject}\r\n\r\nhello\r\n");
    Mail {
        envelope: Envelope { sender: "anne@example.org".to_owned(), ..Envelope::default() },
        trace: Bytes::from_static(b"Received: by me.example.org\r\n"),
        body: Body::Memory(text.into()),
        received: DateTime::utc(1_800_000_000),
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    }
}

async fn eventually(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < PATIENCE, "it did not come so far that {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
