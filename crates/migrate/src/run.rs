//! One run of one move: attempts, pauses between them, and the record that tells where it stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_core::AccountId;
use sterna_imap::client::{Backoff, Connection, ErrorKind};
use sterna_imap::codec::mailbox::MailboxName;
use sterna_store::Store;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::pass::Pass;
use crate::record::{Failure, Record, State};
use crate::session::Login;
use crate::transfer::Context;

/// Changes that come within this time of each other are carried over by one pass.
const SETTLE: Duration = Duration::from_millis(20);

pub(crate) struct Run<'s> {
    pub store: &'s Store,
    pub account: AccountId,
    pub context: Arc<Context>,
    pub login: Login,
    pub record: Record,
    /// Sealed, as it is stored.
    pub secret: Option<Vec<u8>>,
}

impl Run<'_> {
    /// Runs until following is reached, or for ever.
    pub async fn drive(mut self, cancel: &Cancel) -> Result<State> {
        let mut backoff = Backoff::default();
        let mut connection = None;
        self.enter(self.record.state.max(State::Seeding)).await?;
        loop {
            let error = match cancel.or(self.attempt(&mut connection)).await {
                Ok(()) if !self.record.options.follow => {
                    self.goodbye(connection).await;
                    return Ok(self.record.state);
                }
                Ok(()) => {
                    backoff.reset();
                    match cancel.or(self.wait_for_news(&mut connection)).await {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            connection = None;
            let carried = self.context.counters.take_into(&mut self.record.totals);
            if let Error::Cancelled = error {
                self.save().await?;
                return Err(error);
            }
            tracing::warn!(account = %self.account, %error, "the move does not go on");
            if carried {
                backoff.reset();
            }
            let wait = backoff.next(error.retry());
            self.fail(&error, wait).await?;
            let tired = !self.record.options.follow && backoff.failures() >= self.record.options.attempts;
            let Some(wait) = wait.filter(|_| !tired) else { return Err(error) };
            cancel
                .or(async {
                    tokio::time::sleep(wait).await;
                    Ok(())
                })
                .await?;
            self.enter(self.record.state).await?;
        }
    }

    /// One pass; the first complete one is followed by another, for what changed meanwhile.
    async fn attempt(&mut self, connection: &mut Option<Connection>) -> Result<()> {
        let begun = Instant::now();
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.login.open().await?,
        };
        let result = self.passes(&mut open).await;
        if self.record.state == State::Seeding {
            self.record.seeding_millis += u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        result?;
        *connection = Some(open);
        let first = self.record.state < State::Following;
        let now = self.store.clock().unix();
        let carried = self.context.counters.take_into(&mut self.record.totals);
        let (state, failure) = (State::Following, None);
        let following_at = self.record.following_at.or(Some(now));
        self.record = Record { state, failure, following_at, last_pass_at: Some(now), ..self.record.clone() };
        // A quiet pass is not worth a write while following: the next one with news tells the time, too.
        if first || carried || !self.record.options.follow {
            self.save().await?;
        }
        self.show(None);
        Ok(())
    }

    async fn passes(&self, connection: &mut Connection) -> Result<()> {
        let connections = self.record.options.connections;
        Pass::new(&self.context, &self.login, connections).run(connection).await?;
        if self.record.state < State::Following {
            Pass::new(&self.context, &self.login, connections).run(connection).await?;
        }
        Ok(())
    }

    /// Returns when INBOX has news, or when the other folders are due.
    async fn wait_for_news(&self, connection: &mut Option<Connection>) -> Result<()> {
        let interval = self.record.options.interval;
        let Some(open) = connection.as_mut() else { return Ok(()) };
        open.select(&MailboxName::inbox(), true, None).await?;
        let mut idle = match open.idle().await {
            Ok(idle) => idle,
            Err(e) if matches!(*e.kind, ErrorKind::NotOffered(_) | ErrorKind::No { .. } | ErrorKind::Bad { .. }) => {
                tokio::time::sleep(interval).await;
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        if idle.wait(interval).await?.is_some() {
            tokio::time::sleep(SETTLE).await;
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

    async fn enter(&mut self, state: State) -> Result<()> {
        let now = self.store.clock().unix();
        self.record.seeding_at = self.record.seeding_at.or(Some(now));
        let changed = self.record.state != state || self.record.failure.is_some();
        (self.record.state, self.record.failure) = (state, None);
        if changed {
            self.save().await?;
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
        self.save().await
    }

    async fn save(&mut self) -> Result<()> {
        let stored = self.record.stored(self.account, self.secret.clone(), self.store.clock().unix())?;
        Ok(self.store.put_move(stored).await?)
    }

    fn show(&self, waiting: Option<String>) {
        let state = self.record.state_name().to_owned();
        self.context.reporter.set(|p| (p.state, p.waiting) = (state, waiting));
    }
}
