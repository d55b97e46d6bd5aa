//! The name of a peer, confirmed: its PTR names that lead back to its address (RFC 8601 §2.7.3, "iprev").

use std::net::IpAddr;

use super::{Answer, Resolver};

/// PTR names that are tried; an address with more is a shared one and its names say little.
const NAMES: usize = 5;

/// What the reverse DNS says of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverse {
    /// A name that the address claims and that has the address.
    Confirmed(String),
    /// It claims names, and none of them has the address. The first one.
    Unconfirmed(String),
    /// It claims none.
    Nameless,
    /// Nobody could say.
    Temporary,
}

impl Reverse {
    /// The confirmed name.
    pub fn name(&self) -> Option<&str> {
        match self {
            Reverse::Confirmed(name) => Some(name),
            _ => None,
        }
    }
}

impl Resolver {
    /// The confirmed name of an address: at most six questions.
    pub async fn reverse(&self, address: IpAddr) -> Reverse {
        let address = address.to_canonical();
        let names = match self.ptr(address).await {
            Answer::Found(names) => names,
            Answer::Temporary(_) => return Reverse::Temporary,
            Answer::NoSuchName | Answer::NoData => return Reverse::Nameless,
        };
        let mut failed = false;
        for name in names.iter().take(NAMES) {
            match self.addresses(name).await {
                Answer::Found(addresses) if addresses.contains(&address) => return Reverse::Confirmed(name.clone()),
                Answer::Temporary(_) => failed = true,
                _ => {}
            }
        }
        match names.into_iter().next() {
            Some(name) if !failed => Reverse::Unconfirmed(name),
            _ => Reverse::Temporary,
        }
    }
}
