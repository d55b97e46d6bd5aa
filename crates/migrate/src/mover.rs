//! The mover: plans, drives, follows and reports the moves of a store's accounts.
//!
//! Called by the command line and by the server's background jobs. One value serves all accounts of a store; at most
//! one run per account at a time. It never deletes anything at a source: mailboxes are opened read-only.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sterna_core::AccountId;
use sterna_store::{MoveRecord, Store};
use tokio::sync::watch;

use crate::cancel::Cancel;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::folders::apply::is_folder;
use crate::progress::{Progress, Reporter};
use crate::receipt::{self, Receipt, ReceiptOptions};
use crate::record::{MoveOptions, Record, State};
use crate::run::Run;
use crate::session::Login;
use crate::source::{Secret, SourceSpec};
use crate::transfer::Context;

/// Moves mailboxes into the accounts of a store. Cheap to clone.
#[derive(Clone)]
pub struct Mover {
    store: Store,
    running: Arc<Mutex<HashSet<AccountId>>>,
}

/// Where one move stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Whose.
    pub account: AccountId,
    /// The persisted record, with the last failure.
    pub record: Record,
    /// It runs in this process.
    pub running: bool,
    /// Folders known.
    pub folders: u64,
    /// Folders that were equal to the source when they were last looked at.
    pub folders_equal: u64,
    /// Folders that the source refuses, with its reason; they are tried again in each pass.
    pub refused: Vec<(String, String)>,
    /// Messages that the source has and does not give.
    pub missing: u64,
    /// Exceptions noted so far; the receipt lists them.
    pub exceptions: u64,
}

impl Mover {
    /// For the accounts of `store`.
    pub fn new(store: Store) -> Mover {
        Mover { store, running: Arc::default() }
    }

    /// Plans the move of an account, or gives a planned one another source, secret or options. Nothing is contacted.
    ///
    /// What earlier runs brought stays and is not copied again, as long as the source is the same mailbox.
    pub async fn start(
        &self,
        account: AccountId,
        source: SourceSpec,
        secret: Secret,
        options: MoveOptions,
    ) -> Result<()> {
        // The account must exist before a record speaks of it.
        self.store.account(account).await?;
        let _running = self.claim(account)?;
        let now = self.store.clock().unix();
        let sealed = self.store.seal(&secret.to_bytes()?)?;
        let record = match self.load(account).await {
            Ok((old, _)) if old.source == source => Record { options, failure: None, ..old },
            Ok(_) | Err(Error::NoMove(_)) => Record::planned(source, options, now),
            Err(e) => return Err(e),
        };
        Ok(self.store.put_move(record.stored(account, Some(sealed), now)?).await?)
    }

    /// Drives a move: until every folder was copied and caught up once, or, with [`MoveOptions::follow`], until it is
    /// cancelled. Every step can be repeated; a run after a crash goes on where the last commit was.
    ///
    /// Errors that may pass are waited out with growing pauses (and as long as a throttling source asks for), and
    /// written into the record while they last. Errors that somebody must see to, and [`Error::Cancelled`], end it.
    pub async fn run(&self, account: AccountId, cancel: &Cancel, progress: watch::Sender<Progress>) -> Result<State> {
        let _running = self.claim(account)?;
        let (record, stored) = self.load(account).await?;
        let login = self.login(&record, &stored)?;
        let reporter = Arc::new(Reporter::new(progress));
        let handle = self.store.account(account).await?;
        let context = Arc::new(Context::new(handle, reporter));
        let run = Run { store: &self.store, account, context, login, record, secret: stored.secret };
        run.drive(cancel).await
    }

    /// Where a move stands; `None` if none is known.
    pub async fn status(&self, account: AccountId) -> Result<Option<Status>> {
        let (record, _) = match self.load(account).await {
            Err(Error::NoMove(_)) => return Ok(None),
            loaded => loaded?,
        };
        let handle = self.store.account(account).await?;
        let (folders, exceptions) =
            handle.read(|tx| Ok((tx.move_folders()?, tx.move_exceptions()?.len() as u64))).await?;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&account);
        let (refused, missing) = (Vec::new(), 0);
        let mut status =
            Status { account, record, running, folders: 0, folders_equal: 0, refused, missing, exceptions };
        for folder in folders.iter().filter(|f| is_folder(&f.source)) {
            let cursor = Cursor::read(&folder.cursor)?;
            status.folders += 1;
            status.folders_equal += u64::from(cursor.seen.is_some() && cursor.missing.is_empty());
            status.missing += cursor.missing.len();
            if let Some(reason) = cursor.refused {
                status.refused.push((receipt::shown(&folder.source), reason));
            }
        }
        Ok(Some(status))
    }

    /// All moves of the store.
    pub async fn all(&self) -> Result<Vec<(AccountId, Record)>> {
        let stored = self.store.moves().await?;
        stored.iter().map(|m| Ok((m.account, Record::read(m)?))).collect()
    }

    /// Compares both sides message by message and signs the result. Reads the source; changes nothing.
    pub async fn receipt(&self, account: AccountId, options: &ReceiptOptions) -> Result<Receipt> {
        let (record, stored) = self.load(account).await?;
        let login = self.login(&record, &stored)?;
        receipt::make(&self.store, account, &record, &login, options).await
    }

    /// Forgets a move and its secret. What it brought stays, and so do the cursors: the same move, planned again, copies
    /// nothing twice.
    pub async fn cancel(&self, account: AccountId) -> Result<()> {
        let _running = self.claim(account)?;
        Ok(self.store.remove_move(account).await?)
    }

    async fn load(&self, account: AccountId) -> Result<(Record, MoveRecord)> {
        let stored = self.store.moves().await?.into_iter().find(|m| m.account == account);
        let stored = stored.ok_or(Error::NoMove(account))?;
        Ok((Record::read(&stored)?, stored))
    }

    fn login(&self, record: &Record, stored: &MoveRecord) -> Result<Login> {
        let sealed = stored.secret.as_deref().ok_or_else(|| {
            Error::Invalid("the password of the source is not known any more; start the move again with it".into())
        })?;
        Ok(Login::new(&record.source, Secret::from_bytes(&self.store.unseal(sealed)?)?))
    }

    /// At most one run of an account at a time.
    fn claim(&self, account: AccountId) -> Result<Claim> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.insert(account) {
            true => Ok(Claim { running: self.running.clone(), account }),
            false => Err(Error::Running(account)),
        }
    }
}

struct Claim {
    running: Arc<Mutex<HashSet<AccountId>>>,
    account: AccountId,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.account);
    }
}
