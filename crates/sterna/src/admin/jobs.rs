//! Moves at work in this process. A job belongs to the process and not to the request that started it: whoever asked
//! may go away, ask again, and watch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sterna_core::AccountId;
use sterna_migrate::{Cancel, Mover, Progress};
use tokio::sync::{Semaphore, watch};

/// Moves that copy at the same time; those that follow for good do not count.
const MAX_COPYING: usize = 8;

/// How a job ended; `None`: not yet.
pub(super) type Ended = Option<Result<(), String>>;

/// One move at work.
#[derive(Clone)]
pub(super) struct Job {
    cancel: Cancel,
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

/// All of them.
#[derive(Clone)]
pub(super) struct Jobs {
    mover: Mover,
    running: Arc<Mutex<HashMap<AccountId, Job>>>,
    places: Arc<Semaphore>,
}

impl Jobs {
    pub fn new(mover: Mover) -> Jobs {
        Jobs { mover, running: Arc::default(), places: Arc::new(Semaphore::new(MAX_COPYING)) }
    }

    /// The job of an account, if it is at work.
    pub fn get(&self, account: AccountId) -> Option<Job> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&account).filter(|job| job.ended.borrow().is_none()).cloned()
    }

    /// Starts the planned move of an account. The caller has stopped an earlier one.
    pub fn start(&self, account: AccountId, follow: bool) -> Job {
        let (progress, watched) = watch::channel(Progress { state: "planned".into(), ..Progress::default() });
        let (end, ended) = watch::channel(None);
        let job = Job { cancel: Cancel::new(), progress: watched, ended };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(account, job.clone());
        let (jobs, cancel) = (self.clone(), job.cancel.clone());
        tokio::spawn(async move {
            let result = jobs.run(account, follow, &cancel, progress).await;
            // Watchers first: nobody may find the job neither at work nor ended.
            end.send_replace(Some(result));
            let mut running = jobs.running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.get(&account).is_some_and(|job| job.ended.same_channel(&end.subscribe())) {
                running.remove(&account);
            }
        });
        job
    }

    async fn run(
        &self,
        account: AccountId,
        follow: bool,
        cancel: &Cancel,
        progress: watch::Sender<Progress>,
    ) -> Result<(), String> {
        let _place = if follow {
            None
        } else {
            tokio::select! {
                place = self.places.acquire() => place.ok(),
                () = cancel.cancelled() => return Err(sterna_migrate::Error::Cancelled.to_string()),
            }
        };
        self.mover.run(account, cancel, progress).await.map(|_| ()).map_err(|e| e.to_string())
    }

    /// Stops the job of an account and waits until it has.
    pub async fn stop(&self, account: AccountId) {
        if let Some(mut job) = self.get(account) {
            job.cancel.cancel();
            let _ = job.wait().await;
        }
    }

    /// Stops all.
    pub async fn stop_all(&self) {
        let jobs: Vec<Job> = self.running.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        jobs.iter().for_each(|job| job.cancel.cancel());
        for mut job in jobs {
            let _ = job.wait().await;
        }
    }
}
