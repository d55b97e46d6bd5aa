//! The sessions of this process, by account, and what a hold asks of them.
//!
//! A session enters before it reads the account's route and leaves when it ends. A hold signals all sessions of its account at
//! once; each answers when it has done what the round asks. Everything here is in memory and costs no session but its own line.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sterna_core::{AccountId, ModSeq};
use tokio::sync::{Notify, watch};

/// How a session takes a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It parks, and goes on whatever the route is then: a relayed IMAP session.
    Parks,
    /// It cannot be parked. It is left to finish in round 0, and ends in round 1: POP3, ManageSieve.
    Finishes,
    /// It is served here. It goes on if the mailbox stays here, and ends if not: every session of a local mailbox.
    Local,
}

impl Kind {
    /// It may begin while a hold still lets others finish.
    pub(crate) fn may_enter_round_0(self) -> bool {
        self != Kind::Finishes
    }
}

/// What a hold asks. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// Of which hold. A later hold has a greater one.
    pub token: ModSeq,
    /// 0: to end what cannot be parked, if it comes to its end; 1: to park, or to end; a higher one: to look whether anything
    /// changed, and to tell.
    pub round: u32,
}

/// What holds of an account say at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// There is none. Who was parked reads the route again.
    Free,
    /// Something is asked.
    Asked(Ask),
    /// This node may not have sessions any more: end at once, without another word to the platform.
    Fenced,
}

/// All sessions of this process.
#[derive(Clone, Default)]
pub(crate) struct Floor {
    rooms: Arc<Mutex<HashMap<AccountId, Room>>>,
    /// Until when, where it is not for ever.
    valid: Arc<Mutex<Option<Instant>>>,
}

/// The sessions of one account.
struct Room {
    signal: watch::Sender<Signal>,
    /// Holds with this token and lesser ones are over.
    over: ModSeq,
    /// A session answered, or left.
    moved: Arc<Notify>,
    sessions: HashMap<u64, Guest>,
    last: u64,
    /// The directory has this node's line.
    written: bool,
}

struct Guest {
    kind: Kind,
    answered: Option<Ask>,
}

/// How many sessions did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Not yet.
    pub open: usize,
    /// Answered, and can go on.
    pub parked: usize,
}

/// A session's line. It leaves when dropped.
pub struct Stay {
    floor: Floor,
    account: AccountId,
    number: u64,
    kind: Kind,
    signal: watch::Receiver<Signal>,
    answered: Option<Ask>,
    left: Option<tokio::sync::mpsc::UnboundedSender<AccountId>>,
}

