//! Why there is no connection to a server, or why it ended.

use std::io;

use sterna_net::TlsError;

use super::reply::Reply;

/// What went wrong with a connection. Another server of the same destination, or another hour, may do better.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No TCP connection.
    #[error("no connection could be made ({0})")]
    Connect(#[source] io::Error),
    /// Silence.
    #[error("no answer in time to {0}")]
    Timeout(&'static str),
    /// The server closed.
    #[error("the server closed the connection during {0}")]
    Closed(&'static str),
    /// The connection broke.
    #[error("the connection broke during {0} ({1})")]
    Io(&'static str, #[source] io::Error),
    /// The greeting, EHLO or AUTH were refused, or 421 came in the middle.
    #[error("the server refused {0}: {1}")]
    Refused(&'static str, Reply),
    /// TLS failed where it is a must.
    #[error("{0}")]
    Tls(#[source] TlsError),
    /// TLS is a must.
    #[error("the server does not offer STARTTLS, which is required")]
    NoStartTls,
    /// A relay that takes no password.
    #[error("the server does not offer to log in by PLAIN or LOGIN")]
    NoAuth,
    /// The connection would show the password.
    #[error("the password would go to another machine without verified TLS; set tls=starttls or tls=implicit")]
    ClearPassword,
    /// What came is no SMTP.
    #[error("the server broke the protocol during {0}: {1:?}")]
    Protocol(&'static str, String),
    /// The message could not be read.
    #[error("the message cannot be read ({0})")]
    Source(#[source] io::Error),
    /// The caller does not want it any more.
    #[error("the transfer was given up")]
    GivenUp,
}

impl Error {
    /// The enhanced status code for a report (RFC 3463 §3.5): always of class 4, for nothing was decided.
    pub fn status(&self) -> String {
        let fixed = match self {
            Error::Connect(_) => "4.4.1",
            Error::Timeout(_) | Error::Closed(_) | Error::Io(..) => "4.4.2",
            Error::Refused(_, reply) => {
                return reply.status().filter(|s| s.starts_with('4')).unwrap_or("4.3.0").to_owned();
            }
            Error::Tls(_) | Error::NoStartTls => "4.7.5",
            Error::NoAuth | Error::ClearPassword => "4.7.0",
            Error::Protocol(..) => "4.5.0",
            Error::Source(_) | Error::GivenUp => "4.3.0",
        };
        fixed.to_owned()
    }

    /// What the server said, if it was its words that ended the connection.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Error::Refused(_, reply) => Some(reply),
            _ => None,
        }
    }
}
