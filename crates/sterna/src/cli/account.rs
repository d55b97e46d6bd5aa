//! `sterna account …`

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::{ArgGroup, Args, Subcommand};
use sterna_core::parse_bytes;
use sterna_store::Route;

use super::given::{Given, address, language, limit, platform, route, size};
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
        /// Its mailbox is on this platform; without it, where the domain's mailboxes are
        #[arg(long, value_name = "NAME", conflicts_with = "here", value_parser = platform)]
        platform: Option<String>,
        /// Its mailbox is here, wherever the domain's are
        #[arg(long)]
        here: bool,
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
    Set(Box<Set>),
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

/// What `set` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("changes").required(true).multiple(true).args([
    "quota", "forward", "no_forward", "keep_copy", "no_copy", "deliver_to", "platform", "here", "language", "hourly_limit",
    "lock", "unlock", "utf8_accept",
]))]
pub(super) struct Set {
    /// Which
    address: String,
    /// Limit of its size, such as 5G; none: no limit
    #[arg(long, value_name = "SIZE|none", value_parser = size)]
    quota: Option<Given<u64>>,
    /// Where its mail goes on to, in place of where it went; can be given several times
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_parser = address)]
    forward: Option<Vec<String>>,
    /// Its mail goes nowhere else any more
    #[arg(long, conflicts_with_all = ["forward", "no_copy"])]
    no_forward: bool,
    /// Keep mail that goes on here, too
    #[arg(long, conflicts_with = "no_copy")]
    keep_copy: bool,
    /// Keep nothing of what goes on
    #[arg(long)]
    no_copy: bool,
    /// The server that has the mailbox, lmtp://HOST:PORT?tls=none|starttls|implicit or smtp://…; none: where its
    /// domain's mailboxes are
    #[arg(long, value_name = "URL|none", value_parser = route)]
    deliver_to: Option<Given<String>>,
    /// The platform that has the mailbox, for mail and for logins
    #[arg(long, value_name = "NAME", conflicts_with_all = ["deliver_to", "here"], value_parser = platform)]
    platform: Option<String>,
    /// The mailbox is here, wherever its domain's are
    #[arg(long, conflicts_with = "deliver_to")]
    here: bool,
    /// Of notices to its user: fr or en; none: the configuration's
    #[arg(long, value_name = "fr|en|none", value_parser = language)]
    language: Option<Given<String>>,
    /// Messages that it may send in an hour; none: the configuration's
    #[arg(long, value_name = "N|none", value_parser = limit)]
    hourly_limit: Option<Given<u32>>,
    /// Let it send no more, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "unlock", value_parser = reason)]
    lock: Option<String>,
    /// Let it send again
    #[arg(long)]
    unlock: bool,
    /// Whether IMAP sessions may enable UTF8=ACCEPT; a move says off if the old server had none, for some clients take folders
    /// with accents for new ones when their names are spelled otherwise, and download them again
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    utf8_accept: Option<bool>,
}

/// A sentence that is shown to operator and user.
fn reason(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > 500 || text.contains(char::is_control) {
        return Err("say why in one line of at most 500 bytes".to_owned());
    }
    Ok(text.to_owned())
}

fn on_or_off(text: &str) -> std::result::Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("say on or off".to_owned()),
    }
}

/// The route that an account is given.
fn place(platform: Option<String>, here: bool) -> Option<String> {
    platform.or(here.then(|| Route::Local.to_string()))
}

impl Set {
    fn request(self) -> Request {
        let keep_copy = match (self.keep_copy, self.no_copy) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let to = if self.no_forward { Some(Vec::new()) } else { self.forward };
        let forward = (to.is_some() || keep_copy.is_some()).then_some(AccountChange::Forward { to, keep_copy });
        let place = place(self.platform, self.here).map(Some);
        let lock = self.lock.map(|reason| AccountChange::Lock(Some(reason)));
        let changes = [
            self.quota.map(|given| AccountChange::Quota(given.0)),
            forward,
            place.or(self.deliver_to.map(|given| given.0)).map(AccountChange::DeliverTo),
            self.language.map(|given| AccountChange::Language(given.0)),
            self.hourly_limit.map(|given| AccountChange::HourlyLimit(given.0)),
            lock.or(self.unlock.then_some(AccountChange::Lock(None))),
            self.utf8_accept.map(AccountChange::Utf8Accept),
        ];
        Request::AccountChange { address: self.address, changes: changes.into_iter().flatten().collect() }
    }
}

impl Account {
    pub fn request(self) -> Result<Request> {
        let change = |address, change| Request::AccountChange { address, changes: vec![change] };
        Ok(match self {
            Account::Add { address, password, quota, platform, here } => {
                let password = password.read(&format!("Password for {address}"))?.map(Hidden);
                Request::AccountAdd { address, password, quota, deliver_to: place(platform, here) }
            }
            Account::List { domain } => Request::AccountList { domain },
            Account::Show { address } => Request::AccountShow { address },
            Account::Set(set) => set.request(),
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
