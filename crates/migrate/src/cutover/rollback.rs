//! The way back as a whole: what changed here is carried to the old side, the account is held, the rest is carried, and the
//! route changes back. Afterwards the copy here is made a mirror of the old side again, so that another cutover can follow.

use std::time::Duration;

use sterna_frontdoor::{Held, HoldError};
use sterna_imap::client::Connection;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{Flip, Route, Tx};
use tokio::time::Instant;

use super::Wish;
use super::ask::may_roll_back;
use super::told::{CarriedBack, CutoverOptions, Undone};
use crate::back::{self, Carried, Raise};
use crate::cursor::{self, Cursor};
use crate::error::{Error, Result};
use crate::folders::gone;
use crate::patience;
use crate::record::State;
use crate::run::Run;

/// Passes before the hold that may each find something.
const PASSES: u32 = 5;

/// So long may a pass before the hold raise UIDNEXT and HIGHESTMODSEQ of the old side.
pub(super) const RAISING: Duration = Duration::from_secs(20);

/// The same of all passes under the hold, at most: there is little left to raise then, and carrying comes first.
const RAISING_HELD: Duration = Duration::from_secs(3);

/// So long after it the old side still gets what was delivered here late.
const LATE: Duration = Duration::from_secs(15);

/// Between two looks for that.
pub(super) const LOOK: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// One step of a rollback: of its beginning, or of one that a crash broke off.
    pub(super) async fn returning(&mut self, connection: &mut Option<Connection>) -> Result<bool> {
        match self.wishes.due() {
            Some(Wish::Rollback { options, at }) => {
                let ended = self.go_back(connection, options, at).await;
                self.wish_ended(ended).await?;
            }
            // The wish was taken away meanwhile.
            _ if self.wishes.now.is_none() => self.stay().await?,
            _ => {}
        }
        if self.record.state == State::Returning && self.wishes.not_before.is_some() {
            self.stay().await?;
        }
        Ok(true)
    }

    /// The mailbox stays here, as before the rollback was asked for.
    async fn stay(&mut self) -> Result<()> {
        let verified = self.flipped_mut().is_some_and(|flip| flip.verified_at.is_some());
        self.enter(if verified { State::Verified } else { State::Flipped }).await
    }

    async fn go_back(
        &mut self,
        connection: &mut Option<Connection>,
        options: CutoverOptions,
        asked_at: i64,
    ) -> Result<()> {
        let (door, account) = (self.door()?, self.lease.account);
        may_roll_back(&self.record, self.store.clock().unix())?;
        let Some(cutover) = self.record.cutover.as_mut() else { return Err(Error::NoMove(account)) };
        if cutover.rollback.as_ref().is_none_or(|undone| undone.asked_at != asked_at) {
            cutover.rollback = Some(Undone { options, asked_at, ..Undone::default() });
        }
        self.enter(State::Returning).await?;
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.login.open().await?,
        };
        self.at("returning").await?;
        for _ in 0..PASSES {
            if self.carry_back(&mut open, Raise::All(Instant::now() + RAISING)).await?.is_nothing() {
                break;
            }
        }
        self.at("carried back").await?;
        let held = door.hold(account, options.times).await?;
        let ended = self.back_under_hold(held, &mut open).await;
        match &ended {
            Ok(()) => *connection = Some(open),
            Err(_) => {
                let (stored, _) = patience::patiently(|| self.mover.load(account)).await?;
                let counted = self.record.cutover.take();
                self.record = stored;
                if self.record.state == State::Returning {
                    // What was carried back stays carried back, and is told.
                    self.record.cutover = counted;
                    if let Some(undone) = self.record.cutover.as_mut().and_then(|c| c.rollback.as_mut()) {
                        (undone.at, undone.hold_millis) = (None, 0);
                    }
                    self.unsaved = true;
                }
            }
        }
        ended
    }

    /// One pass back. Its figures go to the record, also those of one that comes to no good end.
    pub(super) async fn carry_back(&mut self, open: &mut Connection, raise: Raise) -> Result<Carried> {
        let ended = back::pass(&self.context, &self.login, open, raise, &mut self.carrying).await;
        let carried = self.count_back();
        ended?;
        if let Some(told) = self.carried_back() {
            // Each pass tells all that is left then, and what it carried in part only once.
            match raise {
                Raise::All(_) => (told.left, told.behind) = (carried.left.clone(), carried.behind.clone()),
                Raise::Carried(_) | Raise::Nothing => add(&mut told.left, carried.left.iter().cloned()),
            }
        }
        Ok(carried)
    }

    /// Takes what a pass has carried so far into the record.
    fn count_back(&mut self) -> Carried {
        let carried = std::mem::take(&mut self.carrying);
        if let Some(told) = self.carried_back() {
            told.messages += carried.appended + carried.moved;
            told.bytes += carried.bytes;
            told.flags += carried.flags;
            told.expunged += carried.expunged;
            add(&mut told.remarks, carried.remarks.iter().cloned());
        }
        // Those of before are found when the route changes back.
        if let Some(undone) = self.record.cutover.as_mut().and_then(|c| c.rollback.as_mut()).filter(|u| u.at.is_some())
        {
            let changed = carried.differing.iter().map(|d| format!("{}: {} is {}", d.folder, d.here, d.there));
            add(&mut undone.changed_uids, changed);
        }
        carried
    }

    /// Where the record tells what is carried back: for a rollback, or while nobody has asked for one.
    fn carried_back(&mut self) -> Option<&mut CarriedBack> {
        let cutover = self.record.cutover.as_mut()?;
        match self.record.state {
            State::Flipped | State::Verified => Some(&mut cutover.back_sync.get_or_insert_default().carried),
            _ => Some(&mut cutover.rollback.as_mut()?.carried),
        }
    }

    async fn back_under_hold(&mut self, mut held: Held, open: &mut Connection) -> Result<()> {
        let deadline = held.deadline();
        self.at("held back").await?;
        let now = Instant::now();
        let raise = Raise::All(now + RAISING_HELD.min(deadline.saturating_duration_since(now) / 3));
        let passes = tokio::time::timeout_at(deadline, async {
            while !self.carry_back(open, raise).await?.is_nothing() {
                held.look_again().await?;
            }
            back::changed::uids(&self.context, open).await
        });
        let ended = match passes.await {
            Ok(ended) => ended,
            Err(_) => {
                self.count_back();
                Err(HoldError::Deadline("the last changes were not carried back".into()).into())
            }
        };
        let changed = match ended {
            Ok(changed) => changed,
            Err(error) => {
                held.release().await?;
                return Err(error);
            }
        };
        let routed = self.store.routed_by_id(self.lease.account).await?;
        let routed = routed.ok_or(Error::NoMove(self.lease.account))?;
        let now = self.store.clock().unix();
        let Some(cutover) = self.record.cutover.as_mut().filter(|_| routed.route == Route::Local) else {
            return Err(Error::Invalid("the account's route was changed meanwhile".into()));
        };
        let route = Route::Platform(cutover.platform.clone());
        if let Some(undone) = &mut cutover.rollback {
            (undone.at, undone.refusal, undone.changed_uids) = (Some(now), None, changed);
            undone.hold_millis = u64::try_from(held.lasted().as_millis()).unwrap_or(u64::MAX);
        }
        (self.record.state, self.record.failure) = (State::RolledBack, None);
        let record = self.record.stored(self.lease.account, self.secret.clone(), now)?;
        let flip = Flip { epoch: routed.epoch, route, hold: held.hold().token, record };
        self.at("flipping back").await?;
        match self.store.flip(self.lease, flip).await {
            Ok(_) => {
                self.at("route changed back").await?;
                held.flipped();
            }
            Err(sterna_store::Error::HoldOver) => {
                drop(held);
                return Err(HoldError::Deadline("the route was not changed".into()).into());
            }
            Err(error) => {
                drop(held);
                return Err(error.into());
            }
        }
        self.at("rolled back").await?;
        self.hurry_mail().await;
        self.unsaved = false;
        self.show(None);
        Ok(())
    }

    /// One step after a rollback; `false`: nothing is left to do.
    pub(super) async fn rolled_back(&mut self, connection: &mut Option<Connection>) -> Result<bool> {
        if matches!(self.wishes.now, Some(Wish::Rollback { .. })) {
            // A crash came between the flip and this.
            self.hurry_mail().await;
            self.forget_wish().await?;
        }
        let undone = self.record.cutover.as_ref().and_then(|c| c.rollback.as_ref());
        let Some((at, None)) = undone.and_then(|u| Some((u.at?, u.mirrored_at))) else {
            if matches!(self.wishes.now, Some(Wish::Cutover { .. })) {
                self.enter(State::Following).await?;
                return Ok(true);
            }
            return Ok(false);
        };
        // A run that broke off behind the mirror left no way back: without it, everything here would pass for new.
        if self.context.account.read(back::is_open).await? {
            let mut open = match connection.take() {
                Some(open) => open,
                None => self.login.open().await?,
            };
            // Figures are not raised any more: clients of the old side would see it.
            let late = self.carry_back(&mut open, Raise::Nothing).await?;
            *connection = Some(open);
            if self.store.clock().unix().saturating_sub(at) < LATE.as_secs() as i64 {
                if late != Carried::default() {
                    self.save().await?;
                }
                return Ok(true);
            }
            self.context.account.write(mirror).await?;
            self.at("mirrored").await?;
        }
        let now = self.store.clock().unix();
        if let Some(undone) = self.record.cutover.as_mut().and_then(|c| c.rollback.as_mut()) {
            undone.mirrored_at = Some(now);
        }
        self.save().await?;
        // Another cutover may have been asked for.
        Ok(self.wishes.now.is_some())
    }
}

