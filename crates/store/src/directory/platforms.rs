//! Platforms: where mailboxes are that are not here, or not here yet. What their settings say is the front door's.

use crate::db::{Row, Tx, vals};
use crate::directory::Route;
use crate::error::{Error, Result};
use crate::store::Store;

/// One platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRecord {
    /// What routes call it; lower case letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// JSON, `sterna_frontdoor`'s.
    pub settings: String,
    /// The password of the login that stands for all users, sealed by [`Store::seal`]; `None`: there is no such login.
    pub secret: Option<Vec<u8>>,
    /// Seconds since 1970.
    pub created: i64,
}

fn from_row(r: &Row<'_>) -> Result<PlatformRecord> {
    Ok(PlatformRecord {
        name: r.text(0)?.to_owned(),
        settings: r.text(1)?.to_owned(),
        secret: r.opt_blob(2)?.map(<[u8]>::to_vec),
        created: r.int(3)?,
    })
}

/// Whether a platform can be called so.
fn is_name(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(good)
}

impl Store {
    /// All platforms, by name.
    pub async fn platforms(&self) -> Result<Vec<PlatformRecord>> {
        self.directory().read(|tx| tx.platforms()).await
    }

    /// One platform.
    pub async fn platform(&self, name: &str) -> Result<Option<PlatformRecord>> {
        let name = name.to_owned();
        self.directory().read(move |tx| tx.platform(&name)).await
    }

    /// Adds a platform. Fails with [`Error::Exists`] if there is one of that name.
    pub async fn add_platform(&self, name: &str, settings: String, secret: Option<Vec<u8>>) -> Result<()> {
        if !is_name(name) {
            return Err(Error::Invalid(format!(
                "\"{}\" is no name for a platform; use up to 64 lower case letters, digits, -, _ and .",
                name.escape_debug()
            )));
        }
        let name = name.to_owned();
        self.directory()
            .write(move |tx| {
                let added = tx.execute(
                    "INSERT INTO platform (name, settings, secret, created) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO NOTHING",
                    vals![&name, &settings, secret.as_ref(), tx.now()],
                )?;
                if added == 0 { Err(Error::Exists(format!("platform {name}"))) } else { Ok(()) }
            })
            .await
    }

    /// Changes a platform's settings and secret.
    pub async fn set_platform(&self, name: &str, settings: String, secret: Option<Vec<u8>>) -> Result<()> {
        let name = name.to_owned();
        self.directory()
            .write(move |tx| {
                let changed = tx.execute(
                    "UPDATE platform SET settings = ?2, secret = ?3 WHERE name = ?1",
                    vals![&name, &settings, secret.as_ref()],
                )?;
                if changed == 0 { Err(missing(&name)) } else { Ok(()) }
            })
            .await
    }

    /// Removes a platform that no route names.
    pub async fn remove_platform(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.directory()
            .write(move |tx| {
                let route = Route::Platform(name.clone()).to_string();
                let user = "SELECT address FROM account WHERE route = ?1 UNION ALL SELECT name FROM domain WHERE route = ?1 LIMIT 1";
                if let Some(user) = tx.one(user, vals![&route], |r| Ok(r.text(0)?.to_owned()))? {
                    return Err(Error::NotPermitted(format!("platform {name} still has mailboxes, of {user} for one")));
                }
                let removed = tx.execute("DELETE FROM platform WHERE name = ?1", vals![&name])?;
                if removed == 0 { Err(missing(&name)) } else { Ok(()) }
            })
            .await
    }
}

fn missing(name: &str) -> Error {
    Error::NotFound(format!("platform {name}"))
}

impl Tx<'_> {
    pub(crate) fn platforms(&self) -> Result<Vec<PlatformRecord>> {
        self.query("SELECT name, settings, secret, created FROM platform ORDER BY name", &[], from_row)
    }

    pub(crate) fn platform(&self, name: &str) -> Result<Option<PlatformRecord>> {
        self.one("SELECT name, settings, secret, created FROM platform WHERE name = ?1", vals![name], from_row)
    }
}
