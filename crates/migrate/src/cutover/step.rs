//! What a run does next: by the state that its move has reached, and by what it was asked to do.

use std::time::Duration;

use sterna_imap::client::{Connection, Retry};

use super::Wish;
use super::ask::may_cut_over;
use super::rollback::LOOK;
use crate::error::{Error, Result};
use crate::record::{Failure, State};
use crate::run::Run;

/// The shortest pause before a hold is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// One step; `false`: nothing is left to do.
    pub(crate) async fn step(&mut self, connection: &mut Option<Connection>) -> Result<bool> {
        self.wishes.look(self.store, self.lease.account).await?;
        // Whoever wants more than a copy wants it kept up to date until then.
        self.record.options.follow |= self.wishes.now.is_some();
        match self.record.state {
            State::Settled => self.refuse_wish("the move is settled").await,
            State::Flipped | State::Verified => self.after_flip(connection).await,
            State::Planned | State::Seeding | State::Following | State::Holding => self.before_flip(connection).await,
            State::Returning => self.returning(connection).await,
            State::RolledBack => self.rolled_back(connection).await,
        }
    }

    async fn before_flip(&mut self, connection: &mut Option<Connection>) -> Result<bool> {
        self.attempt(connection).await?;
        match self.wishes.due() {
            Some(Wish::Cutover { options, at }) => {
                let ended = self.cut_over(connection, options, at).await;
                self.wish_ended(ended).await?;
            }
            Some(Wish::Rollback { .. }) => return self.refuse_wish("the move was never cut over").await,
            None => {}
        }
        Ok(self.record.options.follow)
    }

    /// Gives a wish up that came too late, or too early. Ends the run.
    async fn refuse_wish(&mut self, why: &str) -> Result<bool> {
        if let Some(wish) = self.wishes.now {
            tracing::warn!(account = %self.lease.account, wish = wish.as_str(), why, "a wish is given up");
            self.forget_wish().await?;
        }
        Ok(self.record.options.follow && self.record.state < State::Settled)
    }

    /// The wish was fulfilled, or given up.
    pub(crate) async fn forget_wish(&mut self) -> Result<()> {
        // Another one may have been written meanwhile.
        let (account, done) = (self.lease.account, self.wishes.now);
        self.wishes.look(self.store, account).await?;
        if self.wishes.now == done && done.is_some() {
            self.store.want_move(account, None).await?;
            self.wishes.now = None;
        }
        Ok(())
    }

    /// Takes the wish away if it was fulfilled; else says why it was not, and when it is tried again.
    pub(super) async fn wish_ended(&mut self, ended: Result<()>) -> Result<()> {
        let error = match ended {
            Ok(()) => return self.forget_wish().await,
            Err(error) => error,
        };
        if error.is_lost_lease() || error.is_of_our_store() || matches!(error, Error::Cancelled) {
            return Err(error);
        }
        let now = self.store.clock().unix();
        let Some(cutover) = self.record.cutover.as_mut() else { return Err(error) };
        let (options, failed, refusal) = match &mut cutover.rollback {
            Some(undone) => (undone.options, &mut undone.failed_holds, &mut undone.refusal),
            None => (cutover.options, &mut cutover.failed_holds, &mut cutover.refusal),
        };
        *failed += 1;
        let tries = *failed;
        let pause = match error.retry() {
            Retry::Never => None,
            _ if tries >= options.attempts => None,
            _ => self.wishes.pauses.next(Retry::After(AGAIN)),
        };
        let retry_at = pause.map(|pause| now.saturating_add(i64::try_from(pause.as_secs()).unwrap_or(i64::MAX).max(1)));
        *refusal = Some(Failure { reason: error.to_string(), at: now, retry_at });
        tracing::warn!(account = %self.lease.account, %error, tries, again = pause.is_some(), "a hold did not come to its end");
        self.wishes.not_before = pause.map(|pause| std::time::Instant::now() + pause);
        self.save().await?;
        match pause {
            Some(_) => Ok(()),
            None => self.forget_wish().await,
        }
    }

    /// Whether the move can be cut over, before anything is held.
    pub(super) fn check_cutover(&self) -> Result<()> {
        may_cut_over(&self.record)
    }

    /// `interval`, but not beyond the end of the rollback window, nor the moment at which a wish is tried again.
    pub(crate) fn until_due(&self, interval: Duration) -> Duration {
        let interval = if self.record.state == State::RolledBack { interval.min(LOOK) } else { interval };
        let now = self.store.clock().unix();
        let closes = self.window_closes().filter(|_| self.record.state.is_here());
        let left = closes.map(|at| Duration::from_secs(u64::try_from(at.saturating_sub(now)).unwrap_or(0).max(1)));
        left.map_or(interval, |left| interval.min(left))
    }
}
