//! After the flip: both sides are compared as they were then, and what still comes to the old side is brought over, until the
//! rollback window closes.

use sterna_core::ModSeq;
use sterna_imap::client::Connection;
use sterna_store::Tx;

use super::Wish;
use super::told::Flipped;
use crate::back;
use crate::cursor::{self, Cursor};
use crate::error::Result;
use crate::folders::apply::is_folder;
use crate::receipt::{FolderComparison, ReceiptOptions, compare};
use crate::record::State;
use crate::run::Run;

impl Run<'_> {
    /// One step of a move that is flipped.
    pub(super) async fn after_flip(&mut self, connection: &mut Option<Connection>) -> Result<bool> {
        if self.window_closes().is_none_or(|at| self.store.clock().unix() >= at) {
            self.settle().await?;
            return Ok(false);
        }
        // A crash came between the flip and this.
        if matches!(self.wishes.now, Some(Wish::Cutover { .. })) {
            self.hurry_mail().await;
            self.forget_wish().await?;
        }
        if matches!(self.wishes.due(), Some(Wish::Rollback { .. })) {
            return self.returning(connection).await;
        }
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.login.open().await?,
        };
        if self.record.cutover.as_ref().is_some_and(|c| c.rollback.is_some() || c.options.back_sync) {
            // What a pass back that was broken off left on the old side did not come there by itself.
            back::recover(&self.context, &self.login, &mut open).await?;
        }
        let (messages, bytes) = self.stragglers(&mut open).await?;
        if self.record.state == State::Flipped {
            self.verify(&mut open).await?;
        }
        let mut news = self.back_sync(&mut open).await?;
        let (state, now) = (self.record.state, self.store.clock().unix());
        if let Some(flip) = self.flipped_mut() {
            news |= (flip.stragglers, flip.straggler_bytes) != (messages, bytes);
            (flip.stragglers, flip.straggler_bytes) = (messages, bytes);
        }
        let recovered = self.record.failure.take().is_some();
        self.record.last_pass_at = Some(now);
        if news || recovered || self.unsaved {
            self.enter(state).await?;
            self.save().await?;
        }
        *connection = Some(open);
        Ok(true)
    }

    pub(super) fn flipped_mut(&mut self) -> Option<&mut Flipped> {
        self.record.cutover.as_mut()?.flip.as_mut()
    }

    /// When the rollback window closes; `None`: there was no flip.
    pub(super) fn window_closes(&self) -> Option<i64> {
        let cutover = self.record.cutover.as_ref()?;
        let window = i64::try_from(cutover.options.rollback_window.as_secs()).unwrap_or(i64::MAX);
        Some(cutover.flip.as_ref()?.at.saturating_add(window))
    }

    /// Compares both sides without what changed on either since the flip.
    async fn verify(&mut self, connection: &mut Connection) -> Result<()> {
        let Some(since) = self.flipped_mut().map(|flip| ModSeq(flip.modseq)) else { return Ok(()) };
        self.at("verifying").await?;
        let account = &self.context.account;
        let compared = compare::folders(account, connection, &ReceiptOptions::default(), Some(since)).await?;
        let now = self.store.clock().unix();
        if let Some(flip) = self.flipped_mut() {
            flip.differences.clear();
            compared.iter().for_each(|(_, folder)| tell(flip, folder));
            flip.verified_at = Some(now);
        }
        self.at("verified").await?;
        self.enter(State::Verified).await?;
        self.save().await
    }

    /// The window has closed.
    async fn settle(&mut self) -> Result<()> {
        self.context.account.write(forget_flip).await?;
        self.enter(State::Settled).await?;
        self.save().await?;
        self.forget_wish().await
    }
}

fn tell(flip: &mut Flipped, compared: &FolderComparison) {
    if let Some(folder) = flip.folders.iter_mut().find(|f| f.name == compared.name) {
        folder.source_digest.clone_from(&compared.source_digest);
        folder.digest.clone_from(&compared.digest);
        folder.changed_since = compared.changed_since;
    }
    if !compared.equal {
        let refused = compared.refused.iter().map(|reason| format!("\"{}\": {reason}", compared.name));
        let differs = compared.differences.iter().map(|reason| format!("\"{}\": {reason}", compared.name));
        flip.differences.extend(refused.chain(differs));
    }
}

/// The cursors are of no use any more but for their memory of what was brought.
fn forget_flip(tx: &Tx<'_>) -> sterna_store::Result<()> {
    for folder in tx.move_folders()?.into_iter().filter(|f| is_folder(&f.source)) {
        cursor::update(tx, &folder.source, |cursor| {
            *cursor = Cursor { flip: None, ..cursor.clone() };
            Ok(())
        })?;
    }
    Ok(())
}
