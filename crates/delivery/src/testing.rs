//! A store with a few accounts, and what tests ask of it. Every scenario ends with [`House::check`].

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sterna_core::{AccountId, Address, DateTime, ManualClock};
use sterna_store::{DomainChange, QueueClaim, QueueFilter, Settled, Store, UidRange};
use sterna_tests::backend::store_config;
use tempfile::TempDir;

use crate::{Body, Delivered, Delivery, DeliveryConfig, Envelope, Mail, Outcome, Recipient, Signer, Verdict, queued};

/// When all of it happens.
pub(crate) const NOW: i64 = 1_800_000_000;

/// The domain of every test.
pub(crate) const DOMAIN: &str = "example.org";

/// From a stranger, with this text as its bytes.
pub(crate) fn mail(text: &str) -> Mail {
    from("ada@example.com", text)
}

/// The same from somebody else.
pub(crate) fn from(sender: &str, text: &str) -> Mail {
    Mail {
        envelope: Envelope { sender: sender.to_owned(), ..Envelope::default() },
        trace: Bytes::new(),
        body: Body::Memory(Bytes::copy_from_slice(text.as_bytes())),
        received: DateTime::utc(NOW),
        authenticated: true,
        quarantine: false,
        queued: None,
        submitter: None,
    }
}

/// A plain message to somebody.
pub(crate) fn hello(to: &str) -> Mail {
    mail(&format!("From: ada@example.com\r\nTo: {to}\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n\r\nhi\r\n"))
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Signs for every domain but one.
struct Stamp;

impl Signer for Stamp {
    fn sign<'s>(&'s self, _: &'s Store, domain: &'s str, mail: &'s Mail) -> BoxFuture<'s, Option<String>> {
        let fields = (domain != "keyless.example").then(|| format!("DKIM-Signature: d={domain}; l={}\r\n", mail.len()));
        Box::pin(std::future::ready(fields))
    }
}

/// What waits in the queue for one recipient.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub sender: String,
    pub to: String,
    pub text: String,
    pub expanded: bool,
}

/// Delivery over a fresh store with the accounts anne and bob.
pub(crate) struct House {
    pub delivery: Delivery,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    _dir: TempDir,
}

