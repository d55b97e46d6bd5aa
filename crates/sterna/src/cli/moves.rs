//! `sterna move …`

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::cutover::{Cutover, Hold};
use super::password::read_secret;
use crate::admin::{Hidden, MoveStart, Request};
use crate::error::{Error, Result};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Move {
    /// Copy mailboxes from an IMAP or POP3 server; run again at any time, it brings over only what is new
    Start(Start),
    /// Where moves stand
    Status {
        /// Which accounts; without any, all that have a move
        addresses: Vec<String>,
    },
    /// Make this the place of mailboxes that are followed, under the open sessions of their users
    Cutover(Cutover),
    /// Undo a cutover: carry back what changed since, and make the platform the place again
    Rollback(Hold),
    /// Compare both sides message by message
    Receipt {
        /// Which accounts
        #[arg(required = true)]
        addresses: Vec<String>,
        /// Read every body from the source once more and compare its bytes
        #[arg(long)]
        verify_bodies: bool,
    },
}

/// What `start` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("secret").required(true).args(["password_stdin", "password_file", "oauth_token_stdin"]))]
pub(super) struct Start {
    /// Into which accounts
    #[arg(required = true)]
    addresses: Vec<String>,
    /// The source: imap://HOST:PORT?tls=none|starttls|implicit; pop3://… where there is no IMAP
    #[arg(long, value_name = "URL")]
    from: String,
    /// The login at the source; %u is the address, %n its part before the @
    #[arg(long, value_name = "LOGIN", default_value = "%u")]
    user: String,
    /// A master user of the source, whose password is given instead of the user's
    #[arg(long, value_name = "LOGIN")]
    master: Option<String>,
    /// The mailbox that the user is allowed to open (SASL PLAIN); %u and %n as above
    #[arg(long, value_name = "LOGIN")]
    authzid: Option<String>,
    /// Read the source's password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the source's password from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read an OAuth 2.0 access token from standard input
    #[arg(long)]
    oauth_token_stdin: bool,
    /// Trust the certificate authorities of this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Keep the unique ids of POP3, too, for clients that leave mail on the server: pop3://HOST:PORT?tls=…, where the same
    /// login finds the same mailbox
    #[arg(long, value_name = "URL")]
    pop3: Option<String>,
    /// Connections to the source while everything is copied for the first time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    connections: Option<u8>,
    /// Go on bringing over what changes, until stopped
    #[arg(long)]
    follow: bool,
    /// Return only when it is done; needed where no server runs
    #[arg(long)]
    wait: bool,
}

impl Move {
    pub fn request(self) -> Result<Request> {
        Ok(match self {
            Move::Start(start) => Request::MoveStart(start.request()?),
            Move::Cutover(cutover) => cutover.request(),
            Move::Rollback(hold) => hold.request(true),
            Move::Status { addresses } => Request::MoveStatus { addresses },
            Move::Receipt { addresses, verify_bodies } => Request::MoveReceipt { addresses, verify_bodies },
        })
    }
}

impl Start {
    fn request(self) -> Result<MoveStart> {
        let varies = |text: &str| text.contains("%u") || text.contains("%n");
        let one_mailbox = !self.authzid.as_deref().map_or(varies(&self.user), varies);
        if self.addresses.len() > 1 && one_mailbox {
            let why = "several accounts would be filled from one mailbox";
            return Err(Error::new(format!("{why}; write %u for the address or %n for its part before the @")));
        }
        let what = if self.oauth_token_stdin { "Access token of the source" } else { "Password at the source" };
        let secret = read_secret(self.password_file.as_deref(), what)?;
        let ca = self.ca.map(std::path::absolute).transpose().map_err(|e| Error::new(format!("--ca: {e}")))?;
        Ok(MoveStart {
            addresses: self.addresses,
            from: self.from,
            user: self.user,
            master: self.master,
            authzid: self.authzid,
            secret: Hidden(secret),
            oauth: self.oauth_token_stdin,
            ca,
            pop3: self.pop3,
            connections: self.connections.map(usize::from),
            follow: self.follow,
            wait: self.wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Command};

    #[test]
    fn several_accounts_are_never_filled_from_one_mailbox() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        std::fs::write(&file, "secret\n").unwrap();
        let start = |more: &str| {
            let line =
                format!("sterna move start a@b.c d@b.c --from imap://h --password-file {} {more}", file.display());
            match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
                Command::Move(command) => command.request().map(|_| ()),
                _ => unreachable!("it is a move"),
            }
        };
        assert!(start("").is_ok() && start("--user %n").is_ok() && start("--user admin --authzid %u").is_ok());
        assert!(start("--user anne").is_err() && start("--user %u --authzid anne").is_err());
    }
}
