//! Waits for a database from a thread that works synchronously, whether a runtime runs on it or not.
//!
//! `Handle::block_on` panics on a thread that drives a runtime, as a test's does; parking works on any.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// More than any transaction takes; the database's own limits are shorter.
const LIMIT: Duration = Duration::from_secs(120);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The future's result. What it waits for must be done by other threads.
pub(super) fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    // On a runtime's thread the task's budget would run out, because nothing here gives way to the scheduler.
    let mut future = pin!(tokio::task::unconstrained(future));
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Unavailable("the database does not answer".into()));
        }
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_of_a_runtime_may_wait_for_others() {
        for n in 0..1000 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let other = thread::spawn(move || sender.send(n));
            let got = wait(async { receiver.await.map_err(|e| Error::Internal(e.to_string())) });
            assert_eq!((got, other.join().unwrap()), (Ok(n), Ok(())));
        }
    }
}
