//! What the DNS said, in the distinctions that mail needs.

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// There are records.
    Found(T),
    /// The name does not exist (NXDOMAIN), or is no name.
    NoSuchName,
    /// The name exists without records of the type asked for (RFC 2308 §2.2).
    NoData,
    /// Nobody could say: a server failed, refused or did not answer in time. The text is for logs.
    Temporary(String),
}

impl<T> Answer<T> {
    /// The records, if there are.
    pub fn found(self) -> Option<T> {
        match self {
            Answer::Found(records) => Some(records),
            _ => None,
        }
    }

    /// Whether it may be different in a moment.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Answer::Temporary(_))
    }

    /// The same answer about other records. `None`: there are none of use.
    pub(super) fn and_then<U>(self, keep: impl FnOnce(T) -> Option<U>) -> Answer<U> {
        match self {
            Answer::Found(records) => keep(records).map_or(Answer::NoData, Answer::Found),
            Answer::NoSuchName => Answer::NoSuchName,
            Answer::NoData => Answer::NoData,
            Answer::Temporary(error) => Answer::Temporary(error),
        }
    }

    pub(super) fn from_error(error: NetError) -> Answer<T> {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => Answer::NoSuchName,
                ResponseCode::NoError => Answer::NoData,
                code => Answer::Temporary(code.to_string()),
            },
            error => Answer::Temporary(error.to_string()),
        }
    }
}

/// One server that takes a domain's mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    /// Lower is tried first (RFC 5321 §5.1).
    pub preference: u16,
    /// Its name in lower case, A-labels, without the final dot.
    pub host: String,
}

/// The MX records of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchanges {
    /// RFC 7505: the domain takes no mail.
    Null,
    /// At least one, lowest preference first. Those of equal preference stand in the order of the answer; who connects
    /// spreads the load over them.
    Hosts(Vec<Exchange>),
}
