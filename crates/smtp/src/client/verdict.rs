//! What a server, or this program on its behalf, has decided about one recipient.

use super::error::Error;
use super::reply::Reply;

/// What became of one recipient of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server has taken responsibility.
    Accepted(Reply),
    /// Not taken, for good or for the moment.
    Failed(Failure),
    /// The connection ended before anything was decided: the next server may be asked at once.
    Undecided,
}

/// Why a recipient was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Trying again does not help.
    pub permanent: bool,
    /// Enhanced status code (RFC 3463), of the class that `permanent` says.
    pub status: String,
    /// What the server said, if it was the server.
    pub reply: Option<Reply>,
    /// In one line.
    pub text: String,
}

impl Failure {
    /// The server said no.
    pub fn refused(reply: Reply) -> Failure {
        let permanent = reply.is_permanent();
        let usual = if permanent { "5.0.0" } else { "4.0.0" };
        let status = reply.status().unwrap_or(usual).to_owned();
        Failure { permanent, status, text: reply.to_string(), reply: Some(reply) }
    }

    /// This program knows that the server cannot take it.
    pub fn local(status: &str, text: impl Into<String>) -> Failure {
        Failure { permanent: status.starts_with('5'), status: status.to_owned(), reply: None, text: text.into() }
    }

    /// The connection failed.
    pub fn lost(error: &Error) -> Failure {
        Failure { permanent: false, status: error.status(), reply: error.reply().cloned(), text: error.to_string() }
    }
}
