//! Moves at work, as those see them who asked for one.
//!
//! In the server the mover's own loop runs the moves, on whichever node takes them first: here they are only watched,
//! and whoever asked may go away. A command without a server runs the move itself, under the same lease.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sterna_core::AccountId;
use sterna_migrate::{Cancel, MoveOptions, Mover, Progress, Secret, SourceSpec};
use sterna_store::{JobKind, Lease, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Between two looks at a move that waits for its turn or runs on another node: first, and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(250));

/// Attempts to make an earlier run give way.
const SEIZE: usize = 100;

/// How a job ended; `None`: not yet.
pub(super) type Ended = Option<Result<(), String>>;

/// One move that somebody asked for.
#[derive(Clone)]
pub(super) struct Job {
    pub progress: watch::Receiver<Progress>,
    pub ended: watch::Receiver<Ended>,
}

impl Job {
    /// Waits for the end.
    pub async fn wait(&mut self) -> Result<(), String> {
        match self.ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            Err(_) => Err("the move ended unexpectedly; the log says more".into()),
        }
    }
}

/// A task that runs moves, and how to end it.
type Working = (Cancel, JoinHandle<()>);

/// All of them.
#[derive(Clone)]
pub(super) struct Jobs {
    store: Store,
    mover: Mover,
    /// What runs moves in this process: the server's loop, or the runs of a command.
    working: Arc<Mutex<Vec<Working>>>,
    /// The server's loop runs what is planned.
    serves: bool,
}

impl Jobs {
    pub fn new(store: Store, mover: Mover, serves: bool) -> Jobs {
        Jobs { store, mover, working: Arc::default(), serves }
    }

    /// Starts the server's loop. It goes on with the moves that a stop or a crash interrupted, here or on another node.
    pub fn serve(&self) {
        let (mover, cancel) = (self.mover.clone(), Cancel::new());
        let stop = cancel.clone();
        self.keep(cancel, tokio::spawn(async move { mover.serve(&stop).await }));
    }

    fn keep(&self, cancel: Cancel, task: JoinHandle<()>) {
        self.working.lock().unwrap_or_else(PoisonError::into_inner).push((cancel, task));
    }

    /// Plans a move and has it done. Started again, perhaps with another password, the new command holds.
    pub async fn start(
        &self,
        account: AccountId,
        source: SourceSpec,
        secret: Secret,
        options: MoveOptions,
    ) -> Result<Job> {
        let (progress, watched) = watch::channel(Progress { state: "planned".into(), ..Progress::default() });
        let (end, ended) = watch::channel(None);
        let job = Job { progress: watched, ended };
        if self.serves {
            self.seize(account, source, secret, options).await?;
            let jobs = self.clone();
            tokio::spawn(async move {
                let result = jobs.watch(account, progress).await;
                end.send_replace(Some(result));
            });
        } else {
            let lease = self.mover.plan(account, source, secret, options).await?;
            let (jobs, cancel) = (self.clone(), Cancel::new());
            let stop = cancel.clone();
            let task = tokio::spawn(async move {
                let result = jobs.run(&lease, &stop, progress).await;
                end.send_replace(Some(result));
            });
            self.keep(cancel, task);
        }
        Ok(job)
    }

    /// Plans a move in the server. An earlier run of it gives way; the loop may take it up again in that very moment.
    async fn seize(&self, account: AccountId, source: SourceSpec, secret: Secret, options: MoveOptions) -> Result<()> {
        for _ in 0..SEIZE {
            self.mover.stop(account).await;
            match self.mover.start(account, source.clone(), secret.clone(), options.clone()).await {
                Err(sterna_migrate::Error::Running(_)) => {}
                started => return Ok(started?),
            }
        }
        Err(Error::new("the move is being started by another command; run this one again"))
    }

    async fn run(&self, lease: &Lease, cancel: &Cancel, progress: watch::Sender<Progress>) -> Result<(), String> {
        self.mover.run_leased(lease, cancel, progress).await.map(drop).map_err(|e| e.to_string())
    }

    /// Passes progress on until the move is through, somebody must see to it, or nobody watches any more.
    async fn watch(&self, account: AccountId, progress: watch::Sender<Progress>) -> Result<(), String> {
        let mut pause = LOOKS.0;
        loop {
            if let Some(mut here) = self.mover.progress(account) {
                pause = LOOKS.0;
                loop {
                    let now = here.borrow_and_update().clone();
                    progress.send_replace(now);
                    tokio::select! {
                        changed = here.changed() => if changed.is_err() { break },
                        () = progress.closed() => return Ok(()),
                    }
                }
            }
            match self.outcome(account).await {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
                // The store is away for a moment; the move waits for it, too.
                Err(sterna_migrate::Error::Store(sterna_store::Error::Unavailable(_))) => {}
                Err(error) => return Err(error.to_string()),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LOOKS.1),
                () = progress.closed() => return Ok(()),
            }
        }
    }

    /// How a move came out that is no job any more; `None`: it still is one.
    async fn outcome(&self, account: AccountId) -> Result<Option<Result<(), String>>, sterna_migrate::Error> {
        if self.store.job(account, JobKind::Move).await?.is_some() {
            return Ok(None);
        }
        Ok(Some(match self.mover.status(account).await? {
            None => Err("the move was cancelled".to_owned()),
            Some(status) => status.record.failure.map_or(Ok(()), |failure| Err(failure.reason)),
        }))
    }

    /// Ends the run of an account that is about to be removed.
    pub async fn stop(&self, account: AccountId) -> Result<()> {
        // Without its job no loop takes it up again, here or elsewhere.
        self.store.remove_move(account).await.map_err(Error::from)?;
        self.mover.stop(account).await;
        Ok(())
    }

    /// Stops all that run here. They go on when they are started again, or on another node.
    pub async fn stop_all(&self) {
        let working = std::mem::take(&mut *self.working.lock().unwrap_or_else(PoisonError::into_inner));
        working.iter().for_each(|(cancel, _)| cancel.cancel());
        for (_, task) in working {
            let _ = task.await;
        }
    }
}
