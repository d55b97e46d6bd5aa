//! The cutover as a whole: made ready, held, compared, flipped. Everything before the flip can be repeated, and nothing before
//! it is seen by anybody; the flip itself is one transaction of the directory.

use sterna_frontdoor::{Held, HoldError, step};
use sterna_imap::client::Connection;
use sterna_store::{Flip, QueueFilter, Route};

use super::hold::Final;
use super::prepare::Baseline;
use super::told::{Cutover, CutoverOptions, Flipped};
use crate::back;
use crate::error::{Error, Result};
use crate::patience;
use crate::record::State;
use crate::run::Run;

impl Run<'_> {
    /// Makes this the place of the mailbox.
    pub(super) async fn cut_over(
        &mut self,
        connection: &mut Option<Connection>,
        options: CutoverOptions,
        asked_at: i64,
    ) -> Result<()> {
        let failed_holds =
            self.record.cutover.as_ref().filter(|c| c.asked_at == asked_at).map_or(0, |c| c.failed_holds);
        self.record.cutover = Some(Cutover { options, asked_at, failed_holds, ..Cutover::default() });
        self.check_cutover()?;
        let (door, account) = (self.door()?, self.lease.account);
        let platform = self.mover.platform_of(account).await?;
        let mut remarks: Vec<String> = self.remark_on(&*self.platform_at_door(&platform).await?).into_iter().collect();
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.login.open().await?,
        };
        self.at("preparing").await?;
        let baseline = self.prepare(&mut open).await?;
        remarks.extend(baseline.remarks.iter().cloned());
        if let Some(cutover) = &mut self.record.cutover {
            (cutover.platform, cutover.remarks) = (platform, remarks);
        }
        // It lists nothing before the hold: see `Run::final_passes`. Some servers allow no further connection.
        let fresh = self.login.open().await.ok();
        self.at("prepared").await?;
        self.enter(State::Holding).await?;
        let held = match door.hold(account, options.times).await {
            Ok(held) => held,
            Err(error) => {
                self.enter(State::Following).await?;
                *connection = Some(open);
                return Err(error.into());
            }
        };
        let ended = self.under_hold(held, &mut open, fresh, &baseline).await;
        match &ended {
            Ok(()) => *connection = Some(open),
            // The connection may have been left in the middle of a command.
            Err(_) => self.reload().await?,
        }
        ended
    }

    async fn under_hold(
        &mut self,
        mut held: Held,
        open: &mut Connection,
        fresh: Option<Connection>,
        baseline: &Baseline,
    ) -> Result<()> {
        let deadline = held.deadline();
        self.at("held").await?;
        let passes = tokio::time::timeout_at(deadline, self.final_passes(&mut held, open, fresh, baseline));
        let last = match passes.await {
            Ok(ended) => ended,
            Err(_) => Err(HoldError::Deadline("the last changes were not carried over".into()).into()),
        };
        let last = match last {
            Ok(last) => last,
            Err(error) => {
                held.release().await?;
                return Err(error);
            }
        };
        self.at("compared").await?;
        let flip = self.flip(&held, last).await?;
        self.at("flipping").await?;
        match self.store.flip(self.lease, flip).await {
            Ok(_) => {
                self.at("route changed").await?;
                held.flipped();
            }
            // Whether it is durable is not known in every case: sessions read the route, and this run the record.
            Err(error) => {
                drop(held);
                return Err(match error {
                    sterna_store::Error::HoldOver => HoldError::Deadline("the route was not changed".into()).into(),
                    error => error.into(),
                });
            }
        }
        self.at("flipped").await?;
        self.hurry_mail().await;
        self.unsaved = false;
        // The comparison does not wait for news.
        self.inbox = None;
        self.show(None);
        Ok(())
    }

    /// Mail that the other side would not take, or could not, is tried at once where the mailbox is now.
    pub(super) async fn hurry_mail(&self) {
        let hurried = async {
            let Some(routed) = self.store.routed_by_id(self.lease.account).await? else { return Ok(0) };
            let recipient = Some(routed.record.address.to_string());
            self.store.queue_retry(QueueFilter { recipient, ..QueueFilter::default() }).await
        };
        // Without it, the queue's ordinary schedule brings it.
        if let Err(error) = hurried.await {
            tracing::warn!(account = %self.lease.account, %error, "queued mail is not hurried");
        }
    }

    /// The record of the flip, and all that the directory wants to know for it.
    async fn flip(&mut self, held: &Held, last: Final) -> Result<Flip> {
        let routed = self.store.routed_by_id(self.lease.account).await?;
        let routed = routed.ok_or(Error::NoMove(self.lease.account))?;
        let still = |cutover: &&mut Cutover| routed.route == Route::Platform(cutover.platform.clone());
        let cutover = self.record.cutover.as_mut().filter(still);
        let cutover = cutover.ok_or_else(|| Error::Invalid("the account's route was changed meanwhile".into()))?;
        let now = self.store.clock().unix();
        let found = held.found();
        let survived = held.parked().await?.min(found);
        cutover.refusal = None;
        cutover.flip = Some(Flipped {
            at: now,
            hold_millis: u64::try_from(held.lasted().as_millis()).unwrap_or(u64::MAX),
            sessions: survived as u64,
            sessions_dropped: (found - survived) as u64,
            passes: last.passes,
            messages: last.carried.messages,
            bytes: last.carried.bytes,
            modseq: last.modseq,
            folders: last.folders,
            ..Flipped::default()
        });
        (self.record.state, self.record.failure) = (State::Flipped, None);
        let record = self.record.stored(self.lease.account, self.secret.clone(), now)?;
        Ok(Flip { epoch: routed.epoch, route: Route::Local, hold: held.hold().token, record })
    }

    /// Takes up what is stored: a flip of unknown outcome is either done or not. A hold that was broken off is over.
    async fn reload(&mut self) -> Result<()> {
        let (stored, _) = patience::patiently(|| self.mover.load(self.lease.account)).await?;
        self.record = stored;
        if self.record.state == State::Holding {
            // What was written under the hold for the time after the flip means nothing now.
            self.context.account.write(back::end).await?;
            self.enter(State::Following).await?;
        }
        Ok(())
    }

    /// A named step, at which tests of this crate break off, and tests of the whole wait.
    pub(super) async fn at(&self, name: &str) -> Result<()> {
        step::reached(name).await;
        #[cfg(test)]
        self.context.faults.reached(name)?;
        Ok(())
    }
}
