//! Kills a process group when this process has ended, however it ended. For servers that change their user: the kernel then
//! forgets its promise to kill them with their parent (`PR_SET_PDEATHSIG`, prctl(2)).

use std::process::{Child, Command, Stdio};

/// A shell that waits for the end of a pipe which only this process holds. Dropping it ends it without killing anybody.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
}

impl Guard {
    /// Guards the process group whose leader has the id `pid`.
    pub(crate) fn of(pid: u32) -> Guard {
        use std::os::unix::process::CommandExt;
        let mut shell = Command::new("sh");
        shell.args(["-c", "read -r _; kill -s KILL -- \"-$1\"", "guard", &pid.to_string()]);
        // As in `leftovers`: in a group of its own, and without the output whose end a test runner waits for.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Guard { child: shell.spawn().expect("start a shell") }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Killed before the pipe closes: the number of the group may be somebody else's soon.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Process, exists};
    use std::time::{Duration, Instant};

    fn sleeper(directory: &std::path::Path) -> Process {
        Process::spawn(Command::new("sleep").arg("60"), &directory.join("log"))
    }

    #[test]
    fn the_end_of_the_pipe_kills_the_group() {
        let directory = tempfile::tempdir().unwrap();
        let process = sleeper(directory.path());
        let mut guard = Guard::of(process.pid());
        drop(guard.child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while exists(process.pid()) {
            assert!(Instant::now() < deadline, "the group lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_dropped_guard_kills_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let process = sleeper(directory.path());
        drop(Guard::of(process.pid()));
        std::thread::sleep(Duration::from_millis(200));
        assert!(exists(process.pid()));
    }
}
