//! The `sterna` binary: command line, configuration, listeners, wiring.
//!
//! A command becomes a request ([`admin`]), which runs in the server if one is running, else here; `serve` is the server.

mod admin;
mod cli;
mod config;
mod demo;
mod error;
mod server;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

/// Threads that may wait for the disk at the same time.
const MAX_BLOCKING_THREADS: usize = 64;

/// How long what still runs for nobody may take once everything is answered: a transaction ends well, a check of a large
/// account that was interrupted does not hold the process.
const LAST_WORK: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    log(cli.is_server());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(MAX_BLOCKING_THREADS).build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(cli.run());
            runtime.shutdown_timeout(LAST_WORK);
            result
        }
        Err(e) => Err(error::Error::new(format!("cannot start: {e}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sterna: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Logs go to standard error; `RUST_LOG` says how much.
fn log(is_server: bool) {
    use tracing_subscriber::EnvFilter;
    let default = if is_server { "info" } else { "error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
