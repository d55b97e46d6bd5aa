//! UIDNEXT and HIGHESTMODSEQ of the old side are raised to what clients were told here. Else it gives UIDs again that
//! messages had here (RFC 9051 §2.3.1.1), and a client that asks for changes since a MODSEQ of here (RFC 7162 §3.2.5) is told
//! of none.
//!
//! A message that only uses up numbers is appended, its `\Seen` is set and cleared, each a step of MODSEQ, and it is removed.
//! That comes before changes are carried, so that each change has a greater MODSEQ there than it had here. A message that uses up
//! a UID which a message had here is such a change itself.

use sterna_core::Uid;
use sterna_imap::codec::sequence::NumberSet;
use tokio::time::Instant;

use super::plan::FolderPlan;
use super::state::Folder;
use super::{Back, filler};
use crate::error::Result;

/// UIDs used up at the end of a folder, in all passes together.
const UIDS: u64 = 2_000;

/// Steps of MODSEQ in a folder, in all passes together. A folder that is farther behind is left as it is: some steps would
/// help no client.
const STEPS: u64 = 100_000;

/// Commands sent at once.
const AT_ONCE: u64 = 500;

impl Back<'_> {
    /// Raises both figures, as far as it is allowed to, and tells what is behind afterwards.
    pub(super) async fn raise(&mut self, plan: &mut FolderPlan) -> Result<()> {
        let Some(until) = self.raising else { return Ok(()) };
        let (told, folder) = (plan.told, &mut plan.folder);
        if folder.state.uid_validity != plan.validity || !folder.is_behind(told) {
            return Ok(());
        }
        let Some((next, modseq)) = self.figures(folder).await? else { return Ok(()) };
        let mut there = (next, modseq);
        let spent = folder.state.spent;
        if self.can_expunge() {
            self.raise_next(folder, u64::from(next.get()), told, until).await?;
            if folder.state.spent != spent {
                there = self.figures(folder).await?.unwrap_or(there);
            }
            // Without CONDSTORE no client there asks.
            if there.1 > 0 && there.1 < told.1 && within_bounds(folder, there.1, told.1) && Instant::now() < until {
                self.climb(folder, there.0, told.1).await?;
                there = self.figures(folder).await?.unwrap_or(there);
            }
        }
        folder.state.reached = (u64::from(there.0.get()), if there.1 > 0 { there.1 } else { u64::MAX });
        self.save(folder).await?;
        self.tell(folder, told);
        Ok(())
    }

    /// UIDNEXT and HIGHESTMODSEQ there; a MODSEQ of 0: it keeps none.
    async fn figures(&mut self, folder: &Folder) -> Result<Option<(Uid, u64)>> {
        let name = folder.name(self.connection);
        let status = self.connection.status(&name).await?;
        let same = status.uid_validity.map(|v| v.get()) == Some(folder.state.uid_validity);
        let modseq = status.highest_modseq.map_or(0, |modseq| modseq.0);
        Ok(status.uid_next.filter(|_| same).map(|next| (next, modseq)))
    }

    async fn raise_next(&mut self, folder: &mut Folder, next: u64, told: (u64, u64), until: Instant) -> Result<()> {
        let mut left = told.0.saturating_sub(next).min(UIDS.saturating_sub(folder.state.spent.0));
        let mut next = u32::try_from(next).ok().and_then(Uid::new);
        while let Some(from) = next.filter(|_| left > 0 && Instant::now() < until) {
            let n = left.min(filler::MOST);
            folder.state.spent.0 += n;
            self.carried.raised += n;
            next = Some(self.burn(folder, from, n, told.1).await?);
            left -= n;
        }
        Ok(())
    }

    /// Steps up to a MODSEQ, by a message that is there meanwhile.
    async fn climb(&mut self, folder: &mut Folder, next: Uid, wanted: u64) -> Result<()> {
        let mailbox = folder.mailbox;
        // Its UID must not be one that a message here gets later.
        let reserve = move |tx: &sterna_store::Tx<'_>| {
            if tx.mailbox(mailbox)?.uid_next == u64::from(next.get()) {
                tx.take_uids(mailbox, 1)?;
            }
            Ok(())
        };
        self.context.account.write(reserve).await?;
        let filler = self.filler(folder, next).await?;
        let all = self.fill(folder, &filler, next, 1).await?;
        self.step_up(folder, &all, wanted).await?;
        self.clear(folder, &all).await?;
        folder.state.appending = None;
        self.save(folder).await
    }

    /// Changes messages that only use up numbers until the old side's MODSEQ is `wanted`, if it is allowed to.
    pub(super) async fn step_up(&mut self, folder: &mut Folder, fillers: &NumberSet, wanted: u64) -> Result<()> {
        let Some(until) = self.raising else { return Ok(()) };
        self.select(folder).await?;
        let (mut seen, mut last) = (true, 0);
        while let Some((_, modseq)) = self.figures(folder).await? {
            let left = wanted.saturating_sub(modseq);
            let allowed = within_bounds(folder, modseq, wanted) && Instant::now() < until;
            // Another has removed them, or the server counts otherwise.
            if left == 0 || !allowed || modseq <= last {
                break;
            }
            last = modseq;
            let n = left.min(AT_ONCE);
            for _ in 0..n {
                let sign = if seen { '-' } else { '+' };
                let store = self.connection.command("UID STORE");
                self.connection.send(store.text(&format!(" {fillers} {sign}FLAGS.SILENT (\\Seen)")));
                seen = !seen;
            }
            folder.state.spent.1 += n;
            self.carried.raised += n;
            while self.connection.in_flight() > 0 {
                // What became of them shows in the figures.
                self.connection.next().await?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, folder: &Folder, told: (u64, u64)) {
        let (next, modseq) = folder.state.reached;
        if next < told.0 {
            self.carried.behind.push(format!(
                "{}: UIDs {next} to {} were given here and may be given again there, to other messages",
                folder.shown(),
                told.0 - 1
            ));
        }
        if modseq < told.1 {
            self.carried.behind.push(format!(
                "{}: HIGHESTMODSEQ is {modseq} there, and {} was told here: a client that asks for changes since then may \
                 overlook flags and removals until it reads the whole folder again",
                folder.shown(),
                told.1
            ));
        }
    }
}

/// Whether so many steps may be taken.
fn within_bounds(folder: &Folder, from: u64, to: u64) -> bool {
    folder.state.spent.1 + to.saturating_sub(from) <= STEPS
}
