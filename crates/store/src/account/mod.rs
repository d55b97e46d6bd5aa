//! One account: a handle that runs transactions, tells of changes, and keeps indexes of its mailboxes at hand.

mod append;
mod back;
mod copy;
mod email;
mod expunge;
mod flags;
mod import;
mod index;
mod keyset;
mod mailbox;
mod moving;
mod page;
mod remember;
mod remove;
mod sieve;
mod subscription;
mod thread;
mod tree;
mod uidl;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, MailboxId, ModSeq};
use tokio::sync::watch;

use crate::blob::{self, Blobs, Collected};
use crate::db::{Database, Tx, vals};
use crate::directory::Lease;
use crate::error::{Error, Result};

pub use append::{Appended, Import, NewEmail};
pub use back::{BackFolder, BackMessage, Changed, Stored};
pub use copy::Copied;
pub use email::Email;
pub use flags::{FlagChange, FlagsChanged};
pub use import::Imported;
pub use index::{IndexCache, IndexEntry, MailboxIndex};
pub use keyset::{Keysets, StoredFlags};
pub use mailbox::{Mailbox, NewMailbox};
pub use moving::{MoveException, MoveFolder};
pub use page::{MessageRow, UidRange};
pub(crate) use remove::TABLES;
pub use sieve::SieveScript;
pub use tree::MailboxTree;

/// What concerns the account as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The account's clock: the newest modseq it gave out.
    pub modseq: ModSeq,
    /// Sum of the sizes of all messages, bytes.
    pub used_bytes: u64,
    /// Limit for `used_bytes`; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// The hierarchy separator that clients see.
    pub delimiter: char,
    /// The personal namespace that clients see, with its separator (`INBOX.`); usually empty.
    pub prefix: String,
    /// Whether IMAP sessions may enable UTF8=ACCEPT (RFC 6855), which changes the spelling of names.
    pub utf8_accept: bool,
}

/// A handle to one account. Cheap to clone; holds no file open by itself.
#[derive(Clone)]
pub struct Account {
    db: Arc<Database>,
    indexes: Arc<IndexCache>,
    /// Under which it may write; `None`: for ever.
    lease: Option<Arc<Lease>>,
}

impl Account {
    pub(crate) fn new(db: Arc<Database>, indexes: Arc<IndexCache>) -> Account {
        Account { db, indexes, lease: None }
    }

    pub(crate) fn with_lease(&self, lease: Arc<Lease>) -> Account {
        Account { lease: Some(lease), ..self.clone() }
    }

    /// The account's number in the directory.
    pub fn id(&self) -> AccountId {
        self.db.account
    }

    /// The directory that holds everything of this account.
    pub fn home(&self) -> &Path {
        &self.db.home
    }

    /// Where the bodies of this account go, for a [`crate::BlobWriter`].
    pub fn blobs(&self) -> Blobs {
        Blobs { db: self.db.clone() }
    }

    /// Runs `f` over a consistent snapshot. Never waits for a writer.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.db.read(f).await
    }

    /// Runs `f` in a transaction and returns when it is durable. If `f` fails, nothing of it is kept.
    /// Writes that wait at the same time share one fsync.
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let Some(lease) = self.lease.clone() else { return self.db.write(f).await };
        lease.check_beside().await?;
        self.db
            .write(move |tx| {
                lease.check_in(tx)?;
                f(tx)
            })
            .await
    }

    /// Tells of every commit of this process to the account. A value of 0 means that none was seen yet.
    pub fn changes(&self) -> watch::Receiver<ModSeq> {
        self.db.changes()
    }

    /// The messages of a mailbox as of now, from memory if nothing has changed since.
    pub async fn index(&self, mailbox: MailboxId) -> Result<Arc<MailboxIndex>> {
        let cached = self.indexes.get(self.id(), mailbox);
        if let Some(index) = &cached
            && self.db.known_clock().is_some_and(|clock| index.as_of >= clock)
        {
            return Ok(index.clone());
        }
        let fresh = self.read(move |tx| tx.load_index(mailbox, cached)).await?;
        self.indexes.put(self.id(), mailbox, fresh.clone());
        Ok(fresh)
    }

    /// Removes large bodies that nothing has named for `grace` (whole seconds). Cheap when there are none; may run beside
    /// writers and on several nodes at once. A body that is being stored for longer than `grace` is refused when it is
    /// named at last, and a reader whose snapshot is older may miss one.
    pub async fn collect(&self, grace: Duration) -> Result<Collected> {
        blob::collect(&self.db, grace).await
    }
}

impl Tx<'_> {
    /// Clock, quota and namespace of the account.
    pub fn account_state(&self) -> Result<AccountState> {
        self.one(
            "SELECT modseq, used_bytes, quota_bytes, delimiter, prefix, utf8_accept FROM account_state \
             WHERE account_id = ?1",
            vals![self.account],
            |r| {
                Ok(AccountState {
                    modseq: ModSeq(r.u64(0)?),
                    used_bytes: r.u64(1)?,
                    quota_bytes: r.opt_int(2)?.map(|q| q as u64),
                    delimiter: r.text(3)?.chars().next().unwrap_or('/'),
                    prefix: r.text(4)?.to_owned(),
                    utf8_accept: r.int(5)? != 0,
                })
            },
        )?
        .ok_or_else(|| Error::Corrupt("the account has no state row".into()))
    }

    /// Sets the limit that [`Tx::append`] and [`Tx::copy`] hold to. An import may exceed it.
    pub fn set_quota(&self, bytes: Option<u64>) -> Result<()> {
        self.execute("UPDATE account_state SET quota_bytes = ?2 WHERE account_id = ?1", vals![self.account, bytes])?;
        Ok(())
    }

    /// Whether sessions may enable UTF8=ACCEPT: a move forbids it if the source has none, for there are clients that take a folder
    /// for a new one when its name is spelled otherwise.
    pub fn set_utf8_accept(&self, may: bool) -> Result<()> {
        let may = i64::from(may);
        self.execute("UPDATE account_state SET utf8_accept = ?2 WHERE account_id = ?1", vals![self.account, may])?;
        Ok(())
    }

    /// Sets how clients see the hierarchy: a move takes both over from the source.
    pub fn set_namespace(&self, delimiter: char, prefix: &str) -> Result<()> {
        let delimiter = delimiter.to_string();
        self.execute(
            "UPDATE account_state SET delimiter = ?2, prefix = ?3 WHERE account_id = ?1",
            vals![self.account, &delimiter, prefix],
        )?;
        Ok(())
    }

    /// Refuses `wanted` more bytes if they would exceed the quota (RFC 9208: OVERQUOTA).
    pub fn check_quota(&self, wanted: u64) -> Result<()> {
        let state = self.account_state()?;
        match state.quota_bytes {
            Some(limit) if state.used_bytes.saturating_add(wanted) > limit => {
                Err(Error::OverQuota { used: state.used_bytes, limit, wanted })
            }
            _ => Ok(()),
        }
    }

    /// Makes a new account's rows: its state and INBOX.
    pub(crate) fn create_account(&self, quota: Option<u64>) -> Result<()> {
        self.execute(
            "INSERT INTO account_state (account_id, modseq, next_id, last_validity, used_bytes, quota_bytes) \
             VALUES (?1, 0, 1, 0, 0, ?2)",
            vals![self.account, quota],
        )?;
        self.create_mailbox(&NewMailbox {
            role: Some(sterna_core::Role::Inbox),
            subscribed: true,
            ..NewMailbox::named("INBOX")
        })?;
        Ok(())
    }
}
