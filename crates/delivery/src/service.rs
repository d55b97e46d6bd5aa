//! The door of this room: one value that reception, submission and the queue's runner share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sterna_core::{AccountId, Flags, MailboxId};
use sterna_store::{AccountRecord, Error, QueueId, Result, Store};
use tokio::sync::Semaphore;

use crate::attempt::{Attempt, DIRECT};
use crate::deposit::failure;
use crate::header::Traces;
use crate::notice::Notice;
use crate::platforms::Platforms;
use crate::resolve::{Places, Resolved};
use crate::scripted::SCRIPT_MEMORY;
use crate::signer::Signer;
use crate::srs::Srs;
use crate::turns::Turns;
use crate::{Body, Delivered, DeliveryConfig, Mail, Outcome, Recipient, Refusal, Verdict, place};

/// Accounts whose INBOX is known without asking.
const MAX_INBOXES: usize = 100_000;

/// Delivery of mail. Clones share it.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

pub(crate) struct Inner {
    pub store: Store,
    pub config: DeliveryConfig,
    pub srs: Srs,
    /// Of mail of our own making.
    pub signer: Option<Arc<dyn Signer>>,
    pub inboxes: Inboxes,
    pub platforms: Platforms,
    pub turns: Turns,
    /// Kilobytes.
    pub script_memory: Semaphore,
}

impl Delivery {
    /// For this store; what it makes itself goes out unsigned.
    pub fn new(store: Store, config: DeliveryConfig) -> Delivery {
        Delivery::build(store, config, None)
    }

    /// The same with a signer for what it makes itself.
    pub fn signing(store: Store, config: DeliveryConfig, signer: Arc<dyn Signer>) -> Delivery {
        Delivery::build(store, config, Some(signer))
    }

    fn build(store: Store, config: DeliveryConfig, signer: Option<Arc<dyn Signer>>) -> Delivery {
        Delivery(Arc::new(Inner {
            srs: Srs::of_store(&store),
            store,
            config,
            signer,
            inboxes: Inboxes::default(),
            platforms: Platforms::default(),
            turns: Turns::default(),
            script_memory: Semaphore::new(SCRIPT_MEMORY),
        }))
    }

    /// The store that it writes to.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Its settings.
    pub fn config(&self) -> &DeliveryConfig {
        &self.0.config
    }

    /// Where a [`crate::Spool`] keeps a large body. The directory is emptied when the store opens.
    pub fn incoming(&self) -> PathBuf {
        self.0.store.data().join("incoming")
    }

    /// RCPT TO: whether this server takes mail for an address, `local@domain` without brackets, the local part quoted or
    /// not; `size` is what MAIL FROM announced. `postmaster` without a domain is ours.
    pub async fn recipient(&self, address: &str, size: Option<u64>) -> Result<Verdict> {
        let resolved = self.0.resolve(&Recipient::new(address), &Traces::default(), true).await?;
        Ok(match resolved {
            Resolved::NotOurs => Verdict::NotOurs,
            Resolved::NotHere { .. } | Resolved::Held => Verdict::Accept,
            Resolved::Refused(refusal) => Verdict::Refuse(refusal),
            Resolved::Places(Places { here, away }) => match here.first() {
                Some(place) if away.is_empty() && here.len() == 1 => {
                    match self.0.check_room(&place.account, size.unwrap_or(0)).await {
                        Ok(()) => Verdict::Accept,
                        Err(Error::OverQuota { .. }) => {
                            Verdict::Refuse(Refusal::new(552, "5.2.2", "the mailbox is full"))
                        }
                        Err(error) => return Err(error),
                    }
                }
                _ => Verdict::Accept,
            },
        })
    }

    /// Takes responsibility for a mail: when it returns, each recipient is delivered or queued, durably, or the outcome
    /// says that it is not. As many outcomes as recipients, in their order.
    pub async fn accept(&self, mail: &Mail, recipients: &[Recipient]) -> Vec<Outcome> {
        if mail.body.len() > self.0.config.max_size {
            let refusal = Refusal::new(552, "5.3.4", "the message is larger than this server takes");
            return vec![Outcome::Refused(refusal); recipients.len()];
        }
        let waiting = Attempt::Deferred(Refusal::new(451, "4.3.0", "not tried yet"));
        let attempts = match recipients.len() > DIRECT {
            true => vec![waiting; recipients.len()],
            false => self.0.attempt(mail, recipients).await,
        };
        let queued = |attempt: &Attempt| {
            matches!(attempt, Attempt::Deferred(_) | Attempt::Held | Attempt::NotHere { .. } | Attempt::NotOurs)
        };
        let left: Vec<Recipient> =
            recipients.iter().zip(&attempts).filter(|(_, a)| queued(a)).map(|(r, _)| r.clone()).collect();
        let refusal = match left.is_empty() {
            true => None,
            false => self.0.enqueue(mail, &left).await.err().map(|error| {
                tracing::warn!(%error, "a message cannot be queued");
                match failure(&error).into() {
                    Attempt::Deferred(refusal) => refusal,
                    _ => Refusal::new(451, "4.3.0", "the message cannot be taken now, try again later"),
                }
            }),
        };
        let outcome = |attempt| match attempt {
            Attempt::Done => Outcome::Delivered,
            Attempt::Queued => Outcome::Queued,
            Attempt::Refused(refusal) => Outcome::Refused(refusal),
            Attempt::Deferred(_) | Attempt::Held | Attempt::NotHere { .. } | Attempt::NotOurs => match &refusal {
                Some(refusal) => Outcome::Deferred(refusal.clone()),
                None => Outcome::Queued,
            },
        };
        attempts.into_iter().map(outcome).collect()
    }

