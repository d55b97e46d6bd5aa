//! What is wrong with a script, and what went wrong when it ran.

/// A script that is not Sieve, or more than is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {text}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong there, one sentence without a full stop.
    pub text: String,
}

/// Something in a script that is allowed and will hardly do what its author wants (RFC 5804 §1.3 WARNINGS).
pub type Warning = ScriptError;

/// A failure of the host: the store, mostly.
pub type HostError = Box<dyn std::error::Error + Send + Sync>;

/// Why a script did not run to its end. For all of them but `Host` the message is kept in INBOX, and the user is told
/// (RFC 5228 §2.10.6); after `Host` the delivery is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did something that is an error when it happens, such as a missing script to include.
    #[error("{0}")]
    Script(String),
    /// It did more than it may.
    #[error("the script exceeds the limit of {0}")]
    Limit(&'static str),
    /// The evaluator failed. That is an error of ours; the message is safe.
    #[error("the script could not be evaluated")]
    Evaluator,
    /// The account could not be asked: nothing is wrong with the script.
    #[error(transparent)]
    Host(HostError),
}
