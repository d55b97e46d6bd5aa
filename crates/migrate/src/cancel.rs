//! A switch that stops a move cleanly: what is committed stays, the next run goes on from there.

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Cloneable; every clone sees the same switch. Once cancelled it stays so.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Cancel::new()
    }
}

impl Cancel {
    /// A switch that is not thrown.
    pub fn new() -> Cancel {
        Cancel(watch::Sender::new(false))
    }

    /// Stops everything that watches this switch.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was thrown.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is thrown.
    pub async fn cancelled(&self) {
        let mut seen = self.0.subscribe();
        // The sender lives in `self`: waiting cannot fail before it is thrown.
        let _ = seen.wait_for(|thrown| *thrown).await;
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Runs `work` until it ends or the switch is thrown.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(Error::Cancelled),
            result = work => result,
        }
    }
}
