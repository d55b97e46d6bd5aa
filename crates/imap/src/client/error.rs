//! Everything that can go wrong with another server, in one sentence each: what, where, and what to do.
//!
//! The mover shows these sentences to people and asks [`Error::retry`] what to do itself.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sterna_core::UidValidity;
pub use sterna_net::CertificateProblem;
use sterna_net::TlsError;

use super::backoff::{Retry, suggested_wait};
use crate::codec::response_parser::{Status, StatusText};

/// What went wrong, and with which server.
#[derive(Debug)]
pub struct Error {
    /// What.
    pub kind: Box<ErrorKind>,
    /// `imap://host:port`.
    pub at: Arc<str>,
}

impl Error {
    pub(super) fn new(at: &Arc<str>, kind: ErrorKind) -> Error {
        Error { kind: Box::new(kind), at: Arc::clone(at) }
    }

    /// Whether trying again can help, and when.
    pub fn retry(&self) -> Retry {
        self.kind.retry()
    }

    /// Whether the server said NO or BAD for good: not now, but to what was asked.
    pub fn is_refusal(&self) -> bool {
        matches!(*self.kind, ErrorKind::No { .. } | ErrorKind::Bad { .. })
    }

    /// Whether the connection may go on being used: the server only refused a command.
    pub fn connection_usable(&self) -> bool {
        use ErrorKind::*;
        matches!(
            *self.kind,
            No { .. } | Bad { .. } | NotOffered(_) | Busy | UidValidityChanged { .. } | Throttled { .. }
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.kind)
    }
}

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// The name has no address.
    #[error("the host name cannot be resolved ({0}); check its spelling and the DNS")]
    NameNotFound(#[source] io::Error),
    /// Nothing listens.
    #[error("the connection was refused; check host and port, and that the server runs")]
    Refused,
    /// No way there.
    #[error("the server cannot be reached ({0}); check host, network and firewall")]
    Unreachable(#[source] io::Error),
    /// Silence.
    #[error("no answer within {} s while {doing}; check host, port and TLS mode, or try again later", after.as_secs())]
    Timeout {
        /// What the client was waiting for.
        doing: &'static str,
        /// How long it waited.
        after: Duration,
    },
    /// The other side closed without a word.
    #[error("the server closed the connection while {0}; it will be tried again")]
    Closed(&'static str),
    /// The connection broke.
    #[error("the connection broke ({0}); it will be tried again")]
    Io(#[source] io::Error),
    /// The certificate was refused.
    #[error("its TLS certificate {problem} ({detail})")]
    Certificate {
        /// Why.
        problem: CertificateProblem,
        /// As the TLS library puts it.
        detail: String,
    },
    /// The handshake failed for another reason.
    #[error("no TLS connection could be made ({0}); check port and TLS mode")]
    Tls(String),
    /// The file with private authorities.
    #[error("the file of certificate authorities {path:?} cannot be used: {reason}")]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// STARTTLS was asked for.
    #[error(
        "the server does not offer STARTTLS on this port; use implicit TLS on port 993, or none on a trusted network"
    )]
    StartTlsNotOffered,
    /// Something else answers there.
    #[error("this is not an IMAP server, it says {0:?}; check the port")]
    NotImap(String),
    /// BYE.
    #[error("the server closed the session, saying {text:?}")]
    Bye {
        /// Its words.
        text: String,
        /// How long it asks to stay away.
        wait: Option<Duration>,
    },
    /// LOGINDISABLED (RFC 9051 §6.2.3), or PRIVACYREQUIRED (RFC 5530).
    #[error("the server takes no password on this connection (LOGINDISABLED); use TLS, or a mechanism it offers")]
    LoginDisabled,
    /// A capability or mechanism that the caller insists on.
    #[error("the server does not offer {0}")]
    NotOffered(&'static str),
    /// Wrong user name or password, or no permission to act for the user.
    #[error("the login {user:?} was refused ({text}); check user name and password")]
    WrongCredentials {
        /// Who.
        user: String,
        /// The server's words.
        text: String,
    },
    /// A passing failure of the server.
    #[error("the server is temporarily unavailable ({text}); it will be tried again")]
    Unavailable {
        /// Its words.
        text: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// Too much was asked of the server.
    #[error("the server asks to slow down ({text}); it will be tried again after a pause")]
    Throttled {
        /// Its words.
        text: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// NO.
    #[error("{command} was refused: {text}")]
    No {
        /// The command.
        command: &'static str,
        /// The response code's name: `NONEXISTENT`, `OVERQUOTA`, ….
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// BAD.
    #[error("the server did not understand {command}: {text}")]
    Bad {
        /// The command.
        command: &'static str,
        /// The server's words.
        text: String,
    },
    /// The server breaks the protocol so that nothing behind it can be trusted.
    #[error("the server broke the IMAP protocol: {0}")]
    Protocol(String),
    /// The mailbox was made anew: every UID known is void.
    #[error("UIDVALIDITY of {mailbox:?} changed from {was} to {now}; its messages must be read again")]
    UidValidityChanged {
        /// Which mailbox.
        mailbox: String,
        /// What it was.
        was: UidValidity,
        /// What it is; 0 if the server tells none.
        now: u32,
    },
    /// A call that needs the connection for itself while commands are in flight.
    #[error("the connection still waits for the end of earlier commands")]
    Busy,
    /// The message to append could not be read to its end.
    #[error("the message to append cannot be read ({0})")]
    AppendSource(#[source] io::Error),
}

impl From<TlsError> for ErrorKind {
    fn from(error: TlsError) -> ErrorKind {
        match error {
            TlsError::Certificate { problem, detail } => ErrorKind::Certificate { problem, detail },
            TlsError::Handshake(detail) => ErrorKind::Tls(detail),
            TlsError::CaFile { path, reason } => ErrorKind::CaFile { path, reason },
            TlsError::Io(error) => ErrorKind::Io(error),
        }
    }
}

impl ErrorKind {
    /// What a NO or BAD to a command means.
    pub(super) fn refused(command: &'static str, status: &StatusText) -> ErrorKind {
        let text = status.text.clone();
        let wait = suggested_wait(&text);
        let lower = text.to_ascii_lowercase();
        match status.code_name() {
            Some("THROTTLED" | "LIMIT") => return ErrorKind::Throttled { text, wait },
            Some("UNAVAILABLE" | "INUSE" | "SERVERBUG") => return ErrorKind::Unavailable { text, wait },
            _ => {}
        }
        // Exchange answers a good password like this while the mailbox's own server is away.
        if lower.contains("authenticated but not connected") {
            return ErrorKind::Unavailable { text, wait };
        }
        if wait.is_some() || lower.contains("throttl") || lower.contains("too many simultaneous") {
            return ErrorKind::Throttled { text, wait };
        }
        match status.status {
            Status::Bad => ErrorKind::Bad { command, text },
            _ => ErrorKind::No { command, code: status.code_name().map(str::to_owned), text },
        }
    }

    /// What a NO or BAD to a login means: without a better reason, that user name or password are wrong.
    pub(super) fn login_refused(user: &str, status: &StatusText) -> ErrorKind {
        let text = status.text.clone();
        let lower = text.to_ascii_lowercase();
        if status.code_name() == Some("PRIVACYREQUIRED") {
            return ErrorKind::LoginDisabled;
        }
        let certain = matches!(status.code_name(), Some("AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED"));
        match ErrorKind::refused("LOGIN", status) {
            kind @ (ErrorKind::Throttled { .. } | ErrorKind::Unavailable { .. } | ErrorKind::Bad { .. }) => kind,
            _ if !certain && (lower.contains("temporar") || lower.contains("try again later")) => {
                ErrorKind::Unavailable { wait: suggested_wait(&text), text }
            }
            _ => ErrorKind::WrongCredentials { user: user.to_owned(), text },
        }
    }

    fn retry(&self) -> Retry {
        use ErrorKind::*;
        match self {
            Closed(_) | Io(_) | Timeout { .. } | Protocol(_) => Retry::Now,
            Bye { wait, .. } => wait.map_or(Retry::Now, Retry::After),
            NameNotFound(_) | Refused | Unreachable(_) => Retry::After(Duration::from_secs(5)),
            Unavailable { wait, .. } => Retry::After(wait.unwrap_or(Duration::from_secs(10))),
            Throttled { wait, .. } => Retry::After(wait.unwrap_or(Duration::from_secs(60))),
            Certificate { .. } | Tls(_) | CaFile { .. } | StartTlsNotOffered | NotImap(_) | LoginDisabled => {
                Retry::Never
            }
            NotOffered(_) | WrongCredentials { .. } | No { .. } | Bad { .. } => Retry::Never,
            UidValidityChanged { .. } | Busy | AppendSource(_) => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::response_parser::Code;

    fn status(status: Status, code: &str, text: &str) -> StatusText {
        let code = Code::Other { name: code.to_owned(), arguments: String::new() };
        StatusText { status, code: Some(code), text: text.to_owned() }
    }

    #[test]
    fn a_throttling_server_is_given_the_time_it_asks_for() {
        let said = status(Status::Bad, "", "Request is throttled. Suggested Backoff Time: 299961 milliseconds");
        assert_eq!(ErrorKind::refused("UID FETCH", &said).retry(), Retry::After(Duration::from_millis(299_961)));
        for code in ["THROTTLED", "LIMIT", "INUSE", "UNAVAILABLE"] {
            let kind = ErrorKind::refused("SELECT", &status(Status::No, code, "later"));
            assert!(matches!(kind.retry(), Retry::After(_)), "{code}");
        }
    }

    #[test]
    fn wrong_password_and_passing_failure_differ() {
        let kind = |code, text| ErrorKind::login_refused("u", &status(Status::No, code, text));
        assert!(matches!(kind("AUTHENTICATIONFAILED", "temporarily"), ErrorKind::WrongCredentials { .. }));
        assert!(matches!(kind("", "Invalid credentials"), ErrorKind::WrongCredentials { .. }));
        assert!(matches!(kind("UNAVAILABLE", "x"), ErrorKind::Unavailable { .. }));
        assert!(matches!(kind("", "Temporary authentication failure"), ErrorKind::Unavailable { .. }));
        assert!(matches!(kind("PRIVACYREQUIRED", "x"), ErrorKind::LoginDisabled));
        let later = ErrorKind::refused("SELECT", &status(Status::Bad, "", "User is authenticated but not connected."));
        assert!(matches!(later, ErrorKind::Unavailable { .. }));
    }
}
