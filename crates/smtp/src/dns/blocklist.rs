//! Blocklists in the DNS (RFC 5782): whether a list names an address, and why.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use hickory_resolver::proto::rr::RecordType;

use super::{Answer, Resolver};

/// Characters of the list's reason that are kept: it ends up in a reply line.
const REASON: usize = 200;

/// An address is on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What the list answered, in 127.0.0.0/8; the list's own page says what each means.
    pub codes: Vec<Ipv4Addr>,
    /// What it says to people, printable ASCII.
    pub reason: Option<String>,
}

impl Resolver {
    /// Whether `zone` lists the address. [`Answer::NoSuchName`] and [`Answer::NoData`]: it does not.
    ///
    /// Answers outside 127.0.0.0/8 (a lapsed domain that answers everything) list nothing, nor do those in
    /// 127.255.255.0/24, with which lists tell that they refuse to answer: these are [`Answer::Temporary`].
    pub async fn dnsbl(&self, zone: &str, address: IpAddr) -> Answer<Listing> {
        let name = format!("{}.{}", reversed(address.to_canonical()), zone.trim_matches('.'));
        let codes = match self.lookup(&name, RecordType::A).await.and_then(|lookup| {
            let codes = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
            Some(codes.take(16).collect::<Vec<IpAddr>>())
        }) {
            Answer::Found(codes) => codes,
            Answer::NoSuchName => return Answer::NoSuchName,
            Answer::NoData => return Answer::NoData,
            Answer::Temporary(error) => return Answer::Temporary(error),
        };
        let codes: Vec<Ipv4Addr> = codes
            .into_iter()
            .filter_map(|code| match code {
                IpAddr::V4(code) if code.is_loopback() => Some(code),
                _ => None,
            })
            .collect();
        let (refusals, codes): (Vec<Ipv4Addr>, Vec<Ipv4Addr>) =
            codes.into_iter().partition(|code| code.octets().starts_with(&[127, 255, 255]));
        if codes.is_empty() {
            return match refusals.first() {
                Some(code) => Answer::Temporary(format!("the list refuses to answer ({code})")),
                None => Answer::NoData,
            };
        }
        let reason = self.txt(&name).await.found().and_then(|texts| texts.into_iter().next());
        Answer::Found(Listing { codes, reason: reason.map(|text| printable(&text)) })
    }
}

/// RFC 5782 §2.1 and §2.4: octets, or nibbles, in reverse order.
fn reversed(address: IpAddr) -> String {
    let mut name = String::with_capacity(63);
    match address {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
        }
        IpAddr::V6(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 15, octet >> 4);
            }
        }
    }
    name.pop();
    name
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| *c == ' ' || c.is_ascii_graphic()).take(REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        assert_eq!(reversed("192.0.2.99".parse().unwrap()), "99.2.0.192");
        assert_eq!(
            reversed("2001:db8::1".parse().unwrap()),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
        );
    }

    #[test]
    fn a_reason_fits_a_reply_line() {
        assert_eq!(printable("See\r\n250 https://x.test/é"), "See250 https://x.test/");
        assert_eq!(printable(&"x".repeat(5000)).len(), REASON);
    }
}
