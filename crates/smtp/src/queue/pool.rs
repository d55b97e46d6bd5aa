//! Connections that wait a moment for the next message to the same hop.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Connection;

/// Messages over one connection: servers get suspicious of endless ones, and another exchanger deserves its share.
const MAX_MESSAGES: u32 = 100;
/// Connections that wait at most, of all hops.
const MAX_WARM: usize = 64;

/// A connection with what is known of it.
pub(super) struct Warm {
    pub connection: Connection,
    /// The server's name, for reports.
    pub by: String,
    /// Messages that it has carried.
    pub carried: u32,
}

pub(super) struct Pool {
    idle: Mutex<HashMap<String, Vec<(Instant, Warm)>>>,
    keep: Duration,
}

impl Pool {
    pub fn new(keep: Duration) -> Pool {
        Pool { idle: Mutex::default(), keep }
    }

    /// The one that waited least.
    pub fn take(&self, hop: &str) -> Option<Warm> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(hop)?;
        let (since, warm) = waiting.pop()?;
        if waiting.is_empty() {
            idle.remove(hop);
        }
        (since.elapsed() < self.keep).then_some(warm)
    }

    /// Keeps a connection, or gives it back to be closed.
    pub fn put(&self, hop: &str, warm: Warm) -> Option<Warm> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.carried >= MAX_MESSAGES || idle.values().map(Vec::len).sum::<usize>() >= MAX_WARM {
            return Some(warm);
        }
        idle.entry(hop.to_owned()).or_default().push((Instant::now(), warm));
        None
    }

    /// Takes out those that have waited long enough, or all.
    pub fn expired(&self, all: bool) -> Vec<Warm> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::new();
        for waiting in idle.values_mut() {
            let old = waiting.extract_if(.., |(since, _)| all || since.elapsed() >= self.keep);
            out.extend(old.map(|(_, warm)| warm));
        }
        idle.retain(|_, waiting| !waiting.is_empty());
        out
    }

    /// Whether any waits.
    pub fn is_empty(&self) -> bool {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Takes leave of connections, all at once.
pub(super) async fn quit(all: Vec<Warm>) {
    futures_util::future::join_all(all.into_iter().map(|warm| warm.connection.quit())).await;
}
