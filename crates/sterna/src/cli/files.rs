//! `sterna import` and `sterna export`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::admin::{FileFormat, FilesRequest, Request};
use crate::error::{Error, Result};

/// What `import` takes.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Form of the files
    #[arg(long, value_enum)]
    format: FileFormat,
    /// The mailbox that a single mbox file goes into, with "/" between its parts; else it is named after the file
    #[arg(long, value_name = "NAME")]
    folder: Option<String>,
    /// Into which account
    address: String,
    /// Where the files are; read by the server if one is running
    path: PathBuf,
}

/// What `export` takes.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Form of the files
    #[arg(long, value_enum)]
    format: FileFormat,
    /// From which account
    address: String,
    /// The directory to write to; written by the server if one is running
    path: PathBuf,
}

impl Import {
    pub fn request(self) -> Result<Request> {
        if self.folder.is_some() && self.format == FileFormat::Maildir {
            return Err(Error::new("a Maildir brings its own folders; --folder is for a single mbox file"));
        }
        let path = absolute(&self.path)?;
        Ok(Request::Import(FilesRequest { address: self.address, format: self.format, folder: self.folder, path }))
    }
}

impl Export {
    pub fn request(self) -> Result<Request> {
        let path = absolute(&self.path)?;
        Ok(Request::Export(FilesRequest { address: self.address, format: self.format, folder: None, path }))
    }
}

/// The server has another working directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::new(format!("{}: {e}", path.display())))
}
