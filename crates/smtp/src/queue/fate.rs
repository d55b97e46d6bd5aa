//! What an attempt has come to for one recipient.

use sterna_delivery::Refusal;

use crate::client::{Failure, Verdict};

/// What became of one recipient of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lies in a mailbox of ours.
    Delivered,
    /// Another server has it, its name and what it said; `dsn`: that server reports on success itself (RFC 3461).
    Relayed { by: String, said: String, dsn: bool },
    /// It failed; `by`: the server that refused it.
    Failed { failure: Failure, by: Option<String> },
    /// Its mailbox is being moved at this moment.
    Held,
    /// Nothing was tried.
    Untouched,
}

impl Fate {
    /// This program knows why.
    pub fn failed(status: &str, text: impl Into<String>) -> Fate {
        Fate::Failed { failure: Failure::local(status, text), by: None }
    }

    /// Delivery said no.
    pub fn refused(refusal: &Refusal) -> Fate {
        Fate::Failed { failure: Failure::local(refusal.status, refusal.text.clone()), by: None }
    }

    /// `None`: undecided.
    pub fn said(verdict: Verdict, by: &str, dsn: bool) -> Option<Fate> {
        match verdict {
            Verdict::Accepted(reply) => Some(Fate::Relayed { by: by.to_owned(), said: reply.to_string(), dsn }),
            Verdict::Failed(failure) => {
                let by = failure.reply.is_some().then(|| by.to_owned());
                Some(Fate::Failed { failure, by })
            }
            Verdict::Undecided => None,
        }
    }
}
