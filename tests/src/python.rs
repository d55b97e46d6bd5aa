//! Runs Python scripts: the standard library's `imaplib` is one more client that shares no code with Sterna.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peer;
use crate::process::{Outcome, run};

/// Runs a script (given as text) with its arguments in `sys.argv[1:]`; at most two minutes.
///
/// By Debian's own Python, if it is there: the modules of Debian's packages belong to it, and to no other of the `PATH`.
pub fn python(script: &str, arguments: &[&str]) -> Outcome {
    let debian = Path::new("/usr/bin/python3");
    let python = if peer::is_executable(debian) { debian.to_owned() } else { peer::require("python3", "python3") };
    run(Command::new(python).arg("-c").arg(script).args(arguments), b"", Duration::from_secs(120))
}

/// Runs a script with `m` being an `imaplib.IMAP4` that is logged in to a port of 127.0.0.1; gives its standard output.
///
/// # Panics
/// If the script fails; the message holds Python's trace.
#[track_caller]
pub fn imaplib(port: u16, user: &str, password: &str, script: &str) -> String {
    let opening =
        "import imaplib, sys\nm = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]), 60)\nm.login(*sys.argv[2:4])\n";
    python(&format!("{opening}{script}\nm.logout()\n"), &[&port.to_string(), user, password]).success().stdout
}
