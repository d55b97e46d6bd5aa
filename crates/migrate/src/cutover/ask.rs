//! Asking for a cutover or a rollback: what can be refused is refused at once, the rest is the run's.

use sterna_core::AccountId;
use sterna_frontdoor::Door;
use sterna_store::{JobKind, Route};

use super::{CutoverOptions, Wish};
use crate::error::{Error, Result};
use crate::mover::Mover;
use crate::record::{Record, State};
use crate::source::Protocol;

impl Mover {
    /// With the door at which accounts are held. Without one, a run refuses cutovers.
    pub fn with_door(mut self, door: Door) -> Mover {
        self.door = Some(door);
        self
    }

    /// Asks the account's move to make this the place of the mailbox: as soon as it has caught up, under a short hold.
    /// Returns at once; [`Mover::status`] shows how it goes. The move's run does it, here or on another node; one that had
    /// ended is made a job again, and follows from then on.
    ///
    /// Fails with [`Error::Invalid`] if the mailbox is here already, or its route names no platform.
    pub async fn cutover(&self, account: AccountId, options: CutoverOptions) -> Result<()> {
        let (record, _) = self.load(account).await?;
        may_cut_over(&record)?;
        self.platform_of(account).await?;
        let at = self.store.clock().unix();
        self.wish(account, Wish::Cutover { options, at }).await
    }

    /// Asks the account's move to go back: what changed here since the flip is carried to the old side, and the route changes
    /// back under a short hold. Returns at once, like [`Mover::cutover`].
    ///
    /// Fails with [`Error::Invalid`] where there was no flip, or its rollback window has closed.
    pub async fn rollback(&self, account: AccountId, options: CutoverOptions) -> Result<()> {
        let (record, _) = self.load(account).await?;
        let at = self.store.clock().unix();
        may_roll_back(&record, at)?;
        self.wish(account, Wish::Rollback { options, at }).await
    }

    async fn wish(&self, account: AccountId, wish: Wish) -> Result<()> {
        self.store.want_move(account, Some(wish.write()?)).await?;
        // Behind the wish: a run that ends looks for one after it has given its job up.
        self.store.add_job(account, JobKind::Move).await?;
        self.wake.notify_one();
        self.wake_run(account);
        Ok(())
    }

    /// What the account's move was asked to do and did not yet do.
    pub(crate) async fn wanted(&self, account: AccountId) -> Result<Option<Wish>> {
        self.store.wanted_of_move(account).await?.map(|text| Wish::read(&text)).transpose()
    }

    /// The platform that an account's route names.
    pub(crate) async fn platform_of(&self, account: AccountId) -> Result<String> {
        let routed = self.store.routed_by_id(account).await?;
        let routed = routed.ok_or_else(|| sterna_store::Error::NotFound(format!("account {account}")))?;
        let address = routed.record.address;
        match routed.route {
            Route::Platform(name) => Ok(name),
            Route::Local => Err(Error::Invalid(format!(
                "the mailbox of {address} is served here already; if it is still on an old platform, say which: sterna account set --platform NAME {address}"
            ))),
            Route::Relay(url) => Err(Error::Invalid(format!(
                "mail of {address} goes to {url}, which is no platform; say where the mailbox is: sterna account set --platform NAME {address}, or --here to serve it here at once"
            ))),
        }
    }
}

/// Whether a move can be cut over at all.
pub(crate) fn may_cut_over(record: &Record) -> Result<()> {
    if record.source.protocol == Protocol::Pop3 {
        return Err(Error::Invalid(
            "a source that has nothing but POP3 cannot be cut over; stop it, run the move once more, and set the account's route with sterna account set --here"
                .into(),
        ));
    }
    match record.state.is_here() {
        true => Err(Error::Invalid(format!("the move was cut over already: it is {}", record.state.as_str()))),
        false => Ok(()),
    }
}

/// Whether a move can be undone at that time.
pub(crate) fn may_roll_back(record: &Record, now: i64) -> Result<()> {
    let flip = record.cutover.as_ref().and_then(|cutover| Some((cutover, cutover.flip.as_ref()?)));
    let Some((cutover, flip)) = flip.filter(|_| record.state.is_here()) else {
        return Err(Error::Invalid(match record.state {
            State::RolledBack => "the move was rolled back already".to_owned(),
            state => format!("the move was never cut over: it is {}", state.as_str()),
        }));
    };
    let window = cutover.options.rollback_window;
    let until = flip.at.saturating_add(i64::try_from(window.as_secs()).unwrap_or(i64::MAX));
    match record.state == State::Settled || now >= until {
        true => Err(Error::Invalid(format!(
            "the rollback window of {} hours has closed; a move in the other direction is a new move",
            window.as_secs() / 3600
        ))),
        false => Ok(()),
    }
}
