//! The command line (design §7): one file for each command. Each makes a request and shows the answer.

mod account;
mod alias;
mod check;
mod copy;
mod cutover;
mod dkim;
mod dns;
mod domain;
mod files;
mod given;
mod init;
mod moves;
mod password;
mod platform;
mod progress;
mod queue;
mod show;
mod sieve;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::admin::{self, Answer, Request};
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
    /// Addresses whose mail goes to others
    #[command(subcommand)]
    Alias(alias::Alias),
    /// Where mailboxes are that are not here, or not here yet
    #[command(subcommand)]
    Platform(platform::Platform),
    /// Mail that waits to go out
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Users' filters
    #[command(subcommand)]
    Sieve(sieve::Sieve),
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
            Command::Domain(domain) => match domain.plan() {
                domain::Plan::Request(request) => context()?.request(request).await,
                domain::Plan::Dkim(dkim) => dkim.run(&context()?).await,
                domain::Plan::Dns(dns) => dns.run(&context()?).await,
            },
            Command::Account(account) => context()?.request(account.request()?).await,
            Command::Alias(alias) => context()?.request(alias.request()).await,
            Command::Platform(platform) => context()?.request(platform.request()?).await,
            Command::Queue(queue) => context()?.request(queue.request()?).await,
            Command::Sieve(sieve) => context()?.request(sieve.request()?).await,
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
        show::show(&self.ask(request).await?, self.json)
    }

    /// Asks, and shows how far it is.
    async fn ask(&self, request: Request) -> Result<Answer> {
        let mut progress = progress::Bars::new();
        let answer = admin::ask(&self.config.store, request, |event| progress.show(&event)).await;
        drop(progress);
        answer
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
            "sterna account set a@b.c --quota none --forward d@e.f --forward g@h.i --keep-copy --language fr",
            "sterna account set a@b.c --no-forward --hourly-limit none --unlock --deliver-to none",
            "sterna account set a@b.c --utf8-accept off",
            "sterna account set a@b.c --lock spam --deliver-to lmtp://h:24?tls=none",
            "sterna domain set b.c --catch-all a@b.c --deliver-to smtp://h:25 --hourly-limit 500",
            "sterna domain dkim b.c add --selector s1 --algorithm rsa",
            "sterna domain dkim b.c list --json",
            "sterna domain dkim b.c activate --selector s1 --unchecked",
            "sterna domain dns b.c --check",
            "sterna domain add b.c --platform old",
            "sterna domain set b.c --here",
            "sterna account add a@b.c --platform old",
            "sterna account set a@b.c --platform old --quota none",
            "sterna account set a@b.c --here",
            "sterna platform add old --imap imap://h?tls=none --pop3 pop3://h --sieve sieve://h --deliver lmtp://h:24",
            "sterna platform add old --login master --as boss --separator + --password-stdin --user-form local",
            "sterna platform set old --login user --imap none --tell-client --no-learn --max-sessions 5 --timeout 9",
            "sterna platform set old --submission submission://h --dav https://h/dav --web https://h/owa",
            "sterna platform list --json",
            "sterna platform show old",
            "sterna platform remove old",
            "sterna alias add x@b.c a@b.c d@e.f",
            "sterna alias list b.c",
            "sterna alias remove x@b.c",
            "sterna queue list --sender a@b.c --held --after 7 --limit 5",
            "sterna queue show 7",
            "sterna queue hold --destination e.f",
            "sterna queue retry 7 8",
            "sterna queue remove --all",
            "sterna queue stats --json",
            "sterna sieve put a@b.c main f --activate",
            "sterna sieve deactivate a@b.c",
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
            "sterna move start a@b.c --from imap://h --pop3 pop3://h:110?tls=starttls --password-stdin",
            "sterna move status",
            "sterna move receipt a@b.c --json",
            "sterna move cutover a@b.c d@b.c --deadline 2s --finish 20s --attempts 3 --rollback-window 7d --back-sync --wait",
            "sterna move rollback a@b.c --wait",
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
            "sterna account set a@b.c --keep-copy --no-copy",
            "sterna account set a@b.c --no-forward --forward d@e.f",
            "sterna account set a@b.c --language de",
            "sterna account set a@b.c --utf8-accept yes",
            "sterna account set a@b.c --lock x --unlock",
            "sterna domain set b.c",
            "sterna domain set b.c --deliver-to imap://h",
            "sterna domain set b.c --hourly-limit 0",
            "sterna domain dkim b.c activate",
            "sterna domain dkim b.c add --selector a.b",
            "sterna domain set b.c --here --platform old",
            "sterna account set a@b.c --platform old --deliver-to none",
            "sterna account add a@b.c --platform old --here",
            "sterna platform set old",
            "sterna platform set old --learn --no-learn",
            "sterna platform add old --imap nonsense",
            "sterna platform add old --web javascript:alert(1)",
            "sterna platform add old --login root",
            "sterna platform add old --timeout 301",
            "sterna alias add x@b.c",
            "sterna queue hold 7 --all",
            "sterna queue remove 7 --sender a@b.c",
            "sterna queue list --limit 0",
            "sterna import a@b.c /tmp/m",
            "sterna move start --from imap://h --password-stdin",
            "sterna move start a@b.c --from imap://h",
            "sterna move start a@b.c --from imap://h --password-stdin --oauth-token-stdin",
            "sterna move receipt",
            "sterna move cutover",
            "sterna move cutover a@b.c --deadline 2",
            "sterna move cutover a@b.c --deadline 1h",
            "sterna move rollback a@b.c --rollback-window 7d",
            "sterna move rollback a@b.c --back-sync",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
