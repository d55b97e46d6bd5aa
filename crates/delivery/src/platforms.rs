//! Where mail for a platform's mailboxes goes, as its operator said; known without asking for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sterna_frontdoor::Settings;
use sterna_store::{Result, Store};

use crate::Refusal;

/// A platform is read again after this time.
const FRESH: Duration = Duration::from_secs(2);

/// Between two warnings of the log about one platform.
const QUIET: Duration = Duration::from_secs(60);

/// The platforms that mail went to lately.
#[derive(Default)]
pub(crate) struct Platforms(Mutex<HashMap<String, Known>>);

struct Known {
    read: Instant,
    /// `None`: there was no way.
    deliver: Option<String>,
}

impl Platforms {
    /// The route of mail for a platform's mailboxes. Without one it waits: an operator who forgot it has lost nothing.
    pub async fn route(&self, store: &Store, name: &str) -> Result<Result<String, Refusal>> {
        if let Some(route) = self.known(name) {
            return Ok(Ok(route));
        }
        let (deliver, why) = match store.platform(name).await? {
            None => (None, "there is no such platform".to_owned()),
            Some(record) => match serde_json::from_str::<Settings>(&record.settings) {
                Ok(settings) => (
                    settings.deliver,
                    format!("it says nowhere to deliver; \"sterna platform set {name} --deliver URL\""),
                ),
                Err(error) => (None, format!("its settings cannot be read: {error}")),
            },
        };
        if self.put(name, deliver.clone()) {
            tracing::warn!(platform = name, why, "mail for a platform waits");
        }
        Ok(deliver.ok_or_else(|| Refusal::new(451, "4.3.5", "no way to the mailbox's platform is configured yet")))
    }

    fn known(&self, name: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|known| known.read.elapsed() < FRESH)?.deliver.clone()
    }

    /// Remembers; whether the log should say that there is no way.
    fn put(&self, name: &str, deliver: Option<String>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = known.get(name).is_some_and(|known| known.deliver.is_none() && known.read.elapsed() < QUIET);
        if deliver.is_none() && told {
            return false;
        }
        let tell = deliver.is_none();
        known.insert(name.to_owned(), Known { read: Instant::now(), deliver });
        tell
    }
}
