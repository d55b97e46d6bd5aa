//! Requests about the Sieve scripts of an account. A script is checked before it is stored, as ManageSieve does.

use serde::{Deserialize, Serialize};
use sterna_sieve::Limits;
use sterna_store::SieveScript;

use super::answer::Answer;
use super::platform::Platform;
use crate::error::{Error, Result};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SieveRequest {
    /// `sieve list`
    List,
    /// `sieve show`
    Show {
        /// Which; `None`: the active one.
        name: Option<String>,
    },
    /// `sieve put`
    Put {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
        /// Run it from now on.
        activate: bool,
    },
    /// `sieve activate` and `deactivate`
    Activate {
        /// Which; `None`: none is run any more.
        name: Option<String>,
    },
    /// `sieve remove`
    Remove {
        /// Which.
        name: String,
    },
}

/// A script, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SieveScriptInfo {
    /// Its name.
    pub name: String,
    /// It is run at delivery.
    pub active: bool,
    /// Bytes.
    pub size: u64,
    /// Last change, seconds since 1970.
    pub modified: i64,
}

impl From<SieveScript> for SieveScriptInfo {
    fn from(script: SieveScript) -> SieveScriptInfo {
        let SieveScript { name, active, size, modified } = script;
        SieveScriptInfo { name, active, size, modified }
    }
}

/// A script's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SieveText {
    /// Its name.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A script that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SievePut {
    /// Its name.
    pub name: String,
    /// It is run at delivery.
    pub active: bool,
    /// What is odd about it, a sentence each.
    pub warnings: Vec<String>,
}

pub(super) async fn run(platform: &Platform, address: &str, request: SieveRequest) -> Result<Answer> {
    let record = platform.record(address).await?;
    let account = platform.account(&record).await?;
    match request {
        SieveRequest::List => {}
        SieveRequest::Show { name } => {
            let of = record.address.clone();
            let found = account.read(move |tx| match name {
                Some(name) => Ok(tx.sieve_script(&name)?.map(|text| (name, text))),
                None => tx.active_sieve(),
            });
            let none = || Error::new(format!("{of} has no such script; \"sterna sieve list {of}\" shows those it has"));
            let (name, text) = found.await?.ok_or_else(none)?;
            return Ok(Answer::Script(SieveText { name, text }));
        }
        SieveRequest::Put { name, text, activate } => {
            check_name(&name)?;
            let (checked, limits) = (text.clone(), Limits::default());
            if text.len() > limits.script {
                return Err(Error::new(format!("the script is too large; it may have {} bytes", limits.script)));
            }
            let warnings = tokio::task::spawn_blocking(move || sterna_sieve::check(&checked, &limits)).await;
            let wrong = |e: &dyn std::fmt::Display| Error::new(format!("the script is not stored: {e}"));
            let warnings = warnings.map_err(|e| wrong(&e))?.map_err(|e| wrong(&e))?;
            let stored = name.clone();
            let write = account.write(move |tx| {
                tx.put_sieve(&stored, &text)?;
                if activate {
                    tx.set_active_sieve(Some(&stored))?;
                }
                Ok(tx.active_sieve()?.is_some_and(|(active, _)| active == stored))
            });
            let active = write.await?;
            let warnings = warnings.iter().map(ToString::to_string).collect();
            return Ok(Answer::ScriptPut(SievePut { name, active, warnings }));
        }
        SieveRequest::Activate { name } => account.write(move |tx| tx.set_active_sieve(name.as_deref())).await?,
        SieveRequest::Remove { name } => account.write(move |tx| tx.remove_sieve(&name)).await?,
    }
    let scripts = account.read(|tx| tx.sieve_scripts()).await?;
    Ok(Answer::Scripts(scripts.into_iter().map(SieveScriptInfo::from).collect()))
}

/// RFC 5804 §1.6: a name is 1 to 512 bytes without control characters.
fn check_name(name: &str) -> Result<()> {
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if name.is_empty() || name.len() > 512 || name.contains(odd) {
        return Err(Error::new("a script's name has 1 to 512 bytes, and no control characters"));
    }
    Ok(())
}
