//! A hold in the hands of who moves the mailbox: begins it, asks for its rounds, waits for the answers, ends it.
//!
//! The directory has the hold from its first round on: deliveries and other nodes see it there. Its time is bounded twice, by
//! the holder's own clock and by the database's: a holder that dies holds nobody up for longer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sterna_core::AccountId;
use sterna_store::{Hold, Store};
use tokio::time::Instant;

use crate::door::Door;
use crate::floor::{Ask, Kind};
use crate::step;

/// The hold's line in the directory outlives its holder's deadline by this: the flip must find it there.
const MARGIN: Duration = Duration::from_secs(5);

/// Between two looks for the answers of other nodes.
const LOOK: Duration = Duration::from_millis(10);

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HoldTimes {
    /// For sessions that cannot be parked to come to their end; those that do not are cut off.
    pub finish: Duration,
    /// From then on until the route has changed: what clients notice.
    pub deadline: Duration,
}

impl Default for HoldTimes {
    fn default() -> HoldTimes {
        HoldTimes { finish: Duration::from_secs(20), deadline: Duration::from_secs(2) }
    }
}

/// Why a hold did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Its time has passed.
    #[error("{0} before the hold's deadline")]
    Deadline(String),
    /// The account is held already.
    #[error("the account is held already")]
    Taken,
    /// The store.
    #[error(transparent)]
    Store(sterna_store::Error),
}

impl From<sterna_store::Error> for HoldError {
    fn from(error: sterna_store::Error) -> HoldError {
        match error {
            sterna_store::Error::HoldOver => HoldError::Deadline("nothing was ready".into()),
            sterna_store::Error::Exists(_) => HoldError::Taken,
            error => HoldError::Store(error),
        }
    }
}

/// A hold. Dropping it releases everybody.
pub struct Held {
    door: Door,
    hold: Hold,
    node: String,
    deadline: Instant,
    /// When round 1 began.
    parking: Option<Instant>,
    /// Relayed sessions then.
    found: usize,
    ended: bool,
}

impl Door {
    /// Holds an account: lets sessions that cannot be parked end, then parks all others. Returns when all are parked.
    ///
    /// Sessions that did not answer in time make this fail, and everybody is released untouched.
    pub async fn hold(&self, account: AccountId, times: HoldTimes) -> Result<Held, HoldError> {
        let store = &self.0.store;
        let hold = store.begin_hold(account, times.finish + times.deadline + MARGIN).await?;
        let deadline = Instant::now() + times.finish;
        let mut held =
            Held { door: self.clone(), node: store.node(), hold, deadline, parking: None, found: 0, ended: false };
        held.signal();
        step::reached("hold placed").await;
        // Who has not finished is cut off by the next round.
        match held.answered().await {
            Ok(()) | Err(HoldError::Deadline(_)) => {}
            Err(error) => return Err(error),
        }
        held.deadline = Instant::now() + times.deadline;
        held.parking = Some(Instant::now());
        let found = held.parked_here();
        held.hold = store.next_round(&held.hold, times.deadline + MARGIN).await?;
        held.signal();
        held.answered().await?;
        held.found = found + held.parked_elsewhere().await?;
        Ok(held)
    }
}

impl Held {
    /// As the directory has it; the flip asks for its token.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// How long sessions have been parked.
    pub fn lasted(&self) -> Duration {
        self.parking.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// When it must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Relayed sessions when they were asked to park. Of other nodes, those that did.
    pub fn found(&self) -> usize {
        self.found
    }

    /// Relayed sessions that are parked, on all nodes.
    pub async fn parked(&self) -> Result<usize, HoldError> {
        Ok(self.parked_here() + self.parked_elsewhere().await?)
    }

    fn parked_here(&self) -> usize {
        self.door.0.floor.sessions(self.hold.account, Kind::Parks)
    }

    async fn parked_elsewhere(&self) -> Result<usize, HoldError> {
        match self.door.0.store.shared() {
            true => Ok(self.door.0.store.parked_elsewhere(&self.hold, &self.node).await?),
            false => Ok(0),
        }
    }

    /// Asks all parked sessions whether anything changed that they know nothing of, and waits until all have looked.
    pub async fn look_again(&mut self) -> Result<(), HoldError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.late("the sides were not equal"));
        }
        self.hold = self.door.0.store.next_round(&self.hold, left + MARGIN).await?;
        self.signal();
        self.answered().await
    }

    /// The route has changed under the hold, which ended with it: sessions go on by the new route.
    pub fn flipped(mut self) {
        self.ended = true;
        self.free();
    }

    /// Nothing has changed: everybody goes on as before.
    pub async fn release(mut self) -> Result<(), sterna_store::Error> {
        self.ended = true;
        let ended = self.door.0.store.end_hold(&self.hold).await;
        // Also if the directory could not be written: there, its time passes.
        self.free();
        ended
    }

    fn ask(&self) -> Ask {
        Ask { token: self.hold.token, round: self.hold.round }
    }

    fn signal(&self) {
        self.door.0.floor.ask(self.hold.account, self.ask());
    }

    fn free(&self) {
        self.door.0.floor.free(self.hold.account, self.hold.token);
    }

    fn late(&self, what: &str) -> HoldError {
        HoldError::Deadline(what.to_owned())
    }

    /// Waits for all sessions here and on other nodes.
    async fn answered(&self) -> Result<(), HoldError> {
        let (store, floor, account) = (&self.door.0.store, &self.door.0.floor, self.hold.account);
        let moved = floor.moved(account);
        loop {
            let news = moved.notified();
            tokio::pin!(news);
            // Registered before the count, so that no answer between the two is missed.
            news.as_mut().enable();
            if floor.count(account, self.ask()).open == 0 {
                break;
            }
            if tokio::time::timeout_at(self.deadline, news).await.is_err() {
                return Err(self.late("a session could not be parked"));
            }
        }
        if !store.shared() {
            return Ok(());
        }
        loop {
            let nodes = store.unanswered(&self.hold, &self.node).await?;
            let Some(node) = nodes.first() else { return Ok(()) };
            if Instant::now() >= self.deadline {
                return Err(HoldError::Deadline(format!("node {node} did not answer")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.free();
        let (store, hold): (Store, Hold) = (self.door.0.store.clone(), self.hold);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // If this fails, its time passes.
                let _ = store.end_hold(&hold).await;
            });
        }
    }
}
