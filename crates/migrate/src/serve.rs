//! The server's part: takes moves that nobody runs, its own and those of nodes that fell silent, and runs them.

use std::time::Duration;

use sterna_store::{JobKind, Lease};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::cancel::Cancel;
use crate::error::Result;
use crate::mover::Mover;
use crate::patience;
use crate::progress::Progress;
use crate::record::Record;

/// Moves of one node that copy at the same time; those that follow do not count.
const MAX_COPYING: usize = 8;

/// Moves of one node in all.
const MAX_RUNS: usize = 4_096;

/// Time between two looks for work; the node's own is taken at once.
const POLL: Duration = Duration::from_secs(1);

/// The same where the last look found as much as there was room for.
const POLL_FULL: Duration = Duration::from_millis(100);

/// One move at work.
struct Run {
    cancel: Cancel,
    progress: watch::Receiver<Progress>,
    task: AbortHandle,
}

impl Run {
    fn is_copying(&self) -> bool {
        matches!(&*self.progress.borrow().state, "planned" | "seeding" | "failed")
    }
}

impl Mover {
    /// Runs moves until `cancel` is thrown, then stops them cleanly: each is free for another node at once. Returns when
    /// nothing of them is left.
    pub async fn serve(&self, cancel: &Cancel) {
        let (mut tasks, mut runs) = (JoinSet::new(), Vec::<Run>::new());
        if let Err(error) = cancel.or(patience::patiently(|| self.adopt())).await {
            tracing::warn!(%error, "cannot look for moves without a job");
        }
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            runs.retain(|run| !run.task.is_finished());
            let copying = runs.iter().filter(|run| run.is_copying()).count();
            let room = MAX_COPYING.saturating_sub(copying).min(MAX_RUNS.saturating_sub(runs.len()));
            let taken = match room {
                0 => Vec::new(),
                _ => self.store.claim(JobKind::Move, room, self.term).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "cannot look for moves to run");
                    Vec::new()
                }),
            };
            pause = if taken.len() == room { POLL_FULL } else { POLL };
            for lease in taken {
                runs.push(self.spawn(&mut tasks, lease));
            }
        }
        runs.iter().for_each(|run| run.cancel.cancel());
        while tasks.join_next().await.is_some() {}
    }

    fn spawn(&self, tasks: &mut JoinSet<()>, lease: Lease) -> Run {
        let (sender, progress) = watch::channel(Progress { state: "planned".into(), ..Progress::default() });
        let (mover, cancel) = (self.clone(), Cancel::new());
        let stop = cancel.clone();
        let task = tasks.spawn(async move {
            tracing::info!(account = %lease.account, "a move is taken up");
            if let Err(error) = mover.run_leased(&lease, &stop, sender).await {
                tracing::info!(account = %lease.account, %error, "a move has ended");
            }
        });
        Run { cancel, progress, task }
    }

    /// Makes jobs of moves that should go on and have none: a version before there were jobs planned them, or they gave
    /// up on a source that may be back.
    pub(crate) async fn adopt(&self) -> Result<()> {
        for stored in self.store.moves().await? {
            match Record::read(&stored) {
                Ok(record) if record.goes_on() => {
                    self.store.add_job(stored.account, JobKind::Move).await?;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(account = %stored.account, %error, "a move is left alone"),
            }
        }
        Ok(())
    }
}
