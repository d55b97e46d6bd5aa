//! The mover: plans, drives, follows and reports the moves of a store's accounts.
//!
//! Called by the command line and by the server's background jobs. One value serves all accounts of a store; several
//! nodes may have one each, and at most one run of an account goes on at a time: it holds the lease of the account's
//! job. It never deletes anything at a source: mailboxes are opened read-only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sterna_core::AccountId;
use sterna_frontdoor::Door;
use sterna_store::{Account, JobKind, Lease, MoveRecord, Store};
use tokio::sync::{Notify, watch};

use crate::cancel::Cancel;
use crate::cursor::Cursor;
use crate::cutover::{BackSyncing, Wish, Wishes};
use crate::error::{Error, Result};
use crate::folders::apply::is_folder;
use crate::heartbeat;
use crate::patience;
use crate::progress::{Progress, Reporter};
use crate::receipt::{self, Receipt, ReceiptOptions};
use crate::record::{MoveOptions, Record, State};
use crate::run::Run;
use crate::session::Login;
use crate::source::{Secret, SourceSpec};
use crate::transfer::Context;

/// How long a run may be silent before another node takes it over.
const TERM: Duration = Duration::from_secs(15);

/// Moves mailboxes into the accounts of a store. Cheap to clone.
#[derive(Clone)]
pub struct Mover {
    pub(crate) store: Store,
    pub(crate) term: Duration,
    /// Tells [`Mover::serve`] that there is work.
    pub(crate) wake: Arc<Notify>,
    /// Where accounts are held.
    pub(crate) door: Option<Door>,
    running: Arc<Mutex<HashMap<AccountId, Running>>>,
    #[cfg(test)]
    pub(crate) faults: crate::tests::Faults,
}

/// A run of this process.
#[derive(Clone)]
struct Running {
    cancel: Cancel,
    progress: watch::Receiver<Progress>,
    /// Told of a wish.
    wish: Arc<Notify>,
    /// Closed when nothing of the run is left.
    alive: watch::Receiver<()>,
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
    /// Host and process that run it, if one does.
    pub holder: Option<String>,
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
    /// What it was asked to do and did not yet do: `cutover` or `rollback`.
    pub wanted: Option<&'static str>,
}

impl Mover {
    /// For the accounts of `store`.
    pub fn new(store: Store) -> Mover {
        Mover::with_term(store, TERM)
    }

    /// The same with another time after which a silent run is taken over; it makes itself heard at a third of it.
    pub fn with_term(store: Store, term: Duration) -> Mover {
        Mover {
            store,
            term,
            wake: Arc::default(),
            door: None,
            running: Arc::default(),
            #[cfg(test)]
            faults: Default::default(),
        }
    }

