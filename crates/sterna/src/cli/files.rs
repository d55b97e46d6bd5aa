//! `sterna import` and `sterna export`

use std::path::PathBuf;

use clap::Args;

use crate::admin::{FileFormat, Request};
use crate::error::{Error, Result};

/// What both take.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Form of the files
    #[arg(long, value_enum)]
    format: FileFormat,
    /// Which account
    address: String,
    /// The directory, or the file of a single mbox; read and written by the server if one is running
    path: PathBuf,
}

impl Files {
    pub fn import(self) -> Result<Request> {
        let path = self.absolute()?;
        Ok(Request::Import { address: self.address, format: self.format, path })
    }

    pub fn export(self) -> Result<Request> {
        let path = self.absolute()?;
        Ok(Request::Export { address: self.address, format: self.format, path })
    }

    /// The server has another working directory.
    fn absolute(&self) -> Result<PathBuf> {
        std::path::absolute(&self.path).map_err(|e| Error::new(format!("{}: {e}", self.path.display())))
    }
}
