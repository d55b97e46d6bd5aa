//! Requests about the DKIM keys of a domain. The secret half of a key never leaves the store.

use serde::{Deserialize, Serialize};
use sterna_core::{Clock as _, SystemClock};
use sterna_smtp::auth::dkim::{generate, record, rotate};
use sterna_store::{DkimAlgorithm, DkimKey, DkimState};

use super::answer::Answer;
use super::domains;
use super::platform::Platform;
use crate::error::{Error, Result};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DkimRequest {
    /// `domain dkim NAME list`
    List,
    /// `domain dkim NAME add`: without a kind, one of each that is needed.
    Add {
        /// `ed25519` or `rsa2048`
        algorithm: Option<String>,
        /// Its name; `None`: made from the day.
        selector: Option<String>,
    },
    /// Sign with a key.
    Activate {
        /// Which.
        selector: String,
    },
    /// Sign with it no more.
    Retire {
        /// Which.
        selector: String,
    },
    /// Forget it.
    Remove {
        /// Which.
        selector: String,
    },
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DkimInfo {
    /// Its name in the domain.
    pub selector: String,
    /// `ed25519` or `rsa2048`.
    pub algorithm: String,
    /// `pending`: not used yet; `active`; `retired`: not used any more.
    pub state: String,
    /// Name of the TXT record to publish, without the final dot.
    pub record_name: String,
    /// Its text.
    pub record: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Last change of the state, seconds since 1970.
    pub changed: i64,
}

impl From<&DkimKey> for DkimInfo {
    fn from(key: &DkimKey) -> DkimInfo {
        let (record_name, text) = record(key);
        DkimInfo {
            selector: key.selector.clone(),
            algorithm: key.algorithm.as_str().to_owned(),
            state: key.state.as_str().to_owned(),
            record_name,
            record: text,
            created: key.created,
            changed: key.changed,
        }
    }
}

/// All keys of a domain.
pub(super) async fn keys(platform: &Platform, domain: &str) -> Result<Vec<DkimInfo>> {
    Ok(platform.store.dkim_keys(domain).await?.iter().map(DkimInfo::from).collect())
}

pub(super) async fn run(platform: &Platform, name: &str, request: DkimRequest) -> Result<Answer> {
    let domain = domains::record(platform, name).await?.name;
    match request {
        DkimRequest::List => {}
        DkimRequest::Add { algorithm: None, selector: None } => {
            let added = rotate(&platform.store, &domain, SystemClock.unix()).await;
            let added = added.map_err(|e| Error::new(e.to_string()))?;
            if added.is_empty() {
                return Err(Error::new(format!(
                    "{domain} has pending keys already: publish their records and activate them, or remove them"
                )));
            }
        }
        DkimRequest::Add { algorithm, selector } => add(platform, &domain, algorithm, selector).await?,
        DkimRequest::Activate { selector } => set(platform, &domain, &selector, DkimState::Active).await?,
        DkimRequest::Retire { selector } => set(platform, &domain, &selector, DkimState::Retired).await?,
        DkimRequest::Remove { selector } => {
            find(platform, &domain, &selector).await?;
            platform.store.remove_dkim_key(&domain, &selector).await?;
            return Ok(Answer::Removed([("key".to_owned(), format!("{selector} of {domain}"))].into()));
        }
    }
    Ok(Answer::Dkim(keys(platform, &domain).await?))
}

async fn add(platform: &Platform, domain: &str, algorithm: Option<String>, selector: Option<String>) -> Result<()> {
    let word = algorithm.unwrap_or_else(|| DkimAlgorithm::Rsa2048.as_str().to_owned());
    let algorithm = DkimAlgorithm::parse(&word)
        .ok_or_else(|| Error::new(format!("\"{word}\" is no kind of key; write ed25519 or rsa")))?;
    let selector = match selector {
        Some(selector) => selector.to_lowercase(),
        None => free_selector(platform, domain, algorithm).await?,
    };
    let of = domain.to_owned();
    let key = tokio::task::spawn_blocking(move || generate(&of, &selector, algorithm)).await;
    let failed = |e: &dyn std::fmt::Display| Error::new(format!("no key could be made: {e}"));
    let key = key.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    Ok(platform.store.add_dkim_key(key).await?)
}

/// A selector that nobody has: the kind and a number.
async fn free_selector(platform: &Platform, domain: &str, algorithm: DkimAlgorithm) -> Result<String> {
    let taken = platform.store.dkim_keys(domain).await?;
    let prefix = match algorithm {
        DkimAlgorithm::Ed25519 => "ed",
        DkimAlgorithm::Rsa2048 => "rsa",
    };
    let free = (1..).map(|n: u32| format!("{prefix}{n}")).find(|name| taken.iter().all(|key| key.selector != *name));
    free.ok_or_else(|| Error::new("all selectors are taken; give one with --selector"))
}

async fn set(platform: &Platform, domain: &str, selector: &str, state: DkimState) -> Result<()> {
    find(platform, domain, selector).await?;
    Ok(platform.store.set_dkim_state(domain, selector, state).await?)
}

async fn find(platform: &Platform, domain: &str, selector: &str) -> Result<()> {
    let known = platform.store.dkim_keys(domain).await?;
    if known.iter().any(|key| key.selector == selector) {
        return Ok(());
    }
    Err(Error::new(format!(
        "{domain} has no key {selector}; \"sterna domain dkim {domain} list\" shows those that there are"
    )))
}
