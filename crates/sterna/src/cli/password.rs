//! Passwords come from standard input or a file, never from the command line, which every user of the machine can read.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::error::{Error, Result};

/// The longest secret, bytes; tokens are long.
const SECRET_MAX: u64 = 16_384;

/// Where a password that must be given comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Password {
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Where a password that may be given comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct OptionalPassword {
    /// Read the password from standard input; without a password nobody can log in
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Where the secret of a login for all users comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct OptionalSecret {
    /// Read the password or token of the login for all users from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read it from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl OptionalSecret {
    pub fn read(&self, what: &str) -> Result<Option<String>> {
        let (password_stdin, password_file) = (self.password_stdin, self.password_file.clone());
        OptionalPassword { password_stdin, password_file }.read(what)
    }
}

impl Password {
    pub fn read(&self, what: &str) -> Result<String> {
        read_secret(self.password_file.as_deref(), what)
    }
}

impl OptionalPassword {
    pub fn read(&self, what: &str) -> Result<Option<String>> {
        if !self.password_stdin && self.password_file.is_none() {
            return Ok(None);
        }
        read_secret(self.password_file.as_deref(), what).map(Some)
    }
}

/// The first line of the file, or of standard input if there is none.
pub(super) fn read_secret(file: Option<&Path>, what: &str) -> Result<String> {
    let line = match file {
        Some(file) => {
            let failed = |e| Error::new(format!("cannot read the password from {}: {e}", file.display()));
            first_line(std::fs::File::open(file).map_err(failed)?).map_err(failed)?
        }
        None => {
            let failed = |e| Error::new(format!("cannot read the password from standard input: {e}"));
            let stdin = std::io::stdin();
            let line = if stdin.is_terminal() { prompt(what) } else { first_line(stdin.lock()) };
            line.map_err(failed)?
        }
    };
    if line.is_empty() {
        return Err(Error::new("the password is empty; give it on standard input or in a file, one line"));
    }
    Ok(line)
}

fn first_line(reader: impl std::io::Read) -> std::io::Result<String> {
    let mut line = String::new();
    std::io::BufReader::new(reader.take(SECRET_MAX)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks a person; what is typed does not show.
fn prompt(what: &str) -> std::io::Result<String> {
    let stdin = std::io::stdin();
    eprint!("{what}: ");
    std::io::stderr().flush()?;
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let line = first_line(stdin.lock());
    tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
    eprintln!();
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for (text, password) in
            [("secret\n", "secret"), ("two words \r\nmore", "two words "), ("last", "last"), ("", "")]
        {
            assert_eq!(first_line(text.as_bytes()).unwrap(), password);
        }
        assert!(read_secret(Some(Path::new("/nonexistent")), "").unwrap_err().to_string().contains("/nonexistent"));
    }
}
