//! Requests, as the command line makes them and the admin socket carries them: JSON, one line each.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::cutovers::CutoverRequest;
use super::dkim::DkimRequest;
use super::platforms::PlatformRequest;
use super::queue::QueueRequest;
use super::sieve::SieveRequest;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// `domain add`
    DomainAdd {
        /// The domain.
        name: String,
        /// Where its mailboxes are, as in [`DomainChange::DeliverTo`].
        deliver_to: Option<String>,
    },
    /// `domain list`
    DomainList,
    /// `domain show`
    DomainShow {
        /// The domain.
        name: String,
    },
    /// `domain set`
    DomainSet {
        /// The domain.
        name: String,
        /// What; all are looked at before the first is made.
        changes: Vec<DomainChange>,
    },
    /// `domain dkim`
    Dkim {
        /// The domain.
        name: String,
        /// What.
        request: DkimRequest,
    },
    /// `domain remove`
    DomainRemove {
        /// The domain.
        name: String,
    },
    /// `account add`
    AccountAdd {
        /// The new account.
        address: String,
        /// Without one nobody can log in.
        password: Option<Hidden>,
        /// Bytes; `None`: no limit.
        quota: Option<u64>,
        /// Where its mailbox is, as in [`AccountChange::DeliverTo`].
        deliver_to: Option<String>,
    },
    /// `account list`
    AccountList {
        /// Of this domain only.
        domain: Option<String>,
    },
    /// `account show`
    AccountShow {
        /// Which.
        address: String,
    },
    /// `account set`, `passwd`, `suspend` and `resume`
    AccountChange {
        /// Which.
        address: String,
        /// What; all are looked at before the first is made.
        changes: Vec<AccountChange>,
    },
    /// `account remove`
    AccountRemove {
        /// Which.
        address: String,
    },
    /// `alias add`
    AliasAdd {
        /// The alias.
        address: String,
        /// Where its mail goes, beside where it goes already.
        targets: Vec<String>,
    },
    /// `alias list`
    AliasList {
        /// Of this domain only.
        domain: Option<String>,
    },
    /// `alias show`
    AliasShow {
        /// Which.
        address: String,
    },
    /// `alias remove`
    AliasRemove {
        /// The alias.
        address: String,
        /// Where its mail does not go any more; none: the alias goes.
        targets: Vec<String>,
    },
    /// `platform …`
    Platform(PlatformRequest),
    /// `queue …`
    Queue(QueueRequest),
    /// `sieve …`
    Sieve {
        /// Whose scripts.
        address: String,
        /// What.
        request: SieveRequest,
    },
    /// `check`
    Check {
        /// Which accounts; none: all.
        addresses: Vec<String>,
    },
    /// `import`
    Import(FilesRequest),
    /// `export`
    Export(FilesRequest),
    /// `move start`
    MoveStart(MoveStart),
    /// `move cutover` and `move rollback`
    Cutover(CutoverRequest),
    /// `move status`
    MoveStatus {
        /// Which accounts; none: all that have a move.
        addresses: Vec<String>,
    },
    /// `move receipt`
    MoveReceipt {
        /// Which accounts.
        addresses: Vec<String>,
        /// Reads every body from the source once more.
        verify_bodies: bool,
    },
}

impl Request {
    /// Whether what a crash left in accounts must be cleared away first. That looks at every account, which is too much
    /// for a request about a line of the directory.
    pub(super) fn needs_recovery(&self) -> bool {
        matches!(self, Request::Check { .. } | Request::Import(_) | Request::MoveStart(_) | Request::Cutover(_))
    }
}

/// One change of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountChange {
    /// Bytes; `None`: no limit.
    Quota(Option<u64>),
    /// A new password.
    Password(Hidden),
    /// Logins are refused.
    Suspend,
    /// Logins are accepted again.
    Resume,
    /// Where its mail goes on to.
    Forward {
        /// Addresses; `None`: as they are.
        to: Option<Vec<String>>,
        /// Mail that goes on is kept here, too; `None`: as it is.
        keep_copy: Option<bool>,
    },
    /// Where the mailbox is: `platform:NAME`, `local`, the URL of a server; `None`: where its domain's mailboxes are.
    DeliverTo(Option<String>),
    /// Of notices; `None`: the configuration's.
    Language(Option<String>),
    /// Messages in an hour; `None`: the configuration's.
    HourlyLimit(Option<u32>),
    /// It may not send, for this reason; `None`: it may.
    Lock(Option<String>),
    /// Whether IMAP sessions may enable UTF8=ACCEPT.
    Utf8Accept(bool),
}

/// One change of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainChange {
    /// Who gets mail for addresses that nobody has; `None`: it is refused.
    CatchAll(Option<String>),
    /// Where the domain's mailboxes are: `platform:NAME`, the URL of a server; `None`: here.
    DeliverTo(Option<String>),
    /// Messages of all its accounts in an hour; `None`: no limit.
    HourlyLimit(Option<u32>),
}

/// A form of mail in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// A Maildir with its subfolders (Maildir++), and what Dovecot keeps beside them
    Maildir,
    /// One mbox file for each mailbox, in a directory; import also takes a single file
    Mbox,
}

/// An import or export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRequest {
    /// Into or from which account.
    pub address: String,
    /// Form of the files.
    pub format: FileFormat,
    /// The mailbox that a single mbox file goes into; `None`: after the file's name.
    pub folder: Option<String>,
    /// Absolute.
    pub path: PathBuf,
}

/// A move to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveStart {
    /// Into which accounts.
    pub addresses: Vec<String>,
    /// `imap://HOST:PORT?tls=…`
    pub from: String,
    /// The login at the source; `%u` is the address, `%n` its part before the `@`.
    pub user: String,
    /// A master user, whose password the secret is.
    pub master: Option<String>,
    /// A SASL authorisation identity; `%u` and `%n` as in `user`.
    pub authzid: Option<String>,
    /// The password, or the token if `oauth`.
    pub secret: Hidden,
    /// The secret is an OAuth 2.0 access token.
    pub oauth: bool,
    /// A PEM file of authorities to trust, absolute.
    pub ca: Option<PathBuf>,
    /// `pop3://HOST:PORT?tls=…`: where the same mailboxes are read over POP3, whose unique ids are to be kept.
    pub pop3: Option<String>,
    /// Connections while seeding; `None`: the mover's default.
    pub connections: Option<usize>,
    /// Go on carrying changes over.
    pub follow: bool,
    /// Answer only when all is done.
    pub wait: bool,
}

/// A text that never shows in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_over_the_socket_and_not_into_a_log() {
        let change = AccountChange::Password(Hidden("geheim".into()));
        let request = Request::AccountChange { address: "a@b.c".into(), changes: vec![change] };
        assert!(!format!("{request:?}").contains("geheim"));
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }
}
