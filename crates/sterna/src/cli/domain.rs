//! `sterna domain …`

use clap::Subcommand;

use crate::admin::Request;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Domain {
    /// Add a domain
    Add {
        /// Such as example.org
        name: String,
    },
    /// List all domains
    List,
    /// Show a domain
    Show {
        /// Which
        name: String,
    },
    /// Remove a domain that has no accounts
    Remove {
        /// Which
        name: String,
    },
}

impl Domain {
    pub fn request(self) -> Request {
        match self {
            Domain::Add { name } => Request::DomainAdd { name },
            Domain::List => Request::DomainList,
            Domain::Show { name } => Request::DomainShow { name },
            Domain::Remove { name } => Request::DomainRemove { name },
        }
    }
}
