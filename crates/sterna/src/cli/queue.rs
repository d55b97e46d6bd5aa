//! `sterna queue …`

use clap::{Args, Subcommand};

use crate::admin::{QueueAction, QueueRequest, QueueWhich, Request};
use crate::error::{Error, Result};

/// Messages in one list.
const PAGE: usize = 100;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// List what waits, the oldest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// Only those that are held
        #[arg(long)]
        held: bool,
        /// Begin behind this message: the next page
        #[arg(long, value_name = "ID")]
        after: Option<u64>,
        /// Messages at most
        #[arg(long, value_name = "N", default_value_t = PAGE, value_parser = page)]
        limit: usize,
    },
    /// Show a message and all it waits for
    Show {
        /// Its number
        id: u64,
    },
    /// Do not try messages until they are released
    Hold(Which),
    /// Try held messages again
    Release(Which),
    /// Try messages now
    Retry(Which),
    /// Remove messages for good; nobody is told
    Remove(Which),
    /// How much waits, and where for
    Stats,
}

/// Conditions; a message has to fit all of them.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only mail of this sender; "" is bounces
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Only mail that waits for this recipient
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// Only mail that waits for this domain
    #[arg(long, value_name = "DOMAIN")]
    destination: Option<String>,
}

/// Which messages: numbers, conditions, or all.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Numbers of messages
    #[arg(conflicts_with_all = ["sender", "recipient", "destination", "all"])]
    ids: Vec<u64>,
    #[command(flatten)]
    filter: Filter,
    /// All messages
    #[arg(long, conflicts_with_all = ["sender", "recipient", "destination"])]
    all: bool,
}

fn page(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(|| "write a number from 1 to 1000".to_owned())
}

impl Filter {
    fn which(self, ids: Vec<u64>, held: Option<bool>) -> QueueWhich {
        let Filter { sender, recipient, destination } = self;
        QueueWhich { ids, sender, recipient, destination, held }
    }

    fn is_empty(&self) -> bool {
        self.sender.is_none() && self.recipient.is_none() && self.destination.is_none()
    }
}

impl Which {
    /// Many at once only if it is said which.
    fn change(self, action: QueueAction) -> Result<QueueRequest> {
        if self.ids.is_empty() && self.filter.is_empty() && !self.all {
            return Err(Error::new(
                "which messages? Give their numbers, --sender, --recipient or --destination, or --all",
            ));
        }
        Ok(QueueRequest::Change { action, which: self.filter.which(self.ids, None) })
    }
}

impl Queue {
    pub fn request(self) -> Result<Request> {
        Ok(Request::Queue(match self {
            Queue::List { filter, held, after, limit } => {
                QueueRequest::List { after, limit, which: filter.which(Vec::new(), held.then_some(true)) }
            }
            Queue::Show { id } => QueueRequest::Show { id },
            Queue::Hold(which) => which.change(QueueAction::Hold)?,
            Queue::Release(which) => which.change(QueueAction::Release)?,
            Queue::Retry(which) => which.change(QueueAction::Retry)?,
            Queue::Remove(which) => which.change(QueueAction::Remove)?,
            Queue::Stats => QueueRequest::Stats,
        }))
    }
}