impl Floor {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<AccountId, Room>) -> T) -> T {
        f(&mut self.rooms.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn room(rooms: &mut HashMap<AccountId, Room>, account: AccountId) -> &mut Room {
        rooms.entry(account).or_insert_with(|| Room {
            signal: watch::Sender::new(Signal::Free),
            over: ModSeq(0),
            moved: Arc::default(),
            sessions: HashMap::new(),
            last: 0,
            written: false,
        })
    }

    /// A line for a session, or what it has to wait for. `left` is told when the last session of an account is gone.
    pub fn enter(
        &self,
        account: AccountId,
        kind: Kind,
        left: Option<&tokio::sync::mpsc::UnboundedSender<AccountId>>,
    ) -> Result<Stay, watch::Receiver<Signal>> {
        self.with(|rooms| {
            let room = Floor::room(rooms, account);
            let signal = *room.signal.borrow();
            match signal {
                Signal::Free => {}
                Signal::Asked(ask) if ask.round == 0 && kind.may_enter_round_0() => {}
                Signal::Asked(_) | Signal::Fenced => return Err(room.signal.subscribe()),
            }
            room.last += 1;
            room.sessions.insert(room.last, Guest { kind, answered: None });
            Ok(Stay {
                floor: self.clone(),
                account,
                number: room.last,
                kind,
                signal: room.signal.subscribe(),
                answered: None,
                left: left.cloned(),
            })
        })
    }

    /// Asks all sessions of an account, and those that will come. What was asked already, or is over, is not asked again: a node
    /// that holds an account signals it itself, and reads of it in the directory as well, a moment later.
    pub fn ask(&self, account: AccountId, ask: Ask) {
        self.with(|rooms| {
            let room = Floor::room(rooms, account);
            if ask.token <= room.over {
                return;
            }
            room.signal.send_if_modified(|now| {
                let news = !matches!(now, Signal::Asked(before) if *before >= ask);
                if news {
                    *now = Signal::Asked(ask);
                }
                news
            });
        });
    }

    /// The hold with this token is over: its sessions go on.
    pub fn free(&self, account: AccountId, token: ModSeq) {
        self.with(|rooms| {
            let room = Floor::room(rooms, account);
            room.over = room.over.max(token);
            room.signal.send_if_modified(|now| {
                let ends = matches!(now, Signal::Asked(ask) if ask.token <= token);
                if ends {
                    *now = Signal::Free;
                }
                ends
            });
            if *room.signal.borrow() == Signal::Free && room.sessions.is_empty() && !room.written {
                rooms.remove(&account);
            }
        });
    }

    /// Ends every session of this process: others may believe that they have ended. Those that come later are new ones.
    pub fn fence(&self) {
        self.with(|rooms| {
            for room in rooms.values_mut() {
                room.signal.send_replace(Signal::Fenced);
                // Whoever has the old one has heard the last of it.
                room.signal = watch::Sender::new(Signal::Free);
                room.written = false;
            }
        });
    }

    /// Sessions of this process may go on for so long from `from`, where others count on hearing from it.
    pub fn valid_for(&self, term: Duration, from: Instant) {
        *self.valid.lock().unwrap_or_else(PoisonError::into_inner) = Some(from + term);
    }

    /// This node has said that it lives, and others count on it.
    pub fn has_term(&self) -> bool {
        self.valid.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn is_valid(&self) -> bool {
        self.valid.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|until| Instant::now() < until)
    }

    /// How far the sessions of an account are with what was asked.
    pub fn count(&self, account: AccountId, ask: Ask) -> Count {
        self.with(|rooms| {
            let Some(room) = rooms.get(&account) else { return Count::default() };
            let mut count = Count::default();
            for guest in room.sessions.values() {
                match guest.kind {
                    // Round 0 asks nothing of those that can be parked.
                    Kind::Parks | Kind::Local if ask.round == 0 => {}
                    _ if guest.answered.is_some_and(|a| a.token == ask.token && a.round >= ask.round) => {
                        count.parked += 1
                    }
                    _ => count.open += 1,
                }
            }
            count
        })
    }

    /// Sessions of an account, by kind.
    pub fn sessions(&self, account: AccountId, kind: Kind) -> usize {
        self.with(|rooms| {
            rooms.get(&account).map_or(0, |room| room.sessions.values().filter(|guest| guest.kind == kind).count())
        })
    }

    /// Resolves when a session of the account has answered or left since `moved` was taken.
    pub fn moved(&self, account: AccountId) -> Arc<Notify> {
        self.with(|rooms| Floor::room(rooms, account).moved.clone())
    }

    /// Whether the directory has this node's line for the account.
    pub fn is_written(&self, account: AccountId) -> bool {
        self.with(|rooms| rooms.get(&account).is_some_and(|room| room.written))
    }

    /// The directory has it, or not any more.
    pub fn set_written(&self, account: AccountId, written: bool) {
        self.with(|rooms| {
            let room = Floor::room(rooms, account);
            room.written = written;
            if !written && room.sessions.is_empty() && *room.signal.borrow() == Signal::Free {
                rooms.remove(&account);
            }
        });
    }

    /// No session of the account is left.
    pub fn is_empty(&self, account: AccountId) -> bool {
        self.with(|rooms| rooms.get(&account).is_none_or(|room| room.sessions.is_empty()))
    }

    fn answer(&self, account: AccountId, number: u64, ask: Ask) {
        self.with(|rooms| {
            let Some(room) = rooms.get_mut(&account) else { return };
            if let Some(guest) = room.sessions.get_mut(&number) {
                guest.answered = Some(ask);
            }
            room.moved.notify_waiters();
        });
    }

    fn leave(&self, account: AccountId, number: u64) -> bool {
        self.with(|rooms| {
            let Some(room) = rooms.get_mut(&account) else { return false };
            let was = room.sessions.remove(&number).is_some();
            room.moved.notify_waiters();
            let last = was && room.sessions.is_empty();
            if last && !room.written && *room.signal.borrow() == Signal::Free {
                rooms.remove(&account);
            }
            last
        })
    }
}

impl Stay {
    /// Whose session it is.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// How it takes a hold.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is said now. Asked before each command that changes something elsewhere: a process that slept past its time may not
    /// have heard yet that its sessions have ended.
    pub fn signal(&self) -> Signal {
        if self.floor.is_valid() { *self.signal.borrow() } else { Signal::Fenced }
    }

