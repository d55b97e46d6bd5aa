//! Runs requests on one thread of the store's own for callers that block, a bounded number at a time.
//!
//! A caller may be a thread of the blocking pool, a plain one, or (in tests) one that drives a runtime: it waits on a
//! plain channel. It gets leave before it reads the bytes to send, so that memory is bounded by the requests under way.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// Requests under way, all callers together.
const AT_ONCE: usize = 16;

/// Beyond what a request may take by itself, so that its own error is the one that is told.
const MARGIN: Duration = Duration::from_secs(5);

pub(super) struct Requests {
    /// Only `None` while it is dropped.
    runtime: Option<Runtime>,
    free: Arc<Free>,
    limit: Duration,
}

/// How many more requests may begin.
struct Free {
    places: Mutex<usize>,
    given_back: Condvar,
}

/// A place among the requests under way, given back when it is dropped.
struct Place(Arc<Free>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.places.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

impl Requests {
    /// `limit`: what a request takes at most.
    pub fn new(limit: Duration) -> Result<Requests> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .thread_name("object-storage")
            .enable_all()
            .build()
            .map_err(|e| Error::Internal(format!("no thread for the object storage: {e}")))?;
        let free = Arc::new(Free { places: Mutex::new(AT_ONCE), given_back: Condvar::new() });
        Ok(Requests { runtime: Some(runtime), free, limit })
    }

    /// Waits for a place, as long as a request may take.
    fn place(&self) -> Result<Place> {
        let places = self.free.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut places, waited) = self
            .free
            .given_back
            .wait_timeout_while(places, self.limit, |places| *places == 0)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(Error::Unavailable("too many requests wait for the object storage".into()));
        }
        *places -= 1;
        Ok(Place(self.free.clone()))
    }

    /// Runs one request, which `make` makes once there is leave for it.
    pub fn one<T, F>(&self, make: impl FnOnce() -> Result<F>) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut make = Some(make);
        let once = || Error::Internal("a request was made twice".into());
        let (mut done, result) = self.each(1, 1, |_| make.take().ok_or_else(once)?());
        result?;
        done.pop().flatten().ok_or_else(|| Error::Internal("a request has no answer".into()))
    }

    /// Runs `count` requests, at most `width` at a time: what each gave, and the error of one. No request begins after
    /// one has failed; those under way are waited for.
    pub fn each<T, F>(
        &self,
        count: usize,
        width: usize,
        mut make: impl FnMut(usize) -> Result<F>,
    ) -> (Vec<Option<T>>, Result<()>)
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let Some(runtime) = &self.runtime else { return (Vec::new(), Err(gone())) };
        let (sender, answers) = channel();
        let mut done: Vec<Option<T>> = (0..count).map(|_| None).collect();
        let mut result = Ok(());
        let (mut next, mut running) = (0, 0);
        loop {
            while result.is_ok() && running < width && next < count {
                let begun = self.place().and_then(|place| {
                    let (request, sender, n) = (make(next)?, sender.clone(), next);
                    runtime.spawn(async move {
                        let answer = request.await;
                        drop(place);
                        // Nobody listens any more if the caller has given up.
                        let _ = sender.send((n, answer));
                    });
                    Ok(())
                });
                match begun {
                    Ok(()) => (next, running) = (next + 1, running + 1),
                    Err(e) => result = Err(e),
                }
            }
            if running == 0 {
                return (done, result);
            }
            match answers.recv_timeout(self.limit + MARGIN) {
                Ok((n, Ok(value))) => {
                    if let Some(slot) = done.get_mut(n) {
                        *slot = Some(value);
                    }
                }
                Ok((_, Err(e))) => result = Err(e),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return (done, Err(gone())),
            }
            running -= 1;
        }
    }
}

fn gone() -> Error {
    Error::Unavailable("a request to the object storage was lost".into())
}

impl Drop for Requests {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The store may be dropped on a runtime's thread, which must not wait for another's.
            runtime.shutdown_background();
        }
    }
}
