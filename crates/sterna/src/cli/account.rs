//! `sterna account …`

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Subcommand;
use sterna_core::parse_bytes;

use super::password::{OptionalPassword, Password};
use crate::admin::{AccountChange, Hidden, Request};
use crate::error::{Error, Result};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Add an account with an empty INBOX
    Add {
        /// Such as anne@example.org; its domain must exist
        address: String,
        #[command(flatten)]
        password: OptionalPassword,
        /// Limit of its size, such as 5G; without it there is none
        #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
        quota: Option<u64>,
    },
    /// List accounts
    List {
        /// Only those of this domain
        domain: Option<String>,
    },
    /// Show an account
    Show {
        /// Which
        address: String,
    },
    /// Change an account
    Set {
        /// Which
        address: String,
        /// Limit of its size, such as 5G, or "none"
        #[arg(long, value_name = "SIZE", value_parser = quota)]
        quota: Quota,
    },
    /// Set an account's password
    Passwd {
        /// Which
        address: String,
        #[command(flatten)]
        password: Password,
    },
    /// Refuse logins; the mail is kept
    Suspend {
        /// Which
        address: String,
    },
    /// Accept logins again
    Resume {
        /// Which
        address: String,
    },
    /// Remove an account and all its mail, for good
    Remove {
        /// Which
        address: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A quota as it is given: a size, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota(Option<u64>);

fn quota(text: &str) -> std::result::Result<Quota, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Quota(None));
    }
    parse_bytes(text).map(|bytes| Quota(Some(bytes))).map_err(|e| e.to_string())
}

impl Account {
    pub fn request(self) -> Result<Request> {
        let change = |address, change| Request::AccountChange { address, change };
        Ok(match self {
            Account::Add { address, password, quota } => {
                let password = password.read(&format!("Password for {address}"))?.map(Hidden);
                Request::AccountAdd { address, password, quota }
            }
            Account::List { domain } => Request::AccountList { domain },
            Account::Show { address } => Request::AccountShow { address },
            Account::Set { address, quota } => change(address, AccountChange::Quota(quota.0)),
            Account::Passwd { address, password } => {
                let new = password.read(&format!("New password for {address}"))?;
                change(address, AccountChange::Password(Hidden(new)))
            }
            Account::Suspend { address } => change(address, AccountChange::Suspend),
            Account::Resume { address } => change(address, AccountChange::Resume),
            Account::Remove { address, yes } => {
                if !yes {
                    confirm(&address)?;
                }
                Request::AccountRemove { address }
            }
        })
    }
}

/// A removal cannot be undone: a person types the address, a script says `--yes`.
fn confirm(address: &str) -> Result<()> {
    let refuse = || Error::new(format!("nothing was removed; to remove {address} and all its mail, add --yes"));
    if !std::io::stdin().is_terminal() {
        return Err(refuse());
    }
    eprint!("This removes {address} and all its mail for good. Type the address to go on: ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|_| refuse())?;
    if line.trim() == address { Ok(()) } else { Err(refuse()) }
}
