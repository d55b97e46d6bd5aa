//! What a command says when it fails: one sentence with what went wrong and what to do.

/// A sentence for the person at the keyboard, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Error {
    sentence: String,
    code: u8,
}

impl Error {
    /// From a sentence.
    pub fn new(sentence: impl Into<String>) -> Error {
        Error { sentence: sentence.into(), code: 1 }
    }

    /// Somebody pressed Ctrl-C.
    pub fn interrupted(sentence: &str) -> Error {
        Error { sentence: sentence.into(), code: 130 }
    }

    /// What the process exits with: 1, or 130 after Ctrl-C as shells have it.
    pub fn exit_code(&self) -> u8 {
        self.code
    }
}

impl From<sterna_store::Error> for Error {
    fn from(e: sterna_store::Error) -> Error {
        Error::new(e.to_string())
    }
}

impl From<sterna_migrate::Error> for Error {
    fn from(e: sterna_migrate::Error) -> Error {
        Error::new(e.to_string())
    }
}

impl From<sterna_core::AddressError> for Error {
    fn from(e: sterna_core::AddressError) -> Error {
        Error::new(e.to_string())
    }
}

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;
