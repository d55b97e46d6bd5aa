//! Runs against a real IMAP source, which is another store behind Sterna's own server: leases, and faults of our store.
//! What other servers do is tested by the black-box suite.

mod back;
mod cutover;
mod faults;
mod leases;
mod pop3;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sterna_core::{AccountId, Address, Clock, DateTime, Flags, ManualClock, SystemClock};
use sterna_frontdoor::Door;
use sterna_imap::server::{ServerConfig, Service, serve_connection};
use sterna_message::Ingest;
use sterna_net::{Login, PortTls};
use sterna_store::{Account, Store, StoreConfig, UidRange};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::{Cancel, MoveOptions, Mover, Progress, Result, Secret, SourceSpec, State};

/// So long may anything take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Faults to come, for commits of a mover.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<AtomicU32>, Arc<Mutex<Option<&'static str>>>);

impl Faults {
    /// The next so many commits are durable, and nobody learns it: the connection is lost while COMMIT is under way.
    fn lose_answers(&self, n: u32) {
        self.0.store(n, Ordering::SeqCst);
    }

    /// The run breaks off at a named step, once, as if its process had died there.
    fn break_at(&self, step: &'static str) {
        *self.1.lock().unwrap() = Some(step);
    }

    pub fn reached(&self, step: &str) -> Result<()> {
        let mut wanted = self.1.lock().unwrap();
        match *wanted == Some(step) {
            true => {
                *wanted = None;
                Err(crate::Error::Cancelled)
            }
            false => Ok(()),
        }
    }

    fn left(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn lose_answer(&self) -> sterna_store::Result<()> {
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
            Ok(_) => Err(sterna_store::Error::Unavailable("the connection was lost".into())),
            Err(_) => Ok(()),
        }
    }
}

/// An IMAP server with the mailbox of Anne.
struct Source {
    _directory: tempfile::TempDir,
    account: Account,
    port: u16,
}

impl Source {
    async fn start() -> Source {
        let directory = tempfile::tempdir().unwrap();
        let (store, id) = store(StoreConfig::embedded(directory.path()), Arc::new(SystemClock)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = Service::new(
            Door::new(store.clone(), Login::new(store.clone(), Duration::from_millis(1))),
            ServerConfig::new("source"),
        );
        tokio::spawn(async move {
            let (_running, shutdown) = watch::channel(false);
            while let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(serve_connection(service.clone(), stream, peer, PortTls::Plain, shutdown.clone()));
            }
        });
        Source { _directory: directory, account: store.account(id).await.unwrap(), port }
    }

    /// Adds so many messages to INBOX.
    async fn add(&self, n: u32) {
        let blobs = self.account.blobs();
        let now = DateTime::utc(1_790_000_000);
        let made: Vec<_> = (0..n)
            .map(|n| Ingest::whole(&blobs, format!("Subject: {n}\r\n\r\nbody {n}\r\n").as_bytes(), now).unwrap())
            .collect();
        let add = move |tx: &sterna_store::Tx<'_>| {
            let inbox = tx.mailboxes()?[0].id;
            made.iter().try_for_each(|email| tx.append(inbox, email, &Flags::default()).map(drop))
        };
        self.account.write(add).await.unwrap();
    }
}

/// A store with the account of Anne.
async fn store(config: StoreConfig, clock: Arc<dyn Clock>) -> (Store, AccountId) {
    let store = Store::open_with(config, clock).await.unwrap();
    store.add_domain("example.org").await.unwrap();
    let id = store.add_account(&Address::parse("anne@example.org").unwrap(), Some("secret"), None).await.unwrap();
    (store, id)
}

/// Where mail is moved to.
struct Target {
    _directory: tempfile::TempDir,
    store: Store,
    account: AccountId,
    clock: Arc<ManualClock>,
}

impl Target {
    async fn new() -> Target {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let (store, account) = store(StoreConfig::embedded(directory.path()), clock.clone()).await;
        Target { _directory: directory, store, account, clock }
    }

    fn mover(&self, term: Duration) -> Mover {
        Mover::with_term(self.store.clone(), term)
    }

    async fn plan(&self, mover: &Mover, source: &Source, options: MoveOptions) {
        let (source, secret) = spec(source);
        mover.start(self.account, source, secret, options).await.unwrap();
    }

    /// Runs the move in the background.
    fn run(&self, mover: &Mover) -> Running {
        let (sender, progress) = watch::channel(Progress::default());
        let (mover, account, cancel) = (mover.clone(), self.account, Cancel::new());
        let stop = cancel.clone();
        let task = tokio::spawn(async move { mover.run(account, &stop, sender).await });
        Running { cancel, progress, task }
    }

    /// UIDs in INBOX.
    async fn uids(&self) -> Vec<u32> {
        uids_of(&self.store.account(self.account).await.unwrap()).await
    }

    async fn assert_sound(&self) {
        let account = self.store.account(self.account).await.unwrap();
        let report = account.check(sterna_message::check_structure).await.unwrap();
        assert_eq!(report.findings, []);
    }
}

/// UIDs in INBOX.
async fn uids_of(account: &Account) -> Vec<u32> {
    let read = |tx: &sterna_store::Tx<'_>| {
        let inbox = tx.mailboxes()?[0].id;
        let mut uids = Vec::new();
        let _ = tx.messages(inbox, UidRange::ALL, |message| {
            uids.push(message.uid.get());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(uids)
    };
    account.read(read).await.unwrap()
}

fn spec(source: &Source) -> (SourceSpec, Secret) {
    let spec = SourceSpec::parse(&format!("imap://127.0.0.1:{}?tls=none", source.port), "anne@example.org").unwrap();
    (spec, Secret::Password("secret".into()))
}

/// A run in the background.
struct Running {
    cancel: Cancel,
    progress: watch::Receiver<Progress>,
    task: tokio::task::JoinHandle<Result<State>>,
}

impl Running {
    async fn until(&mut self, what: impl FnMut(&Progress) -> bool) {
        tokio::time::timeout(PATIENCE, self.progress.wait_for(what)).await.unwrap().unwrap();
    }

    async fn end(self) -> Result<State> {
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

fn following() -> MoveOptions {
    MoveOptions { follow: true, ..MoveOptions::default() }
}
