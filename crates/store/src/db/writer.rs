//! The writer of one database: takes what waits, runs it as one transaction, answers after the fsync.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use tokio::sync::oneshot;

use super::backend::Place;
use super::conn::Conn;
use super::{Database, Tx};
use crate::error::{Error, Result};

/// Closures in one transaction at most: bounds how long the first of them waits for the last. PostgreSQL keeps 64
/// subtransactions at hand; with more, every snapshot of other sessions becomes slower.
const GROUP: usize = 64;

/// What waits, and whether a thread is at work on it.
#[derive(Default)]
pub(super) struct Queue {
    pub waiting: VecDeque<Job>,
    pub running: bool,
}

/// Runs the caller's closure and keeps its result until the commit is known; given an error, it runs nothing.
type Run = Box<dyn FnOnce(Result<&Tx<'_>>) -> (Result<()>, Answer) + Send>;
type Answer = Box<dyn FnOnce(Result<()>) + Send>;

pub(super) struct Job(Run);

/// Packs a closure so that its result is sent only when its transaction is durable.
pub(super) fn job<T, F>(f: F) -> (Job, oneshot::Receiver<Result<T>>)
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let run: Run = Box::new(move |tx| {
        let panicked = |_| Err(Error::Internal("a transaction panicked".into()));
        let result = tx.and_then(|tx| catch_unwind(AssertUnwindSafe(|| f(tx))).unwrap_or_else(panicked));
        let outcome = result.as_ref().map(|_| ()).map_err(Error::clone);
        let answer: Answer = Box::new(move |committed: Result<()>| {
            // The caller may have gone (its connection closed); the write stands all the same.
            let _ = sender.send(committed.and(result));
        });
        (outcome, answer)
    });
    (Job(run), receiver)
}

impl Database {
    /// Starts the writer, which works until nothing waits. At most one is at work for each database of this process.
    pub(super) fn start_writer(self: &Arc<Self>) {
        if let Some(place) = self.backend.try_place() {
            self.clone().spawn_writer(place);
            return;
        }
        let db = self.clone();
        tokio::spawn(async move {
            match db.backend.place().await {
                Ok(place) => db.spawn_writer(place),
                Err(e) => {
                    let waiting = {
                        let mut queue = db.queue.lock().unwrap_or_else(PoisonError::into_inner);
                        queue.running = false;
                        std::mem::take(&mut queue.waiting)
                    };
                    refuse(waiting, &e);
                }
            }
        });
    }

    fn spawn_writer(self: Arc<Self>, place: Place) {
        tokio::task::spawn_blocking(move || {
            let _place = place;
            self.run_writer();
        });
    }

    fn run_writer(&self) {
        loop {
            let group: Vec<Job> = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if queue.waiting.is_empty() {
                    queue.running = false;
                    return;
                }
                let n = queue.waiting.len().min(GROUP);
                queue.waiting.drain(..n).collect()
            };
            self.run_group(group);
        }
    }

    fn run_group(&self, group: Vec<Job>) {
        let conn = match self.backend.begin_write(self) {
            Ok(conn) => conn,
            Err(e) => return refuse(group, &e),
        };
        let mut answers = Vec::with_capacity(group.len());
        let mut broken = None;
        let mut remaining = group.into_iter();
        for Job(run) in remaining.by_ref() {
            match self.run_one(&conn, run) {
                Ok(answer) => answers.push(answer),
                // The engine has given up the whole transaction (disk full, I/O error): nothing of the group is kept.
                Err((answer, e)) => {
                    answers.push((answer, Err(e.clone())));
                    broken = Some(e);
                    break;
                }
            }
        }
        let committed = match &broken {
            Some(e) => Err(e.clone()),
            None => conn.commit(self.account),
        };
        match &committed {
            Ok(modseq) => {
                self.backend.put_back(self.account, conn);
                self.advance(*modseq);
                self.backend.tell(self.account, *modseq);
            }
            // A connection in doubt is closed, which rolls back.
            Err(_) => drop(conn),
        }
        let committed = committed.map(|_| ());
        for (answer, own) in answers {
            answer(own.and(committed.clone()));
        }
        if let Some(e) = broken {
            refuse(remaining, &e);
        }
    }

    /// One closure under its savepoint. `Err` only if the engine ended the surrounding transaction.
    fn run_one(&self, conn: &Conn, run: Run) -> Result<(Answer, Result<()>), (Answer, Error)> {
        let tx = Tx::new(conn, self.account, &self.objects, self.clock.unix());
        let begun = conn.savepoint();
        let (outcome, answer) = run(Ok(&tx));
        let ended = begun.and_then(|()| match outcome {
            Ok(()) => conn.release(),
            Err(_) => conn.undo(),
        });
        match (ended, conn.in_transaction()) {
            (Ok(()), true) => Ok((answer, outcome)),
            (Err(e), _) => Err((answer, outcome.err().unwrap_or(e))),
            (Ok(()), false) => {
                Err((answer, outcome.err().unwrap_or_else(|| Error::Unavailable("the transaction was lost".into()))))
            }
        }
    }
}

/// Answers every job with `e` without running it.
fn refuse(group: impl IntoIterator<Item = Job>, e: &Error) {
    let mut refused = 0;
    for Job(run) in group {
        let (outcome, answer) = run(Err(e.clone()));
        answer(outcome);
        refused += 1;
    }
    tracing::error!(error = %e, refused, "the store cannot write");
}
