//! Messages that are queued at the same time go in together: one transaction with a handful of statements for all of them. Across
//! a network every statement costs a round trip, and every transaction of any node waits for the directory's one lock.
//!
//! One group is written at a time; what comes meanwhile is the next. [`Store::enqueue`] calls this for bodies that are rows. It
//! must never let one caller's message fail another's: what a statement could refuse is refused before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::{NewQueued, QueueId};
use crate::error::{Error, Result};
use crate::store::Store;

/// Messages of one group at most …
const GROUP: usize = 100;

/// … and recipients, after which no further message joins it.
const GROUP_RECIPIENTS: usize = 2000;

/// What waits to be queued by this process.
#[derive(Default)]
pub(super) struct Gathering {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Held while a group is written.
    turn: Arc<tokio::sync::Mutex<()>>,
}

struct Waiting {
    message: NewQueued,
    answer: oneshot::Sender<Result<QueueId>>,
}

impl Gathering {
    fn join(&self, message: NewQueued) -> oneshot::Receiver<Result<QueueId>> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(Waiting { message, answer });
        answered
    }

    /// The next group; those whose callers have gone are not queued.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut group, mut recipients) = (Vec::new(), 0);
        while group.len() < GROUP && recipients < GROUP_RECIPIENTS {
            let Some(next) = waiting.pop_front() else { break };
            if !next.answer.is_closed() {
                recipients += next.message.recipients.len();
                group.push(next);
            }
        }
        group
    }
}

impl Store {
    /// Queues a message together with those of other callers.
    pub(super) async fn enqueue_gathered(&self, message: NewQueued) -> Result<QueueId> {
        let gathering = &self.queue_desk().gathering;
        let mut answered = gathering.join(message);
        loop {
            // Who has the turn writes for those who wait behind it, too.
            let turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.unwrap_or_else(|_| Err(gone())),
                turn = Arc::clone(&gathering.turn).lock_owned() => turn,
            };
            let group = gathering.take();
            if !group.is_empty() {
                // A task: a caller that goes away must not take the others' answers with it.
                tokio::spawn(self.clone().write_group(group, turn));
            }
        }
    }

    async fn write_group(self, group: Vec<Waiting>, turn: OwnedMutexGuard<()>) {
        let (messages, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|w| (w.message, w.answer)).unzip();
        let written = self.queue_write(move |tx| tx.enqueue_all(&messages)).await;
        // All is told, and the store is let go, before the callers go on: they may close it at once.
        self.tell_queue_changed();
        drop(self);
        match written {
            Ok(ids) => answers.into_iter().zip(ids).for_each(|(answer, id)| drop(answer.send(Ok(id)))),
            Err(e) => answers.into_iter().for_each(|answer| drop(answer.send(Err(e.clone())))),
        }
        drop(turn);
    }
}

fn gone() -> Error {
    Error::Internal("the store is shutting down".into())
}
