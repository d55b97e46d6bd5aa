//! `sterna check`

use clap::Args;

use crate::admin::Request;

/// What `check` takes.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Which accounts; without any, all
    addresses: Vec<String>,
}

impl Check {
    pub fn request(self) -> Request {
        Request::Check { addresses: self.addresses }
    }
}
