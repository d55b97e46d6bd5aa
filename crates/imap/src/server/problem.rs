//! How a command ends: [`Reply`] becomes the tagged OK, [`Problem`] the tagged NO or BAD, or the end of the connection.

use std::borrow::Cow;

use sterna_core::UidValidity;
use sterna_store::Error;

use crate::codec::sequence::NumberSet;
use crate::codec::write::status::{Code, names};

/// A response code that owns what it tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ReplyCode {
    /// One that borrows nothing.
    Code(Code<'static>),
    /// CAPABILITY
    Capability(Vec<&'static str>),
    /// BADEVENT: the events of NOTIFY that are known
    BadEvent(&'static [&'static str]),
    /// MAILBOXID
    MailboxId(String),
    /// MODIFIED
    Modified(NumberSet),
    /// APPENDUID
    AppendUid(UidValidity, NumberSet),
    /// COPYUID
    CopyUid(UidValidity, NumberSet, NumberSet),
}

impl ReplyCode {
    /// For the writer.
    pub fn as_code(&self) -> Code<'_> {
        match self {
            ReplyCode::Code(code) => *code,
            ReplyCode::Capability(names) => Code::Capability(names),
            ReplyCode::BadEvent(events) => Code::BadEvent(events),
            ReplyCode::MailboxId(id) => Code::MailboxId(id),
            ReplyCode::Modified(set) => Code::Modified(set),
            ReplyCode::AppendUid(validity, uids) => Code::AppendUid(*validity, uids),
            ReplyCode::CopyUid(validity, from, to) => Code::CopyUid(*validity, from, to),
        }
    }
}

impl From<Code<'static>> for ReplyCode {
    fn from(code: Code<'static>) -> ReplyCode {
        ReplyCode::Code(code)
    }
}

/// What the tagged OK says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// In brackets.
    pub code: Option<ReplyCode>,
    /// For people.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// Without a code.
    pub fn ok(text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code: None, text: text.into() }
    }

    /// With a code.
    pub fn ok_code(code: impl Into<ReplyCode>, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code: Some(code.into()), text: text.into() }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Problem {
    /// NO: understood, but not done.
    No {
        /// In brackets.
        code: Option<ReplyCode>,
        /// For people.
        text: Cow<'static, str>,
    },
    /// BAD: not understood, or not allowed now.
    Bad {
        /// In brackets.
        code: Option<ReplyCode>,
        /// For people.
        text: Cow<'static, str>,
    },
    /// The session ends, and the client is told why: `* BYE`.
    Bye {
        /// In brackets.
        code: Option<ReplyCode>,
        /// For people.
        text: Cow<'static, str>,
    },
    /// The connection is gone.
    Io(std::io::Error),
}

impl Problem {
    /// NO
    pub fn no(text: impl Into<Cow<'static, str>>) -> Problem {
        Problem::No { code: None, text: text.into() }
    }

    /// NO with a code
    pub fn no_code(code: impl Into<ReplyCode>, text: impl Into<Cow<'static, str>>) -> Problem {
        Problem::No { code: Some(code.into()), text: text.into() }
    }

    /// BAD
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Bad { code: None, text: text.into() }
    }

    /// BAD with a code
    pub fn bad_code(code: impl Into<ReplyCode>, text: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Bad { code: Some(code.into()), text: text.into() }
    }

    /// BYE
    pub fn bye(text: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Bye { code: None, text: text.into() }
    }
}

impl From<std::io::Error> for Problem {
    fn from(e: std::io::Error) -> Problem {
        Problem::Io(e)
    }
}

impl From<Error> for Problem {
    /// RFC 5530's codes tell a client whether trying again makes sense. What is inside of the server stays in the log.
    fn from(e: Error) -> Problem {
        let code = match &e {
            Error::OverQuota { .. } => names::OVERQUOTA,
            Error::NoSuchMailbox(_) | Error::NotFound(_) => names::NONEXISTENT,
            Error::MailboxExists(_) | Error::Exists(_) => names::ALREADYEXISTS,
            Error::NotPermitted(_) | Error::Invalid(_) => names::CANNOT,
            Error::UidTaken { .. } => names::LIMIT,
            Error::DiskFull
            | Error::Unavailable(_)
            | Error::LeaseLost
            | Error::HoldOver
            | Error::Database(_)
            | Error::Io(_)
            | Error::Locked(_) => {
                tracing::error!(error = %e, "the store failed");
                return Problem::no_code(names::UNAVAILABLE, "the server cannot do this now, try again later");
            }
            Error::Corrupt(_) => {
                tracing::error!(error = %e, "stored data is damaged");
                return Problem::no_code(names::CORRUPTION, "stored data is damaged, please tell the administrator");
            }
            Error::NewerSchema { .. } | Error::Internal(_) => {
                tracing::error!(error = %e, "the store failed");
                return Problem::no_code(names::SERVERBUG, "internal error, please tell the administrator");
            }
        };
        let text = match &e {
            // The number means nothing to a client.
            Error::NoSuchMailbox(_) => "the mailbox does not exist".to_owned(),
            Error::UidTaken { .. } => "the mailbox has no UID left".to_owned(),
            _ => e.to_string(),
        };
        Problem::no_code(code, text)
    }
}
