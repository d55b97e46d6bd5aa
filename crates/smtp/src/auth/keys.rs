//! The keys that mail is signed with, opened and kept for a minute: unsealing and parsing one for every message would
//! cost more than signing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail_auth::crypto::{Algorithm, DkimKey as Opened, Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::headers::Writable;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sterna_store::{DkimAlgorithm, DkimKey, DkimState, Store};
use tokio::sync::Mutex;

/// How long a key that was retired may still be used.
const KEPT: Duration = Duration::from_secs(60);
/// Domains whose keys are kept; beyond, all are read again.
const DOMAINS: usize = 10_000;

/// An opened key of a domain.
pub(super) struct Key {
    pub(super) selector: String,
    pub(super) secret: Secret,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("selector", &self.selector).finish_non_exhaustive()
    }
}

/// A shared secret: mail-auth's signers want to own theirs.
#[derive(Clone)]
pub(super) struct Secret(Arc<Opened>);

impl SigningKey for Secret {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

/// What was read of a domain, and when.
type Kept = (Instant, Arc<[Key]>);

/// The keys of the domains that signed lately.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    kept: Mutex<HashMap<String, Kept>>,
}

impl Keyring {
    /// The active keys of a domain (A-labels).
    pub(super) async fn of(&self, store: &Store, domain: &str) -> sterna_store::Result<Arc<[Key]>> {
        if let Some((read, keys)) = self.kept.lock().await.get(domain)
            && read.elapsed() < KEPT
        {
            return Ok(keys.clone());
        }
        let keys = store.dkim_keys(domain).await?;
        let keys: Arc<[Key]> = keys.iter().filter(|key| key.state == DkimState::Active).filter_map(open).collect();
        let mut kept = self.kept.lock().await;
        if kept.len() >= DOMAINS {
            kept.clear();
        }
        kept.insert(domain.to_owned(), (Instant::now(), keys.clone()));
        Ok(keys)
    }
}

/// A key that cannot be opened must not stop the mail: it goes out with the others, or unsigned.
fn open(key: &DkimKey) -> Option<Key> {
    let opened = match key.algorithm {
        DkimAlgorithm::Ed25519 => Ed25519Key::from_pkcs8_der(&key.secret).map(Opened::from),
        DkimAlgorithm::Rsa2048 => {
            let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.secret.as_slice()));
            RsaKey::<Sha256>::from_key_der(secret).map(Opened::from)
        }
    };
    match opened {
        Ok(opened) => Some(Key { selector: key.selector.clone(), secret: Secret(Arc::new(opened)) }),
        Err(error) => {
            tracing::error!(domain = key.domain, selector = key.selector, %error, "a DKIM key cannot be opened");
            None
        }
    }
}
