//! The old side is kept up to date while the mailbox is here, if that is wished for: then a rollback has little left to carry,
//! and whatever becomes of this side, the old one has the mail (docs/decisions/0017-back-sync.md).

use std::future::Future;
use std::time::Duration;

use sterna_core::ModSeq;
use sterna_imap::client::Connection;
use sterna_store::Account;
use tokio::sync::watch;
use tokio::time::Instant;

use super::rollback::RAISING;
use crate::back::{Carried, Raise};
use crate::error::Result;
use crate::record::State;
use crate::run::Run;

/// Between two passes, at least: each may use up a number of the old side in every mailbox that it changes.
const PAUSE: Duration = Duration::from_secs(5);

/// When to carry back again.
pub(crate) struct BackSyncing {
    /// Changes here. Those of other nodes are noticed by the next pass in any case.
    here: watch::Receiver<ModSeq>,
    /// The end of the last pass.
    last: Option<Instant>,
}

impl BackSyncing {
    pub fn new(account: &Account) -> BackSyncing {
        BackSyncing { here: account.changes(), last: None }
    }
}

impl Run<'_> {
    /// Carries back what changed here, if that is wished for; whether the record has something new to tell.
    pub(super) async fn back_sync(&mut self, open: &mut Connection) -> Result<bool> {
        if !self.keeps_up() || self.back_syncing.last.is_some_and(|at| at.elapsed() < self.back_sync_pause()) {
            return Ok(false);
        }
        self.back_syncing.here.mark_unchanged();
        let carried = self.carry_back(open, Raise::Carried(Instant::now() + RAISING)).await?;
        self.back_syncing.last = Some(Instant::now());
        self.at("back-synced").await?;
        let now = self.store.clock().unix();
        let Some(cutover) = self.record.cutover.as_mut() else { return Ok(false) };
        let told = cutover.back_sync.get_or_insert_default();
        let first = told.at == 0;
        told.at = now;
        Ok(first || carried != Carried::default())
    }

    /// Returns when something changed here that the old side does not have yet, but not too soon. Never where nothing is
    /// carried back.
    pub(crate) fn news_for_old_side(&self) -> impl Future<Output = ()> + use<> {
        let keeps_up = self.keeps_up();
        let not_before = self.back_syncing.last.map(|at| at + self.back_sync_pause());
        let mut here = self.back_syncing.here.clone();
        async move {
            if !keeps_up || here.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(at) = not_before {
                tokio::time::sleep_until(at).await;
            }
        }
    }

    fn keeps_up(&self) -> bool {
        let wished = self.record.cutover.as_ref().is_some_and(|cutover| cutover.options.back_sync);
        wished && matches!(self.record.state, State::Flipped | State::Verified)
    }

    fn back_sync_pause(&self) -> Duration {
        PAUSE.min(self.record.options.interval)
    }
}
