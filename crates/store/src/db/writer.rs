//! The writer of one database: takes what waits, runs it as one transaction, answers after the fsync.

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::PoisonError;

use sterna_core::ModSeq;
use tokio::sync::oneshot;

use super::{Database, Tx};
use crate::error::{Error, Result};

/// Closures in one transaction at most: bounds how long the first of them waits for the last.
const GROUP: usize = 128;

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
    /// Works until nothing waits. Runs on a blocking thread; at most one at a time for each database.
    pub(super) fn run_writer(&self) {
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
        let conn = match self.pool.take(self.account, &self.file, self.schema) {
            Ok(conn) => conn,
            Err(e) => return refuse(group, &e),
        };
        if let Err(e) = conn.execute_batch("BEGIN IMMEDIATE") {
            return refuse(group, &e.into());
        }
        let mut answers = Vec::with_capacity(group.len());
        let mut dirs = BTreeSet::new();
        let mut broken = None;
        let mut remaining = group.into_iter();
        for Job(run) in remaining.by_ref() {
            match self.run_one(&conn, run, &mut dirs) {
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
            None => commit(&conn, &dirs),
        };
        match &committed {
            Ok(modseq) => {
                self.changes.send_if_modified(|last| std::mem::replace(last, *modseq) != *modseq);
                self.pool.put_back(self.account, conn);
            }
            // A connection in doubt is closed, which rolls back.
            Err(_) => drop(conn),
        }
        let committed = committed.map(|_| ());
        for (answer, own) in answers {
            answer(own.and(committed.clone()));
        }
        if let Some(e) = broken {
            refuse(remaining.collect(), &e);
        }
    }

    /// One closure under its savepoint. `Err` only if the engine ended the surrounding transaction.
    fn run_one(
        &self,
        conn: &rusqlite::Connection,
        run: Run,
        dirs: &mut BTreeSet<PathBuf>,
    ) -> Result<(Answer, Result<()>), (Answer, Error)> {
        let tx = Tx::new(conn, self.account, &self.home, self.clock.unix());
        let begun = conn.execute_batch("SAVEPOINT job");
        let (outcome, answer) = run(Ok(&tx));
        let ended = begun.and_then(|()| match outcome {
            Ok(()) => conn.execute_batch("RELEASE job"),
            Err(_) => conn.execute_batch("ROLLBACK TO job; RELEASE job"),
        });
        dirs.append(&mut tx.dirty_dirs.borrow_mut());
        match (ended, conn.is_autocommit()) {
            (Ok(()), false) => Ok((answer, outcome)),
            (Err(e), _) => Err((answer, outcome.err().unwrap_or_else(|| e.into()))),
            (Ok(()), true) => {
                Err((answer, outcome.err().unwrap_or_else(|| Error::Internal("transaction lost".into()))))
            }
        }
    }
}

/// Names before rows: a blob file's directory entry is durable before the transaction that refers to it.
fn commit(conn: &rusqlite::Connection, dirs: &BTreeSet<PathBuf>) -> Result<ModSeq> {
    for dir in dirs {
        crate::blob::sync_dir(dir)?;
    }
    let modseq: i64 = conn.prepare_cached("SELECT modseq FROM account_state")?.query_row([], |row| row.get(0))?;
    conn.execute_batch("COMMIT")?;
    Ok(ModSeq(modseq as u64))
}

/// Answers every job with `e` without running it.
fn refuse(group: Vec<Job>, e: &Error) {
    tracing::error!(error = %e, waiting = group.len(), "the store cannot write");
    for Job(run) in group {
        let (outcome, answer) = run(Err(e.clone()));
        answer(outcome);
    }
}
