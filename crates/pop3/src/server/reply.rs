//! How a command ends: a line after `+OK`, an [`Err`](Refusal) line after `-ERR`, or the [`End`] of the connection.

use std::borrow::Cow;
use std::io;

use sterna_store::Error;

/// Why a command failed, or the session ends.
#[derive(Debug)]
pub(super) enum End {
    /// `-ERR`; the session goes on.
    Refused(Refusal),
    /// `-ERR`, and the session ends.
    Last(Refusal),
    /// The connection is gone, or is to be cut off without a word.
    Io(io::Error),
}

/// What follows `-ERR`.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A response code (RFC 2449 §8, RFC 3206) for programs: `AUTH`, `IN-USE`, `SYS/TEMP`, `SYS/PERM`.
    code: Option<&'static str>,
    text: Cow<'static, str>,
}

impl Refusal {
    pub fn new(code: Option<&'static str>, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, text: text.into() }
    }

    /// The line without its end.
    pub fn line(&self) -> String {
        // The text may hold words of the store; a line end in it would be another reply.
        let text = self.text.replace(['\r', '\n'], " ");
        match self.code {
            Some(code) => format!("-ERR [{code}] {text}"),
            None => format!("-ERR {text}"),
        }
    }
}

impl End {
    /// Refused without a code.
    pub fn refused(text: impl Into<Cow<'static, str>>) -> End {
        End::Refused(Refusal::new(None, text))
    }

    /// Refused with a code.
    pub fn coded(code: &'static str, text: impl Into<Cow<'static, str>>) -> End {
        End::Refused(Refusal::new(Some(code), text))
    }

    /// The words of another server, which may have brought a code of their own.
    pub fn quoted(code: &'static str, text: String, last: bool) -> End {
        let refusal = Refusal::new((!text.starts_with('[')).then_some(code), text);
        if last { End::Last(refusal) } else { End::Refused(refusal) }
    }

    /// The last words.
    pub fn last(code: Option<&'static str>, text: impl Into<Cow<'static, str>>) -> End {
        End::Last(Refusal::new(code, text))
    }
}

impl From<io::Error> for End {
    fn from(e: io::Error) -> End {
        End::Io(e)
    }
}

impl From<Error> for End {
    /// RFC 3206's codes tell a client whether trying again makes sense. What is inside of the server stays in the log.
    fn from(e: Error) -> End {
        match e {
            Error::Corrupt(_) | Error::NewerSchema { .. } | Error::Internal(_) => {
                tracing::error!(error = %e, "the store failed");
                End::coded("SYS/PERM", "internal error, please tell the administrator")
            }
            Error::NotFound(_) | Error::NoSuchMailbox(_) => End::refused("it does not exist any more"),
            _ => {
                tracing::error!(error = %e, "the store failed");
                End::coded("SYS/TEMP", "the server cannot do this now, try again later")
            }
        }
    }
}
