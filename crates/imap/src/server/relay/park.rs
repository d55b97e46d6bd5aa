//! A hold, as a relayed session takes it.
//!
//! ```text
//! open ──asked──▶ draining (IDLE is interrupted) ──boundary──▶ parked ──look──▶ looking ──▶ parked …
//!   ▲                                                            │
//!   └──────────────── free, still on the platform ───────────────┴──── free, here: handed over
//! ```
//!
//! While it is not open, no command of the client is taken. What the platform tells a client in IDLE is passed on; what it tells
//! between commands is withheld, for it may not be told then (RFC 9051 §7.5.1).

use std::time::Duration;

use sterna_frontdoor::{Ask, Signal, Stay};
use sterna_store::Route;
use tokio::time::Instant;

use super::{End, Idle, InFlight, Relay, What};
use crate::codec::sequence::NumberSet;
use crate::codec::write::status::names;
use crate::server::problem::Problem;
use crate::server::session::Session;

/// A session has so long to come to a command boundary; then it ends, and the client reconnects.
const PATIENCE: Duration = Duration::from_millis(600);

/// Where a session is in a hold.
pub(super) enum Phase {
    /// There is none.
    Open,
    /// Commands that are under way are waited for. The client's IDLE is ended at the platform, behind its back.
    Draining { ask: Ask, until: Instant },
    /// The platform is asked whether there is something that the client was not told.
    Looking { ask: Ask, until: Instant },
    /// What was asked is done.
    Parked { ask: Ask },
    /// The hold is over: the route is read again.
    Over,
    /// The session must end at once.
    Fenced,
}

impl Phase {
    pub fn is_open(&self) -> bool {
        matches!(self, Phase::Open)
    }

    /// Commands of the client are taken.
    pub fn takes_commands(&self) -> bool {
        self.is_open()
    }

    /// When something must have happened.
    pub fn due(&self) -> Option<Instant> {
        match self {
            Phase::Draining { until, .. } | Phase::Looking { until, .. } => Some(*until),
            Phase::Open | Phase::Parked { .. } | Phase::Over | Phase::Fenced => None,
        }
    }

    /// What is said at the door that concerns the session in this phase.
    pub async fn signal(&self, stay: &mut Stay) -> Signal {
        match self {
            Phase::Open => stay.disturbed().await,
            Phase::Draining { ask, .. } | Phase::Looking { ask, .. } | Phase::Parked { ask } => stay.beyond(*ask).await,
            Phase::Over | Phase::Fenced => std::future::pending().await,
        }
    }
}

impl Relay {
    /// Something was said at the door.
    pub(super) fn signalled(&mut self, signal: Signal) {
        let until = Instant::now() + PATIENCE;
        self.phase = match signal {
            Signal::Fenced => Phase::Fenced,
            Signal::Free if self.phase.is_open() => Phase::Open,
            Signal::Free => Phase::Over,
            Signal::Asked(ask) => Phase::Draining { ask, until },
        };
    }

    /// Nothing is under way, on either side.
    pub(super) fn is_at_boundary(&self) -> bool {
        let idling = self.idle.as_ref().is_some_and(|idle| idle.begun);
        let quiet = match idling {
            true => self.flight.iter().all(|f| f.what == What::Idle),
            false => self.flight.is_empty(),
        };
        quiet && self.streaming.is_none() && self.outgoing.is_empty() && !self.in_response
    }

    /// Takes the next step of a hold, if there is one to be taken.
    pub(super) async fn advance(&mut self, session: &mut Session) -> Result<Option<End>, Problem> {
        loop {
            match &self.phase {
                Phase::Open | Phase::Parked { .. } => return Ok(None),
                Phase::Fenced => return Err(moved("this server has lost its place, please reconnect")),
                Phase::Over => return self.over(session).await,
                Phase::Draining { until, .. } | Phase::Looking { until, .. } if Instant::now() >= *until => {
                    // The hold does not wait for one that hangs; its client reconnects.
                    return Err(moved("the mailbox is being moved, please reconnect"));
                }
                Phase::Draining { ask, until } => {
                    let (ask, until) = (*ask, *until);
                    if self.lost.is_some() {
                        // Nothing can be asked there any more; whether the session goes on shows at the end.
                        self.park(ask);
                        continue;
                    }
                    if !self.is_at_boundary() {
                        return Ok(None);
                    }
                    if let Some(idle) = &mut self.idle
                        && self.flight.iter().any(|f| f.what == What::Idle)
                    {
                        self.platform.output.extend_from_slice(b"DONE\r\n");
                        (idle.begun, idle.interrupted) = (false, true);
                        return Ok(None);
                    }
                    if ask.round > 1 {
                        self.phase = Phase::Looking { ask, until };
                        if self.saved {
                            self.send_own(What::Saved, "UID SEARCH $");
                        }
                        self.send_own(What::Look, "NOOP");
                    } else {
                        self.park(ask);
                    }
                }
                Phase::Looking { ask, .. } => {
                    let ask = *ask;
                    if !self.flight.is_empty() && self.lost.is_none() {
                        return Ok(None);
                    }
                    self.compare().await;
                    self.park(ask);
                }
            }
        }
    }

    fn park(&mut self, ask: Ask) {
        self.phase = Phase::Parked { ask };
        self.quiet = true;
        self.guest.stay.answer(ask);
    }

    /// The relay itself has asked something, of which the client knows nothing. A hold may end before the answer comes.
    pub(super) fn asks(&self) -> bool {
        self.flight.iter().any(|f| matches!(f.what, What::Look | What::Saved))
    }

    pub(super) fn asks_for_saved(&self) -> bool {
        self.flight.front().is_some_and(|f| f.what == What::Saved)
    }

    pub(super) fn set_saved(&mut self, uids: NumberSet) {
        self.saved_uids = uids;
    }

    /// The hold is over: here or there?
    async fn over(&mut self, session: &mut Session) -> Result<Option<End>, Problem> {
        let account = self.guest.account.id;
        match session.service.door.route(account).await? {
            Route::Local | Route::Relay(_) => Ok(Some(End::Local(self.idle.as_ref().map(|idle| idle.tag.clone())))),
            Route::Platform(name) if name == self.guest.platform.name => {
                (self.phase, self.quiet) = (Phase::Open, false);
                if self.lost.is_some() {
                    return Ok(None);
                }
                self.resume_idle();
                Ok(None)
            }
            _ => Err(moved("the mailbox was moved to another server, please reconnect")),
        }
    }

    /// The platform idles again, as the client believes. Where it has not ended the IDLE that was interrupted, that comes
    /// first.
    pub(super) fn resume_idle(&mut self) {
        let Some(Idle { tag, begun, resumed, .. }) = &mut self.idle else { return };
        if self.flight.iter().any(|f| f.what == What::Idle) {
            return;
        }
        let (tag, line) = (tag.clone(), format!("{tag} IDLE\r\n"));
        (*begun, *resumed) = (false, true);
        self.flight.push_back(InFlight { tag, what: What::Idle, condstore: false });
        self.platform.output.extend_from_slice(line.as_bytes());
    }
}

/// RFC 5530: the client may reconnect at once.
pub(crate) fn moved(text: &'static str) -> Problem {
    Problem::Bye { code: Some(names::UNAVAILABLE.into()), text: text.into() }
}
