//! The measurements of the live move, each by itself: they take long, and what they ask of the machine differs.

mod again;
mod beside;
mod client;
mod hold;
mod mailboxes;
mod overhead;
mod page;
mod proxied;
mod sessions;
mod stage;

use std::path::Path;
use std::time::Instant;

use page::Page;

use super::machine;

/// What to measure. The numbers that are not given are those of the record.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Live {
    /// The hold as connected clients see it, and which sessions survive
    Hold {
        /// Messages of the mailboxes
        #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
        sizes: Vec<usize>,
        /// Moves in all
        #[arg(long, default_value_t = 200)]
        moves: usize,
    },
    /// What mbsync, OfflineIMAP and POP3 clients download again
    Again {
        /// Messages of the mailbox
        #[arg(long, default_value_t = 2_000)]
        messages: usize,
    },
    /// Throughput through the front door and directly
    Overhead {
        /// Messages of the mailbox
        #[arg(long, default_value_t = 20_000)]
        messages: usize,
        /// Bytes of each
        #[arg(long, default_value_t = 20_000)]
        size: usize,
        /// How often it is read each way
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Memory of idle sessions that the front door passes on
    Proxied {
        /// Sessions
        #[arg(long, default_value_t = 10_000)]
        sessions: usize,
        /// Accounts that they belong to
        #[arg(long, default_value_t = 50)]
        accounts: usize,
    },
    /// The same mailboxes moved by Sterna, by dsync behind a Dovecot proxy, and by a copy over IMAP
    Beside {
        /// Messages of the mailboxes
        #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
        sizes: Vec<usize>,
        /// How often each
        #[arg(long, default_value_t = 1)]
        runs: usize,
        /// Only these of the ways
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = beside::Which::ALL)]
        ways: Vec<beside::Which>,
    },
    /// All of them, with the numbers of the record
    All,
}

/// Runs one or all, and writes the report; without a file, to standard output.
pub fn run(what: &Live, out: Option<&Path>) -> std::io::Result<()> {
    let (mut page, started, before) = (Page::default(), Instant::now(), machine::durable_write());
    match what {
        Live::Hold { sizes, moves } => hold::measure(sizes, *moves, &mut page),
        Live::Again { messages } => again::measure(*messages, &mut page),
        Live::Overhead { messages, size, runs } => overhead::measure(*messages, *size, (*runs).max(1), &mut page),
        Live::Proxied { sessions, accounts } => proxied::measure(*sessions, *accounts, &mut page),
        Live::Beside { sizes, runs, ways } => beside::measure(sizes, (*runs).max(1), ways, &mut page),
        Live::All => {
            let sizes = [1_000, 10_000, 100_000];
            hold::measure(&sizes, 200, &mut page);
            again::measure(2_000, &mut page);
            overhead::measure(20_000, 20_000, 5, &mut page);
            proxied::measure(10_000, 50, &mut page);
            beside::measure(&sizes, 1, &beside::Which::ALL, &mut page);
        }
    }
    let command: Vec<String> = std::env::args().skip(1).collect();
    let machine = machine::describe(before, machine::durable_write());
    let text = page.markdown(&format!("sterna-bench {}", command.join(" ")), &machine, started.elapsed().as_secs());
    match out {
        Some(file) => std::fs::write(file, text),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}