    /// Plans the move of an account, or gives a planned one another source, secret or options. Nothing is contacted.
    /// A run of it on another node is stopped; whoever looks for work first does it ([`Mover::serve`], [`Mover::run`]).
    ///
    /// What earlier runs brought stays and is not copied again, as long as the source is the same mailbox.
    pub async fn start(
        &self,
        account: AccountId,
        source: SourceSpec,
        secret: Secret,
        options: MoveOptions,
    ) -> Result<()> {
        let lease = self.plan(account, source, secret, options).await?;
        self.store.release(&lease).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// The same for who wants to run it himself: nobody else takes it meanwhile ([`Mover::run_leased`]).
    pub async fn plan(
        &self,
        account: AccountId,
        source: SourceSpec,
        secret: Secret,
        options: MoveOptions,
    ) -> Result<Lease> {
        // The account must exist before a record speaks of it.
        self.store.account(account).await?;
        if self.is_running(account) {
            return Err(Error::Running(account));
        }
        let now = self.store.clock().unix();
        let sealed = self.store.seal(&secret.to_bytes()?)?;
        // First of all: an earlier run must not write its record over the new one.
        let lease = self.store.seize(account, JobKind::Move, self.term).await?;
        let planned = async {
            let record = match self.load(account).await {
                Ok((old, _)) if old.state.is_here() && (old.state != State::Settled || old.source == source) => {
                    let state = old.state.as_str();
                    return Err(Error::Invalid(format!(
                        "the move is {state}: the mailbox is here, and would be overwritten; roll the move back first"
                    )));
                }
                Ok((old, _)) if old.is_still_going_back() => {
                    return Err(Error::Invalid(
                        "the move was rolled back a moment ago, and mail that came in late is still carried back; try again in half a minute"
                            .into(),
                    ));
                }
                Ok((old, _)) if old.source == source => {
                    let state = if old.state == State::RolledBack { State::Following } else { old.state };
                    Record { options, failure: None, state, ..old }
                }
                Ok(_) | Err(Error::NoMove(_)) => Record::planned(source, options, now),
                Err(e) => return Err(e),
            };
            Ok(self.store.put_move_under(&lease, record.stored(account, Some(sealed), now)?).await?)
        };
        match planned.await {
            Ok(()) => Ok(lease),
            Err(error) => {
                // What was planned before goes on; a job without a record ends by itself.
                let _ = self.store.release(&lease).await;
                Err(error)
            }
        }
    }

    /// Drives a move: until every folder was copied and caught up once, or, with [`MoveOptions::follow`], until it is
    /// cancelled. Every step can be repeated; a run after a crash goes on where the last commit was.
    ///
    /// Errors that may pass are waited out with growing pauses (and as long as a throttling source asks for), and
    /// written into the record while they last. Errors that somebody must see to, and [`Error::Cancelled`], end it.
    /// Fails with [`Error::Running`] while it runs here or on another node.
    pub async fn run(&self, account: AccountId, cancel: &Cancel, progress: watch::Sender<Progress>) -> Result<State> {
        if self.is_running(account) {
            return Err(Error::Running(account));
        }
        self.load(account).await?;
        self.store.add_job(account, JobKind::Move).await?;
        let lease = self.store.claim_one(account, JobKind::Move, self.term).await?;
        self.run_leased(&lease.ok_or(Error::Running(account))?, cancel, progress).await
    }

    /// The same under a lease that the caller took. It is kept alive while the run lasts, and ends with it: a move that
    /// is through, or that somebody must see to, is a job no more; a cancelled one waits for the next to take it.
    ///
    /// A run that has lost its lease, because another node took the move over or it was planned anew, writes nothing any
    /// more and ends with [`sterna_store::Error::LeaseLost`].
    pub async fn run_leased(&self, lease: &Lease, cancel: &Cancel, progress: watch::Sender<Progress>) -> Result<State> {
        let wish = Arc::new(Notify::new());
        let _registered = match self.register(lease.account, cancel, progress.subscribe(), wish.clone()) {
            Ok(registered) => registered,
            Err(error) => {
                self.store.release(lease).await?;
                return Err(error);
            }
        };
        let ended = tokio::select! {
            biased;
            lost = heartbeat::keep(&self.store, lease, self.term) => Err(lost.into()),
            ended = self.drive(lease, cancel, progress, wish) => ended,
        };
        let settled = match &ended {
            Err(Error::Store(sterna_store::Error::LeaseLost)) => Ok(()),
            Err(Error::Cancelled) => self.store.release(lease).await,
            _ => self.finish(lease).await,
        };
        if let Err(error) = settled {
            // Its term runs out, and then another run finds that nothing is left to do.
            tracing::warn!(account = %lease.account, %error, "a move's lease could not be given back");
        }
        ended
    }

    /// Gives the job up, unless there is a wish that the run did not see any more.
    async fn finish(&self, lease: &Lease) -> sterna_store::Result<()> {
        self.store.finish(lease).await?;
        if self.store.wanted_of_move(lease.account).await?.is_some() {
            self.store.add_job(lease.account, JobKind::Move).await?;
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn drive(
        &self,
        lease: &Lease,
        cancel: &Cancel,
        progress: watch::Sender<Progress>,
        wish: Arc<Notify>,
    ) -> Result<State> {
        let reporter = Arc::new(Reporter::new(progress));
        let (record, stored) = cancel.or(patience::patiently(|| self.load(lease.account))).await?;
        let login = self.login(&record, &stored)?;
        let handle = cancel.or(patience::patiently(|| self.account(lease.account))).await?;
        let context = Context::new(handle.under(lease), reporter);
        #[cfg(test)]
        let context = context.with_faults(&self.faults);
        let context = Arc::new(context);
        let (secret, store) = (stored.secret, &self.store);
        let (pop3, only) = Default::default();
        let wishes = Wishes::new(wish);
        let back_syncing = BackSyncing::new(&context.account);
        let run = Run {
            mover: self,
            store,
            lease,
            context,
            login,
            record,
            secret,
            unsaved: false,
            inbox: None,
            pop3,
            only,
            wishes,
            carrying: Default::default(),
            back_syncing,
        };
        run.drive(cancel).await
    }

    /// How far the run of an account is, if it runs in this process.
    pub fn progress(&self, account: AccountId) -> Option<watch::Receiver<Progress>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&account).map(|run| run.progress.clone())
    }

    /// Stops the run of an account in this process, if there is one, and waits until it has ended.
    pub async fn stop(&self, account: AccountId) {
        let run = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&account).cloned();
        if let Some(mut run) = run {
            run.cancel.cancel();
            while run.alive.changed().await.is_ok() {}
        }
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
        let running = self.is_running(account);
        let holder = self.store.job(account, JobKind::Move).await?.and_then(|job| job.holder);
        let wanted = self.wanted(account).await?.map(Wish::as_str);
        let (refused, missing) = (Vec::new(), 0);
        let mut status = Status {
            account,
            record,
            running,
            holder,
            folders: 0,
            folders_equal: 0,
            refused,
            missing,
            exceptions,
            wanted,
        };
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
    /// nothing twice. A run of it on another node ends.
    pub async fn cancel(&self, account: AccountId) -> Result<()> {
        if self.is_running(account) {
            return Err(Error::Running(account));
        }
        Ok(self.store.remove_move(account).await?)
    }

    async fn account(&self, account: AccountId) -> Result<Account> {
        Ok(self.store.account(account).await?)
    }

    pub(crate) async fn load(&self, account: AccountId) -> Result<(Record, MoveRecord)> {
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

    /// Tells the run of an account in this process, if there is one, that there is a wish.
    pub(crate) fn wake_run(&self, account: AccountId) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = running.get(&account) {
            run.wish.notify_one();
        }
    }

    fn is_running(&self, account: AccountId) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&account)
    }

    fn register(
        &self,
        account: AccountId,
        cancel: &Cancel,
        progress: watch::Receiver<Progress>,
        wish: Arc<Notify>,
    ) -> Result<Registered<'_>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains_key(&account) {
            return Err(Error::Running(account));
        }
        let (end, alive) = watch::channel(());
        running.insert(account, Running { cancel: cancel.clone(), progress, wish, alive });
        Ok(Registered { mover: self, account, _end: end })
    }
}

/// A run in the list of this process's runs.
struct Registered<'m> {
    mover: &'m Mover,
    account: AccountId,
    _end: watch::Sender<()>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.mover.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.account);
    }
}
