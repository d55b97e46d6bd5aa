//! The command line (design §7): one file for each command. Each makes a request and shows the answer.

mod account;
mod check;
mod copy;
mod domain;
mod files;
mod init;
mod moves;
mod password;
mod progress;
mod show;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::admin::{self, Request};
use crate::config::Config;
use crate::error::{Error, Result};

/// A hosted mail platform with the move onto it built in.
#[derive(Debug, Parser)]
#[command(name = "sterna", version, about, arg_required_else_help = true)]
#[command(after_help = "All commands work beside a running server and without one. \
    They exit with 0 only when everything asked for was done.")]
pub struct Cli {
    /// The configuration file
    #[arg(short, long, global = true, env = "STERNA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration with safe defaults
    Init(init::Init),
    /// Run the platform
    Serve,
    /// The tour: an old platform, a new one, and a mailbox that moves, all on this machine
    Demo(crate::demo::DemoArgs),
    /// Domains whose mail lives here
    #[command(subcommand)]
    Domain(domain::Domain),
    /// Accounts: mailboxes that people log in to
    #[command(subcommand)]
    Account(account::Account),
    /// Verify every invariant of accounts
    Check(check::Check),
    /// The store as a whole
    #[command(subcommand)]
    Store(Store),
    /// Bring mail in from files
    Import(files::Import),
    /// Write mail out to files
    Export(files::Export),
    /// Move mailboxes from another server, with every identity kept
    #[command(subcommand)]
    Move(moves::Move),
}

/// The verbs of `store`.
#[derive(Debug, Subcommand)]
enum Store {
    /// Copy accounts to the store of another configuration and verify them; goes on where it was broken off
    Copy(copy::Copy),
}

/// What every command needs.
struct Context {
    config: Config,
    json: bool,
}

impl Cli {
    /// Whether this process becomes the server.
    pub fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve)
    }

    /// Runs the command.
    pub async fn run(self) -> Result<()> {
        let (file, json) = (self.config, self.json);
        let context = || -> Result<Context> {
            let file = file.ok_or_else(|| {
                Error::new("which configuration? Give -c FILE or set STERNA_CONFIG; \"sterna init DIR\" writes one")
            })?;
            Ok(Context { config: Config::load(&file)?, json })
        };
        match self.command {
            Command::Init(init) => init.run(json),
            Command::Demo(demo) => {
                crate::demo::run(&demo).map_err(|e| Error::new(format!("the tour ended early: {e}")))
            }
            Command::Serve => crate::server::serve(&context()?.config).await,
            Command::Domain(domain) => context()?.request(domain.request()).await,
            Command::Account(account) => context()?.request(account.request()?).await,
            Command::Check(check) => context()?.request(check.request()).await,
            Command::Store(Store::Copy(copy)) => copy.run(&context()?.config, json).await,
            Command::Import(import) => context()?.request(import.request()?).await,
            Command::Export(export) => context()?.request(export.request()?).await,
            Command::Move(command) => context()?.request(command.request()?).await,
        }
    }
}

impl Context {
    /// Asks, shows how far it is, and prints the answer.
    async fn request(&self, request: Request) -> Result<()> {
        let mut progress = progress::Bars::new();
        let answer = admin::ask(&self.config.store, request, |event| progress.show(&event)).await;
        drop(progress);
        show::show(&answer?, self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> std::result::Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_grammar_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_commands_of_the_contract_are_understood() {
        for line in [
            "sterna init /tmp/x",
            "sterna serve -c sterna.toml",
            "sterna domain add example.org",
            "sterna domain list --json -c f",
            "sterna account add a@b.c --password-stdin --quota 5G",
            "sterna account add a@b.c --password-file f",
            "sterna account list example.org",
            "sterna account set a@b.c --quota none",
            "sterna account passwd a@b.c --password-stdin",
            "sterna account remove a@b.c --yes",
            "sterna check",
            "sterna check a@b.c d@b.c",
            "sterna store copy --to other.toml",
            "sterna store copy -c f --to other.toml a@b.c d@b.c --json",
            "sterna import --format maildir a@b.c /tmp/m",
            "sterna import --format mbox --folder Old/Archive a@b.c /tmp/m",
            "sterna export --format mbox a@b.c /tmp/m",
            "sterna move start a@b.c --from imap://h:1?tls=none --user u --password-stdin --wait",
            "sterna move start a@b.c --from imap://h --master m --password-file f --ca c --follow",
            "sterna move start a@b.c --from imap://h --user u --authzid z --oauth-token-stdin",
            "sterna move status",
            "sterna move receipt a@b.c --json",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "sterna",
            "sterna frobnicate",
            "sterna account add a@b.c --quota much",
            "sterna account add a@b.c --password secret",
            "sterna account add a@b.c --password-stdin --password-file f",
            "sterna account passwd a@b.c",
            "sterna account set a@b.c",
            "sterna import a@b.c /tmp/m",
            "sterna move start --from imap://h --password-stdin",
            "sterna move start a@b.c --from imap://h",
            "sterna move start a@b.c --from imap://h --password-stdin --oauth-token-stdin",
            "sterna move receipt",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
