//! One run of one move: attempts, pauses between them, and the record that tells where it stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_core::{ModSeq, Uid};
use sterna_imap::client::{Backoff, Connection, ErrorKind, Retry as ImapRetry};
use sterna_imap::codec::mailbox::MailboxName;
use sterna_pop3::client::Retry;
use sterna_store::{Lease, Store};

use crate::back::Carried;
use crate::cancel::Cancel;
use crate::cutover::{BackSyncing, Wishes};
use crate::error::{Error, Result};
use crate::mover::Mover;
use crate::pass::Pass;
use crate::patience;
use crate::pop3::{carry, only};
use crate::record::{Failure, Record, State};
use crate::session::Login;
use crate::source::Protocol;
use crate::transfer::Context;

/// Looks at the POP3 side are so many times rarer than passes while following: each is a login.
const POP3_RARER: u32 = 10;

/// An old side that refuses is asked again so rarely.
const RARELY: Duration = Duration::from_secs(300);

/// A connection that was given up under a hold is opened again after this.
const REOPEN: Duration = Duration::from_secs(1);

/// Changes that come within this time of each other are carried over by one pass.
const SETTLE: Duration = Duration::from_millis(20);

pub(crate) struct Run<'s> {
    pub mover: &'s Mover,
    pub store: &'s Store,
    /// Under which everything is written.
    pub lease: &'s Lease,
    pub context: Arc<Context>,
    pub login: Login,
    pub record: Record,
    /// Sealed, as it is stored.
    pub secret: Option<Vec<u8>>,
    /// The record says more than the stored one.
    pub unsaved: bool,
    /// INBOX as it was when the last wait for news began.
    pub inbox: Option<Inbox>,
    /// The POP3 side, and when it was looked at.
    pub pop3: (carry::Memory, Option<Instant>),
    /// The same of a source that has no other side.
    pub only: only::Memory,
    /// What the move is asked to do beside following.
    pub wishes: Wishes,
    /// What a pass back has carried and the record does not say yet.
    pub carrying: Carried,
    /// When the old side is brought up to date again while nobody has asked for a rollback.
    pub back_syncing: BackSyncing,
}

/// Messages, UIDNEXT and HIGHESTMODSEQ: what SELECT tells of news.
pub(crate) type Inbox = (u32, Option<Uid>, Option<ModSeq>);

