//! `sterna alias …`

use clap::Subcommand;

use super::given::address;
use crate::admin::Request;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Alias {
    /// Add an alias, or further targets to one
    Add {
        /// The alias; its domain must exist
        #[arg(value_parser = address)]
        address: String,
        /// Where its mail goes, here or elsewhere
        #[arg(required = true, value_parser = address)]
        targets: Vec<String>,
    },
    /// List aliases
    List {
        /// Only those of this domain
        domain: Option<String>,
    },
    /// Show an alias
    Show {
        /// Which
        #[arg(value_parser = address)]
        address: String,
    },
    /// Remove an alias, or some of its targets
    Remove {
        /// The alias
        #[arg(value_parser = address)]
        address: String,
        /// Where its mail goes no more; without any, the alias goes
        #[arg(value_parser = address)]
        targets: Vec<String>,
    },
}

impl Alias {
    pub fn request(self) -> Request {
        match self {
            Alias::Add { address, targets } => Request::AliasAdd { address, targets },
            Alias::List { domain } => Request::AliasList { domain },
            Alias::Show { address } => Request::AliasShow { address },
            Alias::Remove { address, targets } => Request::AliasRemove { address, targets },
        }
    }
}
