//! `sterna domain …`

use clap::{Args, Subcommand};

use super::dkim::Dkim;
use super::dns::Dns;
use super::given::{Given, address_or_none, limit, platform, route};
use crate::admin::{DomainChange, Request};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Domain {
    /// Add a domain
    Add {
        /// Such as example.org
        name: String,
        /// The platform that has its mailboxes; without it they are here
        #[arg(long, value_name = "NAME", value_parser = platform)]
        platform: Option<String>,
    },
    /// List all domains
    List,
    /// Show a domain with its DKIM keys
    Show {
        /// Which
        name: String,
    },
    /// Change a domain
    Set(Set),
    /// The keys that its mail is signed with
    Dkim(Dkim),
    /// Print the DNS records that it needs, or check those it has
    Dns(Dns),
    /// Remove a domain that has neither accounts nor aliases
    Remove {
        /// Which
        name: String,
    },
}

/// What `set` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("changes").required(true).multiple(true).args(["catch_all", "deliver_to", "platform", "here", "hourly_limit"]))]
pub(super) struct Set {
    /// Which
    name: String,
    /// Who gets mail for addresses that nobody has; none: it is refused
    #[arg(long, value_name = "ADDRESS|none", value_parser = address_or_none)]
    catch_all: Option<Given<String>>,
    /// The server that has its mailboxes, lmtp://HOST:PORT?tls=none|starttls|implicit or smtp://…; none: this one
    #[arg(long, value_name = "URL|none", value_parser = route)]
    deliver_to: Option<Given<String>>,
    /// The platform that has its mailboxes, for mail and for logins
    #[arg(long, value_name = "NAME", conflicts_with_all = ["deliver_to", "here"], value_parser = platform)]
    platform: Option<String>,
    /// Its mailboxes are here
    #[arg(long, conflicts_with = "deliver_to")]
    here: bool,
    /// Messages that all its accounts together may send in an hour; none: no limit
    #[arg(long, value_name = "N|none", value_parser = limit)]
    hourly_limit: Option<Given<u32>>,
}

/// What becomes of a command: most are a request; two ask the DNS as well, which is the command's own business.
pub(super) enum Plan {
    Request(Request),
    Dkim(Dkim),
    Dns(Dns),
}

impl Domain {
    pub fn plan(self) -> Plan {
        Plan::Request(match self {
            Domain::Add { name, platform } => Request::DomainAdd { name, deliver_to: platform },
            Domain::List => Request::DomainList,
            Domain::Show { name } => Request::DomainShow { name },
            Domain::Set(set) => set.request(),
            Domain::Dkim(dkim) => return Plan::Dkim(dkim),
            Domain::Dns(dns) => return Plan::Dns(dns),
            Domain::Remove { name } => Request::DomainRemove { name },
        })
    }
}

impl Set {
    fn request(self) -> Request {
        let place = self.platform.map(Some).or(self.here.then_some(None));
        let changes = [
            self.catch_all.map(|given| DomainChange::CatchAll(given.0)),
            place.or(self.deliver_to.map(|given| given.0)).map(DomainChange::DeliverTo),
            self.hourly_limit.map(|given| DomainChange::HourlyLimit(given.0)),
        ];
        Request::DomainSet { name: self.name, changes: changes.into_iter().flatten().collect() }
    }
}
