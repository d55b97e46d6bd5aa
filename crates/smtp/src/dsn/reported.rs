//! What is told about one recipient.

use sterna_delivery::{Recipient, Refusal};

use crate::client::Failure;

/// What a report is for. One report tells of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Given up.
    Failure,
    /// Still tried.
    Delay,
    /// Arrived, or handed to a server that reports no further.
    Success,
}

/// RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still tried.
    Delayed,
    /// In a mailbox.
    Delivered,
    /// With a server that sends no reports.
    Relayed,
}

impl Action {
    /// The word of the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
        }
    }
}

/// One recipient of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Who.
    pub recipient: Recipient,
    /// What became of it.
    pub action: Action,
    /// RFC 3463.
    pub status: String,
    /// In words, for people.
    pub reason: String,
    /// What another server said, word for word.
    pub diagnostic: Option<String>,
    /// Whose words they are.
    pub remote: Option<String>,
    /// Until when it is tried, seconds since 1970.
    pub until: Option<i64>,
}

impl Reported {
    fn new(recipient: Recipient, action: Action, status: &str, reason: String) -> Reported {
        Reported { recipient, action, status: status.to_owned(), reason, diagnostic: None, remote: None, until: None }
    }

    /// Refused by delivery.
    pub fn refused(recipient: Recipient, refusal: &Refusal) -> Reported {
        Reported::new(recipient, Action::Failed, refusal.status, refusal.text.clone())
    }

    /// Refused by a server, or unreachable.
    pub fn failed(recipient: Recipient, failure: &Failure, by: Option<&str>) -> Reported {
        let mut reported = Reported::new(recipient, Action::Failed, &failure.status, failure.text.clone());
        reported.diagnostic = failure.reply.as_ref().map(ToString::to_string);
        reported.remote = by.map(str::to_owned);
        reported
    }

    /// In a mailbox of ours.
    pub fn delivered(recipient: Recipient) -> Reported {
        Reported::new(recipient, Action::Delivered, "2.0.0", String::new())
    }

    /// With another server.
    pub fn relayed(recipient: Recipient, by: &str, said: &str) -> Reported {
        let mut reported = Reported::new(recipient, Action::Relayed, "2.0.0", String::new());
        reported.remote = Some(by.to_owned());
        reported.diagnostic = Some(said.to_owned());
        reported
    }

    /// The time for trying has run out (RFC 3463 §3.5, X.4.7).
    pub fn expired(&mut self) {
        self.status = "5.4.7".to_owned();
    }

    /// It goes on being tried until then, seconds since 1970.
    pub fn retried_until(&mut self, until: i64) {
        self.action = Action::Delayed;
        self.until = Some(until);
    }
}