impl House {
    pub async fn new() -> House {
        House::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut DeliveryConfig)) -> House {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let store = Store::open_with(store_config(dir.path()), clock.clone()).await.unwrap();
        store.add_domain(DOMAIN).await.unwrap();
        let mut config = DeliveryConfig::new("mail.example.org");
        change(&mut config);
        let delivery = Delivery::signing(store.clone(), config, Arc::new(Stamp));
        let house = House { delivery, store, clock, _dir: dir };
        house.add("anne").await;
        house.add("bob").await;
        house
    }

    /// Adds an account.
    pub async fn add(&self, name: &str) -> AccountId {
        self.store.add_account(&address(&at(name)), None, None).await.unwrap()
    }

    pub async fn id(&self, name: &str) -> AccountId {
        self.store.find_account(&address(&at(name))).await.unwrap().unwrap().id
    }

    pub async fn alias(&self, name: &str, targets: &[&str]) {
        let targets = targets.iter().map(|t| address(&at(t))).collect();
        self.store.add_alias(&address(&at(name)), targets).await.unwrap();
    }

    pub async fn forwards(&self, name: &str, targets: &[&str], keep_copy: bool) {
        let targets = targets.iter().map(|t| address(&at(t))).collect();
        self.store.set_forwards(self.id(name).await, targets, keep_copy).await.unwrap();
    }

    pub async fn quota(&self, name: &str, bytes: u64) {
        self.store.set_quota(self.id(name).await, Some(bytes)).await.unwrap();
    }

    pub async fn domain(&self, change: DomainChange) {
        self.store.set_domain(DOMAIN, change).await.unwrap();
    }

    /// Gives an account an active script.
    pub async fn script(&self, name: &str, text: &str) {
        self.put_script(name, "main", text).await;
        let account = self.store.account(self.id(name).await).await.unwrap();
        account.write(|tx| tx.set_active_sieve(Some("main"))).await.unwrap();
    }

    pub async fn put_script(&self, name: &str, script: &str, text: &str) {
        let account = self.store.account(self.id(name).await).await.unwrap();
        let (script, text) = (script.to_owned(), text.to_owned());
        account.write(move |tx| tx.put_sieve(&script, &text)).await.unwrap();
    }

    /// Hands a mail over for one recipient.
    pub async fn accept(&self, mail: &Mail, to: &str) -> Outcome {
        let mut outcomes = self.delivery.accept(mail, &[Recipient::new(&at(to))]).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    pub async fn rcpt(&self, to: &str) -> Verdict {
        self.delivery.recipient(&at(to), None).await.unwrap()
    }

    /// The status of a refused RCPT.
    pub async fn refused(&self, to: &str) -> String {
        match self.rcpt(to).await {
            Verdict::Refuse(refusal) => format!("{} {}", refusal.code, refusal.status),
            other => panic!("{to}: {other:?}"),
        }
    }

    /// The messages of a mailbox with the flags they have.
    pub async fn flagged(&self, name: &str, path: &str) -> Vec<(String, String)> {
        let account = self.store.account(self.id(name).await).await.unwrap();
        let path = path.to_owned();
        let read = account.read(move |tx| {
            let (tree, _) = crate::place::tree(tx)?;
            let Some(mailbox) = tree.find(&path).map(|m| m.id) else { return Ok(Vec::new()) };
            let keysets = tx.keysets()?;
            let mut all = Vec::new();
            let _ = tx.emails(mailbox, UidRange::ALL, |message, email| {
                let text = String::from_utf8_lossy(&tx.blob(email.blob)?).into_owned();
                all.push((text, keysets.flags(message.flags).to_string()));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(all)
        });
        read.await.unwrap()
    }

    pub async fn messages(&self, name: &str, path: &str) -> Vec<String> {
        self.flagged(name, path).await.into_iter().map(|(text, _)| text).collect()
    }

    pub async fn inbox(&self, name: &str) -> Vec<String> {
        self.messages(name, "INBOX").await
    }

    /// Everything that waits, by message, then by recipient.
    pub async fn queue(&self) -> Vec<Waiting> {
        let mut all = Vec::new();
        for (message, recipients, _) in self.store.queue_list(None, 1000, QueueFilter::default()).await.unwrap() {
            let body = self.store.queue_body_range(message.blob, 0, message.size).await.unwrap();
            for recipient in recipients {
                all.push(Waiting {
                    sender: message.sender.clone(),
                    to: recipient.address.clone(),
                    text: String::from_utf8_lossy(&body).into_owned(),
                    expanded: queued::to_recipient(&recipient).expanded,
                });
            }
        }
        all
    }

    /// Takes one batch of the queue, as the runner does.
    pub async fn claim(&self) -> Option<QueueClaim> {
        self.store.claim_queued(1, 1, vec![], Duration::from_secs(60)).await.unwrap().pop()
    }

    /// Does the runner's work once: claims everything that is due and attempts what is ours. What each attempt said.
    pub async fn run(&self) -> Vec<(String, Delivered)> {
        let mut all = Vec::new();
        while let Some(claim) = self.claim().await {
            let mail = queued::to_mail(&self.store, &claim).await.unwrap();
            let mut settled = Vec::new();
            for queued in &claim.recipients {
                let said = self.delivery.deliver_local(&mail, &queued::to_recipient(queued)).await;
                all.push((queued.address.clone(), said));
                settled.push((queued.id, Settled::Done));
            }
            self.store.settle_queued(&claim, settled, vec![]).await.unwrap();
        }
        all
    }

    /// Every account is sound, and so is the queue.
    pub async fn check(&self) {
        for record in self.store.accounts(None).await.unwrap() {
            let account = self.store.account(record.id).await.unwrap();
            let report = account.check(sterna_message::check_structure).await.unwrap();
            assert!(report.is_sound(), "{}: {:?}", record.address, report.findings);
        }
        let report = self.store.check_directory().await.unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
    }
}

/// A name of the domain of the tests; with an `@` it is an address already.
pub(crate) fn at(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@{DOMAIN}") }
}