    /// One recipient that the queue's runner holds. Never bounces by itself; of an address that leads to several places
    /// what fails in part is put into the queue under its own address.
    pub async fn deliver_local(&self, mail: &Mail, recipient: &Recipient) -> Delivered {
        let attempt = self.0.attempt(mail, std::slice::from_ref(recipient)).await.pop();
        match attempt {
            Some(Attempt::Done | Attempt::Queued) => Delivered::Done,
            Some(Attempt::Refused(refusal)) => Delivered::Refused(refusal),
            Some(Attempt::Deferred(refusal)) => Delivered::Deferred(refusal),
            Some(Attempt::Held) => Delivered::Held,
            Some(Attempt::NotHere { route }) => Delivered::NotHere { route },
            Some(Attempt::NotOurs) => Delivered::NotOurs,
            None => Delivered::Deferred(Refusal::new(451, "4.3.0", "nothing was tried")),
        }
    }

    /// Puts a mail into the queue for these recipients, wherever they are; durable on return. For mail of our own making
    /// too: notices, replies. Fails if there is no recipient.
    pub async fn enqueue(&self, mail: &Mail, recipients: &[Recipient]) -> Result<QueueId> {
        self.0.enqueue(mail, recipients).await
    }

    /// A mail of our own making, signed for the domain of its author: its From, or the nearest domain of ours above that.
    /// Unchanged if that is not ours, has no key, or nobody signs here. What somebody else wrote must not be given to it.
    pub async fn signed(&self, mail: Mail) -> Mail {
        self.0.signed(mail).await
    }

    /// Puts a notice from postmaster into the INBOX of an account, in the account's language.
    pub async fn notify(&self, account: AccountId, notice: &Notice) -> Result<()> {
        let missing = || Error::NotFound(format!("account {account}"));
        let own = self.0.store.identities(account).await?.into_iter().next().ok_or_else(missing)?;
        let record = self.0.store.find_account(&own).await?.ok_or_else(missing)?;
        self.0.notify_account(&record, notice).await
    }
}

impl Inner {
    /// Fails with [`Error::OverQuota`] if a mailbox has no room for `size` bytes, or none at all.
    async fn check_room(&self, record: &AccountRecord, size: u64) -> Result<()> {
        if record.quota_bytes.is_none() {
            return Ok(());
        }
        self.store.account(record.id).await?.read(move |tx| tx.check_quota(size.max(1))).await
    }

    /// [`Delivery::notify`] for an account that was looked up.
    pub async fn notify_account(&self, record: &AccountRecord, notice: &Notice) -> Result<()> {
        let languages: Vec<&str> =
            record.language.as_deref().into_iter().chain([self.config.language.as_str()]).collect();
        let now = self.store.clock().now();
        let message = notice.message(&record.address, &languages, &self.config.hostname, now);
        let account = self.store.account(record.id).await?;
        let letter = crate::letter::Letter {
            head: Vec::new(),
            trace: bytes::Bytes::new(),
            body: Body::Memory(message.into()),
            skip: 0,
        };
        let email = letter.ingest(account.blobs(), now).await?;
        account.write(move |tx| tx.append(place::inbox(tx)?, &email, &Flags::default())).await?;
        Ok(())
    }
}

/// The INBOX of accounts that had mail lately. INBOX is never deleted and no account's number is used again, so that an entry
/// is true for ever.
#[derive(Default)]
pub(crate) struct Inboxes(Mutex<HashMap<AccountId, MailboxId>>);

impl Inboxes {
    pub fn get(&self, account: AccountId) -> Option<MailboxId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&account).copied()
    }

    pub fn put(&self, account: AccountId, inbox: MailboxId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_INBOXES {
            known.clear();
        }
        known.insert(account, inbox);
    }
}
