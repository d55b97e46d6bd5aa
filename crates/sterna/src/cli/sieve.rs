//! `sterna sieve …`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::admin::{Request, SieveRequest};
use crate::error::{Error, Result};

/// Bytes that are read of a script; more is no script.
const SCRIPT_MAX: u64 = 16 << 20;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Sieve {
    /// List an account's scripts
    List {
        /// Whose
        address: String,
    },
    /// Print a script
    Show {
        /// Whose
        address: String,
        /// Which; without one, that which is run at delivery
        name: Option<String>,
    },
    /// Check a script and store it, in place of one of that name
    Put {
        /// Whose
        address: String,
        /// Its name
        name: String,
        /// Its file; without one, standard input
        file: Option<PathBuf>,
        /// Run it at delivery from now on
        #[arg(long)]
        activate: bool,
    },
    /// Run a script at delivery
    Activate {
        /// Whose
        address: String,
        /// Which
        name: String,
    },
    /// Run no script at delivery
    Deactivate {
        /// Whose
        address: String,
    },
    /// Remove a script that is not run
    Remove {
        /// Whose
        address: String,
        /// Which
        name: String,
    },
}

impl Sieve {
    pub fn request(self) -> Result<Request> {
        let (address, request) = match self {
            Sieve::List { address } => (address, SieveRequest::List),
            Sieve::Show { address, name } => (address, SieveRequest::Show { name }),
            Sieve::Put { address, name, file, activate } => {
                let text = read(file.as_deref())?;
                (address, SieveRequest::Put { name, text, activate })
            }
            Sieve::Activate { address, name } => (address, SieveRequest::Activate { name: Some(name) }),
            Sieve::Deactivate { address } => (address, SieveRequest::Activate { name: None }),
            Sieve::Remove { address, name } => (address, SieveRequest::Remove { name }),
        };
        Ok(Request::Sieve { address, request })
    }
}

/// The script's text.
fn read(file: Option<&Path>) -> Result<String> {
    let mut text = String::new();
    let (from, result) = match file {
        None => ("standard input".to_owned(), std::io::stdin().lock().take(SCRIPT_MAX).read_to_string(&mut text)),
        Some(file) => {
            let read = std::fs::File::open(file).and_then(|file| file.take(SCRIPT_MAX).read_to_string(&mut text));
            (file.display().to_string(), read)
        }
    };
    result.map_err(|e| Error::new(format!("cannot read the script from {from}: {e}")))?;
    Ok(text)
}