/// Adds lines that are not there yet.
fn add(lines: &mut Vec<String>, more: impl Iterator<Item = String>) {
    for line in more {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
}

/// Makes every mailbox what following can go on from: messages that have another UID on the old side go, for they come from
/// there; everything that the old side could not take stays, as added here.
fn mirror(tx: &Tx<'_>) -> sterna_store::Result<()> {
    for (mailbox, source, validity) in back::places(tx)? {
        let Some(here) = tx.find_mailbox(mailbox)?.filter(|m| m.selectable) else { continue };
        let both = back::on_both_sides(tx, mailbox)?;
        let same_mailbox = here.uid_validity.get() == validity;
        let (same, other): (Vec<_>, Vec<_>) = both.into_iter().partition(|m| same_mailbox && m.uid == m.there);
        gone::expunge(tx, mailbox, &other.iter().map(|m| m.uid.get()).collect())?;
        // The old side gives UIDs that messages had here which are gone.
        tx.restart_log(mailbox)?;
        let same: NumberSet = same.iter().map(|m| m.there.get()).collect();
        if tx.move_folder(&source)?.is_none() {
            // Made here, and its folder by the way back: from now on the old side says whether it is there.
            cursor::put(tx, &source, mailbox, &Cursor { created: true, ..Cursor::default() })?;
            continue;
        }
        let left = uids(tx, mailbox)?;
        cursor::update(tx, &source, |cursor| {
            if cursor.uid_validity != here.uid_validity.get() {
                // What came there under its UIDVALIDITY was brought to a mailbox that has another one: the copy begins anew.
                *cursor = Cursor { created: cursor.created, ..Cursor::default() };
                return Ok(());
            }
            let Some(mark) = cursor.flip.take() else { return Ok(()) };
            let before = match u32::try_from(mark.uid_next) {
                Ok(next @ 2..) => NumberSet::range(1, next - 1),
                _ => NumberSet::new(),
            };
            let known = match mark.source_uid_next {
                0 | 1 => NumberSet::new(),
                next => NumberSet::range(1, next - 1),
            };
            let done = cursor.done.intersection(&known);
            let added = left.difference(&same).difference(&before);
            *cursor = Cursor {
                // What was removed here and is still there comes again; UIDs that were never here do no harm in it.
                done: done.intersection(&left).union(&done.intersection(&cursor.foreign)).union(&same),
                missing: cursor.missing.intersection(&known),
                foreign: cursor.foreign.intersection(&known).union(&added),
                modseq: 0,
                seen: None,
                ..cursor.clone()
            };
            Ok(())
        })?;
    }
    back::end(tx)
}

fn uids(tx: &Tx<'_>, mailbox: sterna_core::MailboxId) -> sterna_store::Result<NumberSet> {
    let mut uids = NumberSet::new();
    let _ = tx.messages(mailbox, sterna_store::UidRange::ALL, |message| {
        uids.insert(message.uid.get());
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(uids)
}
