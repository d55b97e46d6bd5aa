//! The keys that outgoing mail is signed with (RFC 6376), by domain and selector.

use crate::db::{Tx, vals};
use crate::error::{Error, Result};
use crate::store::Store;

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DkimAlgorithm {
    /// RFC 8463.
    Ed25519,
    /// RFC 6376 §3.3.1, 2048 bits.
    Rsa2048,
}

impl DkimAlgorithm {
    /// The word in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            DkimAlgorithm::Ed25519 => "ed25519",
            DkimAlgorithm::Rsa2048 => "rsa2048",
        }
    }

    /// From [`DkimAlgorithm::as_str`].
    pub fn parse(word: &str) -> Option<DkimAlgorithm> {
        [DkimAlgorithm::Ed25519, DkimAlgorithm::Rsa2048].into_iter().find(|a| a.as_str() == word)
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DkimState {
    /// Its record is not known to be published: not used yet.
    Pending,
    /// Mail is signed with it.
    Active,
    /// Not used any more; its record stays published while mail signed with it may be on its way.
    Retired,
}

impl DkimState {
    /// The word in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            DkimState::Pending => "pending",
            DkimState::Active => "active",
            DkimState::Retired => "retired",
        }
    }

    /// From [`DkimState::as_str`].
    pub fn parse(word: &str) -> Option<DkimState> {
        [DkimState::Pending, DkimState::Active, DkimState::Retired].into_iter().find(|s| s.as_str() == word)
    }
}

/// One key of a domain.
#[derive(Clone, PartialEq, Eq)]
pub struct DkimKey {
    /// A domain of ours.
    pub domain: String,
    /// RFC 6376 §3.1; unique in the domain.
    pub selector: String,
    /// What it is.
    pub algorithm: DkimAlgorithm,
    /// PKCS #8, DER. Sealed in the store.
    pub secret: Vec<u8>,
    /// What the record's `p=` tells, decoded.
    pub public: Vec<u8>,
    /// Where it is in its life.
    pub state: DkimState,
    /// Seconds since 1970.
    pub created: i64,
    /// Last change of the state, seconds since 1970.
    pub changed: i64,
}

impl std::fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let DkimKey { domain, selector, algorithm, secret: _, public: _, state, created, changed } = self;
        f.debug_struct("DkimKey")
            .field("domain", domain)
            .field("selector", selector)
            .field("algorithm", algorithm)
            .field("state", state)
            .field("created", created)
            .field("changed", changed)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Adds a key; its two times are set here. [`Error::Exists`] if the selector is taken, [`Error::NotFound`] if the
    /// domain is not ours.
    pub async fn add_dkim_key(&self, key: DkimKey) -> Result<()> {
        let key = DkimKey { secret: self.seal(&key.secret)?, domain: super::domains::folded(&key.domain), ..key };
        self.directory()
            .write(move |tx| {
                let now = tx.now();
                tx.put_dkim_key(&DkimKey { created: now, changed: now, ..key })
            })
            .await
    }

    /// The keys of a domain, by selector.
    pub async fn dkim_keys(&self, domain: &str) -> Result<Vec<DkimKey>> {
        let domain = super::domains::folded(domain);
        let mut keys = self.directory().read(move |tx| tx.sealed_dkim_keys(&domain)).await?;
        for key in &mut keys {
            key.secret = self.unseal(&key.secret)?;
        }
        Ok(keys)
    }

    /// Moves a key on in its life.
    pub async fn set_dkim_state(&self, domain: &str, selector: &str, state: DkimState) -> Result<()> {
        let (domain, selector) = (super::domains::folded(domain), selector.to_owned());
        self.directory()
            .write(move |tx| {
                let sql = "UPDATE dkim_key SET state = ?3, changed = ?4 WHERE domain = ?1 AND selector = ?2";
                changed(tx.execute(sql, vals![&domain, &selector, state.as_str(), tx.now()])?, &domain, &selector)
            })
            .await
    }

    /// Removes a key for good.
    pub async fn remove_dkim_key(&self, domain: &str, selector: &str) -> Result<()> {
        let (domain, selector) = (super::domains::folded(domain), selector.to_owned());
        self.directory()
            .write(move |tx| {
                let sql = "DELETE FROM dkim_key WHERE domain = ?1 AND selector = ?2";
                changed(tx.execute(sql, vals![&domain, &selector])?, &domain, &selector)
            })
            .await
    }
}

fn changed(rows: usize, domain: &str, selector: &str) -> Result<()> {
    if rows == 0 { Err(Error::NotFound(format!("DKIM key {selector} of {domain}"))) } else { Ok(()) }
}

impl Tx<'_> {
    /// Writes a key whose secret is sealed.
    pub(crate) fn put_dkim_key(&self, key: &DkimKey) -> Result<()> {
        self.needs_domain(&key.domain)?;
        let DkimKey { domain, selector, algorithm, secret, public, state, created, changed } = key;
        let added = self.execute(
            "INSERT INTO dkim_key (domain, selector, algorithm, secret, public, state, created, changed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            vals![domain, selector, algorithm.as_str(), secret, public, state.as_str(), *created, *changed],
        )?;
        if added == 0 { Err(Error::Exists(format!("DKIM key {selector} of {domain}"))) } else { Ok(()) }
    }

    /// The keys of a domain, with their secrets sealed.
    pub(crate) fn sealed_dkim_keys(&self, domain: &str) -> Result<Vec<DkimKey>> {
        let damaged = |word: &str| Error::Corrupt(format!("a DKIM key is {word}"));
        self.query(
            "SELECT domain, selector, algorithm, secret, public, state, created, changed FROM dkim_key \
             WHERE domain = ?1 ORDER BY selector",
            vals![domain],
            |r| {
                Ok(DkimKey {
                    domain: r.text(0)?.to_owned(),
                    selector: r.text(1)?.to_owned(),
                    algorithm: DkimAlgorithm::parse(r.text(2)?).ok_or_else(|| damaged("of an unknown kind"))?,
                    secret: r.blob(3)?.to_vec(),
                    public: r.blob(4)?.to_vec(),
                    state: DkimState::parse(r.text(5)?).ok_or_else(|| damaged("in an unknown state"))?,
                    created: r.int(6)?,
                    changed: r.int(7)?,
                })
            },
        )
    }
}
