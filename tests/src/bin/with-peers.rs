//! `with-peers COMMAND…` runs a command, such as a test runner, with one PostgreSQL and one S3 server that its processes
//! find in the environment. Ends with the command's exit code, passes SIGTERM and SIGINT on, and leaves nothing behind.

use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use sterna_tests::backend::SharedPeers;
use sterna_tests::peer;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-peers COMMAND [ARGUMENT…]");
        return ExitCode::from(2);
    };
    let peers = SharedPeers::start();
    // Killed hard, this program takes its command along; the servers see to themselves.
    let mut command = Command::new(peer::require("setpriv", "util-linux"));
    command.args(["--pdeathsig", "TERM", "--"]).arg(&program).args(arguments).envs(peers.environment());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let status = runtime.and_then(|runtime| runtime.block_on(run(command)));
    drop(peers);
    match status {
        Ok(status) => {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("with-peers: cannot run {}: {error}", program.display());
            ExitCode::from(126)
        }
    }
}

/// Runs the command on this thread to its end. Waiting for a child reaps it, so its number cannot be another's here.
async fn run(command: Command) -> std::io::Result<ExitStatus> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut child = tokio::process::Command::from(command).spawn()?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    loop {
        let signal = tokio::select! {
            status = child.wait() => return status,
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
        };
        // A terminal gives Ctrl-C to the command itself; a test runner takes the second one as an order to die at once.
        if let Some(pid) = pid
            && !(signal == Signal::INT && std::io::stdin().is_terminal())
        {
            let _ = kill_process(pid, signal);
        }
    }
}
