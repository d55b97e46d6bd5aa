//! `sterna-bench`: writes a corpus to disk, or runs the measurements of `make bench`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand, ValueEnum};
use sterna_bench::runners::{Options, live, run};
use sterna_bench::{Corpus, Profile, maildir};

#[derive(Parser)]
#[command(about = "Realistic mail, and Sterna measured beside its peers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes a deterministic corpus as a Maildir++ tree
    Corpus {
        /// What the mail is like
        #[arg(long)]
        profile: ProfileName,
        /// The directory that becomes the Maildir
        #[arg(long)]
        out: PathBuf,
        /// How many messages, instead of the profile's number
        #[arg(long)]
        messages: Option<usize>,
        /// Other mail of the same kind
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measures, and writes a report in Markdown
    Run {
        /// Only these groups: seeding, reading, load, idle, append, delivery
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// How often each measurement is repeated
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// A hundredth of everything: proves the runners, measures nothing
        #[arg(long)]
        quick: bool,
        /// Lists on standard error the statements that PostgreSQL was given in each measurement
        #[arg(long)]
        statements: bool,
        /// The file for the report; standard output if absent
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Measures the live move, and writes a report in Markdown
    Live {
        #[command(subcommand)]
        what: live::Live,
        /// The file for the report; standard output if absent
        #[arg(long, global = true)]
        out: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum ProfileName {
    /// 10,000 messages in seven folders, about 580 MB
    Big,
    /// 100,000 small messages in INBOX, about 185 MB
    Many,
    /// 2,000 messages in seven folders, about 60 MB
    Small,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Corpus { profile, out, messages, seed } => {
            let profile = match profile {
                ProfileName::Big => Profile::Big,
                ProfileName::Many => Profile::Many,
                ProfileName::Small => Profile::Small,
            };
            let started = Instant::now();
            let corpus = Corpus::sized(profile, messages.unwrap_or(profile.messages()), seed);
            maildir::write(&out, corpus).map(|written| {
                let (mb, time) = (written.bytes as f64 / 1e6, started.elapsed().as_secs_f64());
                println!("{} messages, {mb:.1} MB in {time:.1} s below {}", written.messages, out.display());
            })
        }
        Command::Run { only, runs, quick, statements, out } => {
            run(&Options { only, runs: runs.max(1), quick, statements, out })
        }
        Command::Live { what, out } => live::run(&what, out.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sterna-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
