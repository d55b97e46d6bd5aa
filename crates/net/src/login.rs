//! Whether a name and a password open an account. One value for all protocols, so that a guess counts everywhere.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sterna_store::{AccountRecord, Store};

use crate::Throttle;

/// Failures on one connection after which it should end.
const MAX_FAILED: u32 = 5;

/// The door. Clones share its memory of failures.
#[derive(Clone)]
pub struct Login {
    store: Store,
    throttle: Arc<Throttle>,
    delay: Duration,
}

/// Why nobody was let in. Each protocol has its own words for these.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefused {
    /// Wrong name or password; the connection may try again. Told after a delay.
    #[error("wrong user name or password")]
    Wrong,
    /// The same, too often on this connection: it should end.
    #[error("too many failed logins")]
    WrongTooOften,
    /// Not even looked at: too many failures from this address.
    #[error("too many failed logins, try again later")]
    Throttled,
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] sterna_store::Error),
}

impl Login {
    /// `delay` is how long the first failure of an address waits for its answer; each further one waits longer.
    pub fn new(store: Store, delay: Duration) -> Login {
        Login { store, throttle: Arc::default(), delay }
    }

    /// Verifies a password. `failed` counts the failures of the connection; the caller starts it at 0.
    ///
    /// Takes the same time for an unknown name, and longer after each failure. The password is never logged.
    pub async fn verify(
        &self,
        ip: IpAddr,
        user: &[u8],
        password: &[u8],
        failed: &mut u32,
    ) -> Result<AccountRecord, LoginRefused> {
        let name = Login::name(user);
        self.may_try(ip, &name)?;
        match self.find(&name, password).await? {
            Some(record) => {
                self.succeeded(&name);
                Ok(record)
            }
            None => Err(self.failed(ip, &name, failed).await),
        }
    }

    /// The name that a client gave, as failures are remembered under.
    pub fn name(user: &[u8]) -> String {
        String::from_utf8_lossy(user).trim().to_owned()
    }

    /// Fails if nobody is heard from this address, or for this name, now.
    pub fn may_try(&self, ip: IpAddr, name: &str) -> Result<(), LoginRefused> {
        if self.throttle.allows(ip, name, Instant::now()) {
            return Ok(());
        }
        tracing::warn!("too many failed logins");
        Err(LoginRefused::Throttled)
    }

    /// The account whose name and password these are, by what the store knows; nothing is remembered of the attempt.
    pub async fn find(&self, name: &str, password: &[u8]) -> Result<Option<AccountRecord>, LoginRefused> {
        match std::str::from_utf8(password) {
            Ok(password) => Ok(self.store.verify(name, password).await?),
            Err(_) => Ok(None),
        }
    }

    /// The password was right.
    pub fn succeeded(&self, name: &str) {
        self.throttle.succeeded(name);
    }

    /// It was not: remembers that, and returns when the client may be told.
    pub async fn failed(&self, ip: IpAddr, name: &str, failed: &mut u32) -> LoginRefused {
        let factor = self.throttle.failed(ip, name, Instant::now());
        tracing::info!(user = %name.chars().take(100).collect::<String>(), "login failed");
        tokio::time::sleep(self.delay.saturating_mul(factor)).await;
        *failed += 1;
        if *failed >= MAX_FAILED { LoginRefused::WrongTooOften } else { LoginRefused::Wrong }
    }
}
