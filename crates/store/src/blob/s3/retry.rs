//! Tries a request again until it is done, is refused for good, or the time for it is over.

use std::time::Duration;

use object_store::Error as S3Error;
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, Result};

/// The first pause; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
pub(super) struct Retry {
    /// For one attempt.
    pub timeout: Duration,
    /// From the first attempt until the last one may begin.
    pub retry_for: Duration,
}

impl Retry {
    /// No request takes longer.
    pub fn limit(&self) -> Duration {
        self.timeout + self.retry_for
    }

    /// Only one attempt.
    pub fn once(&self) -> Retry {
        Retry { retry_for: Duration::ZERO, ..*self }
    }

    /// What the first attempt that works gives. `what` is for the person who reads the error.
    pub async fn until_done<T, F>(self, what: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let end = Instant::now() + self.retry_for;
        let mut pause = FIRST_PAUSE;
        loop {
            let why = match timeout(self.timeout, attempt()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(e)) if is_final(&e) => return Err(unavailable(what, &e)),
                Ok(Err(e)) => unavailable(what, &e),
                Err(_) => unavailable(what, &"it does not answer in time"),
            };
            if Instant::now() + pause > end {
                tracing::error!(error = %why, "object storage");
                return Err(why);
            }
            tracing::warn!(error = %why, "object storage: trying again");
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }
}

/// Whether the same request would be answered the same way again.
fn is_final(e: &S3Error) -> bool {
    // Everything that is not told apart is `Generic`: server errors, lost connections, timeouts.
    !matches!(e, S3Error::Generic { .. } | S3Error::JoinError { .. })
}

fn unavailable(what: &str, why: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!("cannot {what} in the object storage: {why}"))
}
