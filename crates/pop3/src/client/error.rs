//! Everything that can go wrong with another server, in one sentence each: what, where, and what to do.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sterna_net::TlsError;

/// Whether and when trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// At once the first time; the caller spaces repeated attempts.
    Now,
    /// Not before so much time has passed.
    After(Duration),
    /// Only after somebody changed something.
    Never,
}

/// What went wrong, and with which server.
#[derive(Debug)]
pub struct Error {
    /// What.
    pub kind: Box<ErrorKind>,
    /// `pop3://host:port`.
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
    /// No way there.
    #[error("the server cannot be reached ({0}); check host, port and that the server runs")]
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
    /// There is no TLS.
    #[error("{0}; check port and TLS mode")]
    Tls(#[source] TlsError),
    /// STLS was asked for.
    #[error("the server refuses STLS on this port ({0}); use implicit TLS on port 995, or none on a trusted network")]
    StartTlsRefused(String),
    /// Something else answers there.
    #[error("this is not a POP3 server, it says {0:?}; check the port")]
    NotPop3(String),
    /// A mechanism that the caller insists on, or a password that cannot be written in a command.
    #[error("this login cannot be made: {0}")]
    CannotLogIn(&'static str),
    /// Wrong user name or password, or no permission to act for the user.
    #[error("the login {user:?} was refused ({text}); check user name and password")]
    WrongCredentials {
        /// Who.
        user: String,
        /// The server's words.
        text: String,
    },
    /// A passing failure of the server: the maildrop is in use, logins come too often, something is away.
    #[error("the server is temporarily unavailable ({text}); it will be tried again")]
    Unavailable {
        /// Its words.
        text: String,
        /// How long to stay away.
        wait: Duration,
    },
    /// `-ERR`
    #[error("{command} was refused: {text}")]
    Refused {
        /// The command.
        command: &'static str,
        /// The server's words.
        text: String,
    },
    /// The server breaks the protocol so that nothing behind it can be trusted.
    #[error("the server broke the POP3 protocol: {0}")]
    Protocol(String),
}

impl ErrorKind {
    /// What `-ERR` to a login means. Response codes (RFC 2449 §8, RFC 3206) are certain; without one, words are.
    pub(super) fn login_refused(user: &str, text: &str) -> ErrorKind {
        let lower = text.to_ascii_lowercase();
        let code = |name: &str| lower.starts_with(&format!("[{name}"));
        let wait = match () {
            () if code("login-delay") => Duration::from_secs(60),
            () if code("in-use") || code("sys/temp") => Duration::from_secs(15),
            () if code("auth") || code("sys/perm") => Duration::ZERO,
            () if ["lock", "temporar", "try again", "too many"].iter().any(|word| lower.contains(word)) => {
                Duration::from_secs(30)
            }
            () => Duration::ZERO,
        };
        match wait.is_zero() {
            true => ErrorKind::WrongCredentials { user: user.to_owned(), text: text.to_owned() },
            false => ErrorKind::Unavailable { text: text.to_owned(), wait },
        }
    }

    fn retry(&self) -> Retry {
        use ErrorKind::*;
        match self {
            Closed(_) | Io(_) | Timeout { .. } | Protocol(_) | Tls(TlsError::Io(_)) => Retry::Now,
            NameNotFound(_) | Unreachable(_) => Retry::After(Duration::from_secs(5)),
            Unavailable { wait, .. } => Retry::After(*wait),
            Tls(_) | StartTlsRefused(_) | NotPop3(_) | CannotLogIn(_) | WrongCredentials { .. } | Refused { .. } => {
                Retry::Never
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_maildrop_and_a_wrong_password_differ() {
        let retry = |text| ErrorKind::login_refused("u", text).retry();
        assert_eq!(retry("[AUTH] try again later"), Retry::Never);
        assert_eq!(retry("Invalid login"), Retry::Never);
        assert_eq!(retry("[IN-USE] Do you have another POP session running?"), Retry::After(Duration::from_secs(15)));
        assert_eq!(retry("[LOGIN-DELAY] minimum time not passed"), Retry::After(Duration::from_secs(60)));
        assert_eq!(retry("Unable to lock maildrop"), Retry::After(Duration::from_secs(30)));
    }
}