    /// Something is asked that this session did not yet answer, and that concerns its kind.
    pub fn asked(&self) -> Option<Ask> {
        match self.signal() {
            Signal::Asked(ask) if self.answered != Some(ask) && !(ask.round == 0 && self.kind != Kind::Finishes) => {
                Some(ask)
            }
            _ => None,
        }
    }

    /// Waits until something is asked ([`Stay::asked`]) or the session must end ([`Signal::Fenced`]). Can be dropped and
    /// called again.
    pub async fn disturbed(&mut self) -> Signal {
        loop {
            match self.signal() {
                Signal::Fenced => return Signal::Fenced,
                Signal::Asked(_) => {
                    if let Some(ask) = self.asked() {
                        return Signal::Asked(ask);
                    }
                }
                Signal::Free => {}
            }
            if self.signal.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits, parked, for what comes after the answer: another round, the end of the hold, or the end of all. Can be dropped
    /// and called again.
    pub async fn parked(&mut self) -> Signal {
        match self.answered {
            Some(ask) => self.beyond(ask).await,
            None => self.signal(),
        }
    }

    /// Waits until something else is said than `ask`. Can be dropped and called again.
    pub async fn beyond(&mut self, ask: Ask) -> Signal {
        loop {
            let signal = self.signal();
            if signal != Signal::Asked(ask) {
                return signal;
            }
            if self.signal.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until a session that cannot be parked has to end, finished or not: round 0 lets it go on. Can be dropped and called
    /// again.
    pub async fn must_end(&mut self) {
        loop {
            match self.disturbed().await {
                Signal::Asked(ask) if ask.round == 0 => drop(self.beyond(ask).await),
                Signal::Asked(_) | Signal::Fenced => return,
                Signal::Free => {}
            }
        }
    }

    /// Has done what was asked.
    pub fn answer(&mut self, ask: Ask) {
        self.answered = Some(ask);
        self.floor.answer(self.account, self.number, ask);
    }

    /// The session is of another kind from now on: it was relayed, and is served here after the hand-over.
    pub fn set_kind(&mut self, kind: Kind) {
        self.kind = kind;
        self.floor.with(|rooms| {
            let guest = rooms.get_mut(&self.account).and_then(|room| room.sessions.get_mut(&self.number));
            if let Some(guest) = guest {
                guest.kind = kind;
            }
        });
    }
}

impl Stay {
    /// Is no session after all: holds do not wait for it.
    pub(crate) fn step_back(&mut self) {
        // No session has that number.
        let number = std::mem::take(&mut self.number);
        if self.floor.leave(self.account, number)
            && let Some(left) = &self.left
        {
            // Nobody listens any more when the process ends.
            let _ = left.send(self.account);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.step_back();
    }
}
