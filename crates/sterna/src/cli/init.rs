//! `sterna init DIR`: a configuration to start with. Never overwrites one.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::config::{is_hostname, template};
use crate::error::{Error, Result};

/// What `init` takes.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where the configuration goes, and beside it, in `data`, everything durable
    directory: PathBuf,
    /// The name that clients connect to
    #[arg(long, default_value = "localhost", value_parser = hostname)]
    hostname: String,
}

impl Init {
    /// Writes the file and says what to do next.
    pub fn run(&self, json: bool) -> Result<()> {
        let directory = std::path::absolute(&self.directory).unwrap_or_else(|_| self.directory.clone());
        let file = directory.join("sterna.toml");
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::new(format!("{} exists already; choose another directory, or edit it", file.display()))
            }
            _ => Error::new(format!("cannot write {}: {e}", file.display())),
        };
        std::fs::create_dir_all(&directory).map_err(failed)?;
        let mut new = OpenOptions::new().write(true).create_new(true).open(&file).map_err(failed)?;
        new.write_all(template::text(&self.hostname).as_bytes()).map_err(failed)?;
        let file = file.display();
        let text = if json {
            serde_json::json!({ "config": file.to_string() }).to_string()
        } else {
            format!(
                "Wrote {file}. Next:\n\n  export STERNA_CONFIG={file}\n  sterna serve &\n  sterna domain add example.org\n  \
                 sterna account add anne@example.org --password-stdin < password.txt\n\n\
                 Then point a mail client to 127.0.0.1, port 1143, or bring a mailbox over: sterna move start --help"
            )
        };
        super::show::print(&text)
    }
}

fn hostname(text: &str) -> std::result::Result<String, String> {
    if !is_hostname(text) {
        return Err("not a host name; write one such as mail.example.org".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_configuration_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let init = Init { directory: directory.path().join("new"), hostname: "localhost".into() };
        init.run(true).unwrap();
        let config = crate::config::Config::load(&directory.path().join("new/sterna.toml")).unwrap();
        assert_eq!(config.data(), directory.path().join("new/data"));
        assert!(init.run(true).unwrap_err().to_string().contains("exists already"));
    }
}
