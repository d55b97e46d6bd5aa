//! The life of DKIM keys: made pending, used once their record is seen in the DNS, retired when a newer one is, and
//! forgotten a week later, when no mail signed with them is on its way any more.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_core::DateTime;
use sterna_store::{DkimAlgorithm, DkimKey, DkimState, Store};

use crate::dns::Resolver;

/// How long the record of a retired key stays of use, in seconds: longer than mail waits in a queue.
pub const RETIRED_FOR: i64 = 7 * 86_400;

/// The system could not make a key.
#[derive(Debug, thiserror::Error)]
#[error("no DKIM key could be made")]
pub struct GenerateError;

/// Makes a key of a domain, pending. RSA takes about a tenth of a second of computing.
pub fn generate(domain: &str, selector: &str, algorithm: DkimAlgorithm) -> Result<DkimKey, GenerateError> {
    let (secret, public) = match algorithm {
        DkimAlgorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().map_err(|_| GenerateError)?;
            let secret = pair.to_pkcs8v1().map_err(|_| GenerateError)?;
            (secret.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
        }
        DkimAlgorithm::Rsa2048 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| GenerateError)?;
            let secret = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| GenerateError)?;
            let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(|_| GenerateError)?;
            (secret.as_ref().to_vec(), public.as_ref().to_vec())
        }
    };
    Ok(DkimKey {
        domain: domain.to_owned(),
        selector: selector.to_owned(),
        algorithm,
        secret,
        public,
        state: DkimState::Pending,
        created: 0,
        changed: 0,
    })
}

/// The TXT record to publish (RFC 6376 §3.6.1): its name without the final dot, and its text, which zone files and
/// servers cut into strings of at most 255 characters.
pub fn record(key: &DkimKey) -> (String, String) {
    let kind = match key.algorithm {
        DkimAlgorithm::Ed25519 => "ed25519",
        DkimAlgorithm::Rsa2048 => "rsa",
    };
    let name = format!("{}._domainkey.{}", key.selector, key.domain);
    (name, format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(&key.public)))
}

/// Whether the DNS has the key's record, asked anew. A failure of the DNS is a no.
pub async fn published(resolver: &Resolver, key: &DkimKey) -> bool {
    let (name, _) = record(key);
    let texts = resolver.txt_anew(&name).await.found().unwrap_or_default();
    texts.iter().any(|text| carries(text, &key.public))
}

fn carries(text: &str, public: &[u8]) -> bool {
    let tags = text.split(';').filter_map(|tag| tag.split_once('='));
    let mut keys = tags.filter(|(name, _)| name.trim() == "p").map(|(_, value)| value);
    keys.next().is_some_and(|value| {
        let value: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(value).is_ok_and(|decoded| decoded == public)
    })
}

/// Begins a rotation: adds a pending key of each kind that the domain signs with, of both if it does not sign yet.
/// Kinds that have a pending key are left as they are. The new keys, whose records are to be published.
pub async fn rotate(store: &Store, domain: &str, now: i64) -> Result<Vec<DkimKey>, RotateError> {
    let keys = store.dkim_keys(domain).await?;
    let has = |algorithm, state| keys.iter().any(|key| key.algorithm == algorithm && key.state == state);
    let kinds = [DkimAlgorithm::Ed25519, DkimAlgorithm::Rsa2048];
    let signs = kinds.iter().any(|kind| has(*kind, DkimState::Active));
    let mut added = Vec::new();
    for kind in kinds {
        if has(kind, DkimState::Pending) || (signs && !has(kind, DkimState::Active)) {
            continue;
        }
        let (domain, selector) = (domain.to_owned(), free_selector(&keys, kind, now));
        let key = tokio::task::spawn_blocking(move || generate(&domain, &selector, kind)).await;
        let key = key.map_err(|_| GenerateError)??;
        store.add_dkim_key(key.clone()).await?;
        added.push(key);
    }
    Ok(added)
}

/// Goes on with a rotation: a pending key whose record is published becomes active and retires the older ones of its
/// kind, and keys retired for [`RETIRED_FOR`] are removed. To be called from time to time. Whether anything changed.
pub async fn advance(store: &Store, resolver: &Resolver, domain: &str, now: i64) -> Result<bool, RotateError> {
    let keys = store.dkim_keys(domain).await?;
    let mut changed = false;
    for key in &keys {
        match key.state {
            DkimState::Pending if published(resolver, key).await => {
                // First the new one: between the two steps mail is signed with both.
                store.set_dkim_state(domain, &key.selector, DkimState::Active).await?;
                for old in &keys {
                    if old.state == DkimState::Active && old.algorithm == key.algorithm {
                        store.set_dkim_state(domain, &old.selector, DkimState::Retired).await?;
                    }
                }
                changed = true;
            }
            DkimState::Retired if now - key.changed >= RETIRED_FOR => {
                store.remove_dkim_key(domain, &key.selector).await?;
                changed = true;
            }
            _ => {}
        }
    }
    Ok(changed)
}

/// Why a rotation did not go on.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] sterna_store::Error),
    /// No key could be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

/// A selector that tells the kind and the day: `ed-20261122`, then `ed-20261122-2`.
fn free_selector(keys: &[DkimKey], kind: DkimAlgorithm, now: i64) -> String {
    let prefix = match kind {
        DkimAlgorithm::Ed25519 => "ed",
        DkimAlgorithm::Rsa2048 => "rsa",
    };
    let (day, ..) = DateTime::utc(now).civil();
    let first = format!("{prefix}-{}{:02}{:02}", day.year, day.month, day.day);
    let taken = |name: &String| keys.iter().any(|key| key.selector == *name);
    let later = (2..).map(|n| format!("{first}-{n}"));
    std::iter::once(first.clone()).chain(later).find(|name| !taken(name)).unwrap_or(first)
}
