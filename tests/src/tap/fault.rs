//! What a relay does wrong at present, and how often it really did. Asked by the threads of the relay for every
//! connection, piece and request; it never lets a thread wait for a connection that is gone.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::relay::{Direction, Link};

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// New connections are closed at once. Open ones go on; [`super::Tap::cut`] ends them.
    Refuse,
    /// Connections are accepted and stay open, but nothing passes in either direction. When the fault is lifted, what was
    /// held arrives late, as after a network's hiccup.
    Stall,
    /// A connection is lost when this many bytes of a request (all that a client sends in one turn) have passed.
    CutRequest(u64),
    /// A connection is lost when this many bytes of an answer (all that a server sends in one turn) have passed; with 0
    /// the server has done the work and the client is not told.
    CutAnswer(u64),
    /// HTTP requests are read to their end and answered with this status; the server sees nothing of them.
    Status(u16),
}

/// The present fault of one relay.
#[derive(Debug, Default)]
pub(super) struct Faults {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// How often it is still to be met; `u64::MAX` is for ever.
    left: u64,
    met: u64,
    /// Grows with every change, so that a stalled connection knows whether its stall still holds.
    generation: u64,
    latency: Duration,
}

impl State {
    /// Counts one meeting, if the fault is `wanted` and not used up.
    fn take(&mut self, wanted: impl Fn(Fault) -> bool) -> bool {
        let met = self.left > 0 && self.fault.is_some_and(wanted);
        if met {
            self.met += 1;
            self.left -= u64::from(self.left != u64::MAX);
        }
        met
    }
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of a relay panics")
    }

    /// Replaces the fault and starts to count anew.
    pub(super) fn set(&self, fault: Fault, times: u64) {
        let mut state = self.state();
        *state =
            State { fault: Some(fault), left: times, met: 0, generation: state.generation + 1, latency: state.latency };
        self.changed.notify_all();
    }

    /// Everything passes again; the count stays.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.fault = None;
        state.generation += 1;
        self.changed.notify_all();
    }

    pub(super) fn met(&self) -> u64 {
        self.state().met
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    pub(super) fn latency(&self) -> Duration {
        self.state().latency
    }

    /// Wakes the stalled threads, so that they see that their connection is gone.
    pub(super) fn wake(&self) {
        // Under the lock: a thread between its look at the connection and its wait would miss it.
        let _state = self.state();
        self.changed.notify_all();
    }

    /// Whether a new connection is to be closed.
    pub(super) fn refuses(&self) -> bool {
        self.state().take(|fault| fault == Fault::Refuse)
    }

    /// Waits while the connection is stalled.
    pub(super) fn hold(&self, link: &Link) {
        let mut state = self.state();
        if link.stalled() != state.generation {
            if !state.take(|fault| fault == Fault::Stall) {
                return;
            }
            link.set_stalled(state.generation);
        }
        while state.generation == link.stalled() && !link.is_cut() {
            state = self.changed.wait(state).expect("no thread of a relay panics");
        }
    }

    /// The status to answer a request with, instead of forwarding it.
    pub(super) fn status(&self) -> Option<u16> {
        let mut state = self.state();
        let Some(Fault::Status(status)) = state.fault else { return None };
        state.take(|_| true).then_some(status)
    }

    /// How many of the `next` bytes still pass before the connection is cut, after `before` bytes of the same turn; `None`
    /// if it is not to be cut.
    pub(super) fn cut(&self, direction: Direction, before: u64, next: u64) -> Option<u64> {
        let mut state = self.state();
        let limit = match (state.fault, direction) {
            (Some(Fault::CutRequest(limit)), Direction::Request) => limit,
            (Some(Fault::CutAnswer(limit)), Direction::Answer) => limit,
            _ => return None,
        };
        (before + next > limit && state.take(|_| true)).then(|| limit.saturating_sub(before))
    }
}
