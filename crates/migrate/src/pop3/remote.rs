//! The POP3 side: its listing, and what messages it shows are recognised by.

use std::collections::HashMap;

use sterna_pop3::client::{Connection, FetchEvent, Part};

use super::fingerprint::{Fingerprint, Fingerprinter};
use super::matching::Remote;
use crate::error::{Error, Result};

/// The longest id that is taken over: RFC 1939 allows 70 characters, and a client knows a longer one all the same.
const MAX_UIDL: usize = 255;

/// What a server lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// By ascending number.
    pub messages: Vec<Remote>,
    /// The server has unique ids.
    pub has_uidls: bool,
}

impl Listing {
    pub async fn read(connection: &mut Connection) -> Result<Listing> {
        let uidls = connection.uidl().await?;
        let sizes = connection.list().await?;
        let has_uidls = uidls.is_some();
        let mut by_number: HashMap<u32, Remote> = HashMap::with_capacity(sizes.len());
        for (number, size) in sizes {
            by_number.insert(number, Remote { number, uidl: None, size: Some(size) });
        }
        let listed = by_number.len();
        let mut with_id = 0;
        for (number, uidl) in uidls.into_iter().flatten() {
            let remote = by_number.entry(number).or_insert(Remote { number, uidl: None, size: None });
            remote.uidl = carriable(&uidl);
            with_id += 1;
        }
        if has_uidls && (with_id != listed || by_number.len() != listed) {
            // Nothing may be concluded from either.
            let at = connection.at();
            return Err(Error::Doubtful(format!("{at}: it lists {listed} messages and {with_id} unique ids")));
        }
        let mut messages: Vec<Remote> = by_number.into_values().collect();
        messages.sort_unstable_by_key(|remote| remote.number);
        Ok(Listing { messages, has_uidls })
    }
}

/// An id as it can be stored and served again.
fn carriable(uidl: &[u8]) -> Option<String> {
    let fits = (1..=MAX_UIDL).contains(&uidl.len()) && uidl.iter().all(|b| (0x21..=0x7e).contains(b));
    fits.then(|| String::from_utf8_lossy(uidl).into_owned())
}

/// Reads messages and gives what they are recognised by; a message that is refused is left out.
pub(super) async fn fingerprints(
    connection: &mut Connection,
    numbers: Vec<u32>,
    part: Part,
) -> Result<HashMap<u32, Fingerprint>> {
    let mut prints = HashMap::with_capacity(numbers.len());
    let mut fingerprinter = Fingerprinter::new();
    let mut fetch = connection.fetch(numbers, part)?;
    while let Some(event) = fetch.next().await? {
        match event {
            FetchEvent::Begin(_) => fingerprinter = Fingerprinter::new(),
            FetchEvent::Chunk(chunk) => fingerprinter.feed(&chunk),
            FetchEvent::End(number) => {
                let done = std::mem::replace(&mut fingerprinter, Fingerprinter::new());
                prints.insert(number, done.finish());
            }
            FetchEvent::Refused { .. } => {}
        }
    }
    Ok(prints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_not_be_served_again_is_none() {
        assert_eq!(carriable(b"00000001.abc~").as_deref(), Some("00000001.abc~"));
        for odd in [&b""[..], b"a b", b"\x01", b"\xe9", &[b'x'; 256]] {
            assert_eq!(carriable(odd), None);
        }
    }
}