impl Run<'_> {
    /// Runs until following is reached, or for ever.
    pub async fn drive(mut self, cancel: &Cancel) -> Result<State> {
        let (mut backoff, mut patience) = (Backoff::default(), patience::pauses());
        let mut connection = None;
        self.enter(match self.record.state {
            State::Planned => State::Seeding,
            // A run was broken off before the flip; its hold has ended with it.
            State::Holding => State::Following,
            state => state,
        })
        .await?;
        loop {
            let error = match cancel.or(self.step(&mut connection)).await {
                Ok(false) => {
                    self.goodbye(connection).await;
                    return Ok(self.record.state);
                }
                Ok(true) => {
                    backoff.reset();
                    patience.reset();
                    match cancel.or(self.wait_for_news(&mut connection)).await {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // Whatever is tried next begins with what the store knows: whether a commit that failed is durable, too.
            connection = None;
            let carried = self.context.counters.take_into(&mut self.record.totals);
            if error.is_lost_lease() {
                return Err(error);
            }
            if let Error::Cancelled = error {
                self.save_if_possible().await?;
                return Err(error);
            }
            tracing::warn!(account = %self.lease.account, %error, "the move does not go on");
            if carried {
                backoff.reset();
                patience.reset();
            }
            if error.is_of_our_store() {
                let wait = patience.next(error.retry());
                self.fail(&error, wait).await?;
                cancel.or(self.wait_for_store(wait.unwrap_or_default(), &mut patience)).await?;
            } else {
                let retry = match (error.retry(), self.record.state.is_here()) {
                    // The mailbox is here: its old side is asked again until the window closes, whatever it says.
                    (ImapRetry::Never, true) => ImapRetry::After(RARELY),
                    (retry, _) => retry,
                };
                let wait = backoff.next(retry);
                self.fail(&error, wait).await?;
                let tired = !self.record.options.follow && backoff.failures() >= self.record.options.attempts;
                let Some(wait) = wait.filter(|_| !tired) else { return self.give_up(error, cancel).await };
                cancel.or(pause(wait)).await?;
            }
            self.enter(self.record.state).await?;
        }
    }

    /// Returns when the store can be read again: the source is not asked before.
    async fn wait_for_store(&self, first: Duration, patience: &mut Backoff) -> Result<()> {
        let mut wait = first;
        loop {
            pause(wait).await?;
            match self.context.account.read(|tx| tx.account_state()).await.map_err(Error::from) {
                Err(error) if error.is_of_our_store() => wait = patience.next(error.retry()).unwrap_or_default(),
                ended => return ended.map(drop),
            }
        }
    }

    /// Ends the run with its failure in the record, once the store takes it. What was asked of it is given up with it: a wish
    /// that is left makes another run at once, which fails like this one.
    async fn give_up(&mut self, error: Error, cancel: &Cancel) -> Result<State> {
        let mut patience = patience::pauses();
        while self.unsaved {
            cancel.or(self.wait_for_store(Duration::ZERO, &mut patience)).await?;
            self.save_if_possible().await?;
        }
        if self.wishes.now.is_some() {
            self.forget_wish().await?;
        }
        Err(error)
    }

    /// One pass; the first complete one is followed by another, for what changed meanwhile.
    pub(crate) async fn attempt(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        let begun = Instant::now();
        let result = match self.record.source.protocol {
            Protocol::Imap => self.over_imap(connection).await,
            Protocol::Pop3 => self.over_pop3().await,
        };
        if self.record.state == State::Seeding {
            self.record.seeding_millis += u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        result?;
        let first = self.record.state < State::Following;
        let now = self.store.clock().unix();
        let carried = self.context.counters.take_into(&mut self.record.totals);
        let (state, failure) = (State::Following, None);
        let following_at = self.record.following_at.or(Some(now));
        self.record = Record { state, failure, following_at, last_pass_at: Some(now), ..self.record.clone() };
        // A quiet pass is not worth a write while following: the next one with news tells the time, too.
        if first || carried || self.unsaved || !self.record.options.follow {
            self.save().await?;
        }
        self.show(None);
        Ok(())
    }

    async fn over_imap(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.login.open().await?,
        };
        let connections = self.record.options.connections;
        Pass::new(&self.context, &self.login, connections).run(&mut open).await?;
        if self.record.state < State::Following {
            Pass::new(&self.context, &self.login, connections).run(&mut open).await?;
        }
        *connection = Some(open);
        self.unique_ids().await
    }

    /// The POP3 side of an IMAP source, when it is due. That it cannot be read stops nothing while the move follows, nor
    /// where somebody must see to it: the record of the exception does.
    pub(crate) async fn unique_ids(&mut self) -> Result<()> {
        let Some(login) = &self.login.pop3 else { return Ok(()) };
        let (memory, looked_at) = &mut self.pop3;
        let rarer = self.record.options.interval.saturating_mul(POP3_RARER);
        if looked_at.is_some_and(|at| at.elapsed() < rarer) {
            return Ok(());
        }
        match carry::carry(&self.context, login, memory).await {
            Err(Error::Pop3(error)) if error.retry() == Retry::Never => {
                tracing::warn!(account = %self.lease.account, %error, "unique ids of POP3 are not carried over");
                carry::refused(&self.context, memory, error.to_string()).await?;
            }
            Err(error @ (Error::Pop3(_) | Error::Doubtful(_))) if self.record.state == State::Following => {
                tracing::warn!(account = %self.lease.account, %error, "unique ids of POP3 are read again later");
            }
            ended => ended?,
        }
        *looked_at = Some(Instant::now());
        Ok(())
    }

    /// A source that has nothing but POP3.
    async fn over_pop3(&mut self) -> Result<()> {
        let Some(login) = &self.login.pop3 else { return Ok(()) };
        only::pass(&self.context, login, &mut self.only).await?;
        if self.record.state < State::Following {
            only::pass(&self.context, login, &mut self.only).await?;
        }
        Ok(())
    }

    /// Returns when INBOX has news, when the other folders are due, when there is something to carry back, or a wish.
    async fn wait_for_news(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        let interval = self.until_due(self.record.options.interval);
        let (store, account) = (self.store, self.lease.account);
        let news_for_old_side = self.news_for_old_side();
        let Some(open) = connection.as_mut() else {
            // POP3 tells of nothing by itself; a connection that a hold broke off is opened again.
            let pause = if self.record.source.protocol == Protocol::Pop3 { interval } else { interval.min(REOPEN) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = news_for_old_side => {}
                wished = self.wishes.wait(store, account) => wished?,
            }
            return Ok(());
        };
        let now = open.select(&MailboxName::inbox(), true, None).await?;
        let now = (now.exists, now.uid_next, now.highest_modseq);
        // What came between the last pass and this SELECT is not news to IDLE any more: another pass carries it over.
        if self.inbox.replace(now) != Some(now) {
            return Ok(());
        }
        let mut idle = match open.idle().await {
            Ok(idle) => idle,
            Err(e) if e.is_refusal() || matches!(*e.kind, ErrorKind::NotOffered(_)) => {
                tokio::select! {
                    () = tokio::time::sleep(interval) => {}
                    () = news_for_old_side => {}
                    wished = self.wishes.wait(store, account) => wished?,
                }
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        tokio::select! {
            news = idle.wait(interval) => if news?.is_some() {
                tokio::time::sleep(SETTLE).await;
            },
            () = news_for_old_side => {}
            wished = self.wishes.wait(store, account) => wished?,
        }
        idle.done().await?;
        Ok(())
    }

    async fn goodbye(&self, connection: Option<Connection>) {
        if let Some(connection) = connection {
            // Only a courtesy: everything is committed.
            let _ = connection.logout().await;
        }
    }

    pub(crate) async fn enter(&mut self, state: State) -> Result<()> {
        let now = self.store.clock().unix();
        self.record.seeding_at = self.record.seeding_at.or(Some(now));
        let changed = self.record.state != state || self.record.failure.is_some();
        (self.record.state, self.record.failure) = (state, None);
        if changed {
            self.save_if_possible().await?;
        }
        self.show(None);
        Ok(())
    }

    async fn fail(&mut self, error: &Error, wait: Option<Duration>) -> Result<()> {
        let at = self.store.clock().unix();
        let seconds = |w: Duration| i64::try_from(w.as_secs_f64().ceil() as u64).unwrap_or(i64::MAX);
        let retry_at = wait.map(|w| at.saturating_add(seconds(w)));
        self.record.failure = Some(Failure { reason: error.to_string(), at, retry_at });
        self.show(wait.map(|w| format!("{error} (again in {} s)", seconds(w))));
        self.save_if_possible().await
    }

    pub(crate) async fn save(&mut self) -> Result<()> {
        let now = self.store.clock().unix();
        let stored = self.record.stored(self.lease.account, self.secret.clone(), now)?;
        self.unsaved = true;
        self.store.put_move_under(self.lease, stored).await?;
        self.unsaved = false;
        Ok(())
    }

    /// What the store cannot take now is written by the next change.
    pub(crate) async fn save_if_possible(&mut self) -> Result<()> {
        match self.save().await {
            Err(error) if error.is_of_our_store() => {
                tracing::warn!(account = %self.lease.account, %error, "the record of the move is not written yet");
                Ok(())
            }
            saved => saved,
        }
    }

    pub(crate) fn show(&self, waiting: Option<String>) {
        let state = self.record.state_name().to_owned();
        self.context.reporter.set(|p| (p.state, p.waiting) = (state, waiting));
    }
}

async fn pause(time: Duration) -> Result<()> {
    tokio::time::sleep(time).await;
    Ok(())
}
