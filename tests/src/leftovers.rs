//! Removes a directory when this process has ended, however it ended: a shell waits for the end of a pipe that only this
//! process holds. For servers that are nobody's value to drop, and for `with-peers` when it is killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Removes its directory when it is dropped or when this process ends.
#[derive(Debug)]
pub(crate) struct Leftovers {
    child: Child,
}

impl Leftovers {
    pub(crate) fn of(directory: &Path) -> Leftovers {
        use std::os::unix::process::CommandExt;
        // A server that is being killed may write for a moment longer.
        let script = "read -r _; for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- \"$1\" && exit; sleep 0.5; done";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "leftovers"]).arg(directory);
        // Not in the group of the test, which a test runner may kill as a whole; and without its output, whose end a
        // runner waits for.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Leftovers { child: shell.spawn().expect("start a shell") }
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
