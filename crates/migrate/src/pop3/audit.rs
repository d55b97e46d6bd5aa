//! What the receipt says of the POP3 side: both sides are read anew, nothing is taken from what the move remembers.

use serde::{Deserialize, Serialize};
use sterna_pop3::client::Part;
use sterna_store::Account;

use super::here::{self, Inbox};
use super::matching::{Here, Matching, Remote};
use super::remote::{self, Listing};
use crate::error::Result;
use crate::receipt::{FolderComparison, ReceiptOptions};
use crate::session::Pop3Login;

/// The unique ids of INBOX on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pop3Comparison {
    /// The source's POP3 server.
    pub source: String,
    /// Messages that it lists.
    pub listed: u64,
    /// Those of them whose unique id a message here has: a client knows them again.
    pub carried: u64,
    /// Those of them whose unique id no message here has; the exceptions say why.
    pub not_carried: u64,
    /// The messages carried stand in the same order on both sides.
    pub in_order: bool,
    /// Messages that were moved and are not listed: they have unique ids of ours and stand last.
    pub not_listed: u64,
    /// Why the listing could not be read, if so.
    pub failure: Option<String>,
}

/// Compares the listing beside an IMAP source. A server that cannot be read is told, and fails nothing.
pub(crate) async fn beside(account: &Account, login: &Pop3Login) -> Result<Pop3Comparison> {
    let mut result = Pop3Comparison { source: login.at(), ..Pop3Comparison::default() };
    let listing = match list(login).await {
        Ok(listing) => listing,
        Err(error) => {
            result.failure = Some(error.to_string());
            return Ok(result);
        }
    };
    let here = account.read(Inbox::read).await?.map(|inbox| inbox.messages).unwrap_or_default();
    let mut matching = Matching::new(&listing.messages, &here);
    matching.by_id();
    result.listed = listing.messages.len() as u64;
    result.carried = matching.pairs().count() as u64;
    result.not_carried = result.listed - result.carried;
    result.not_listed = here.len() as u64 - result.carried;
    let orders: Vec<Option<u32>> = matching.pairs().map(|(_, here)| here.order).collect();
    result.in_order = orders.iter().all(Option::is_some) && orders.is_sorted_by(|a, b| a < b);
    Ok(result)
}

async fn list(login: &Pop3Login) -> Result<Listing> {
    let mut connection = login.open().await?;
    let listing = Listing::read(&mut connection).await?;
    // Only a courtesy: the answers are in.
    let _ = connection.quit().await;
    Ok(listing)
}

/// Compares INBOX with a source that has nothing but POP3.
pub(crate) async fn only(account: &Account, login: &Pop3Login, options: &ReceiptOptions) -> Result<FolderComparison> {
    let mut result = FolderComparison { name: "INBOX".into(), ..FolderComparison::default() };
    let mut connection = login.open().await?;
    let listing = Listing::read(&mut connection).await?;
    result.source_messages = listing.messages.len() as u64;
    result.source_bytes = listing.messages.iter().filter_map(|remote| remote.size).sum();
    let Some(inbox) = account.read(Inbox::read).await? else {
        result.refused = Some("it was not copied yet".to_owned());
        return Ok(result);
    };
    let row = account.read(move |tx| tx.mailbox(inbox.mailbox)).await?;
    (result.uid_validity, result.uid_next) = (row.uid_validity.get(), row.uid_next);
    (result.highest_modseq, result.messages, result.bytes) = (row.highest_modseq.0, u64::from(row.total), row.bytes);
    result.added_here = result.messages.saturating_sub(inbox.messages.len() as u64);
    let mut matching = Matching::new(&listing.messages, &inbox.messages);
    match listing.has_uidls {
        true => matching.by_id(),
        false => {
            let numbers = listing.messages.iter().map(|remote| remote.number).collect();
            let theirs = remote::fingerprints(&mut connection, numbers, Part::Whole).await?;
            let place = |(r, remote): (usize, &Remote)| Some((r, *theirs.get(&remote.number)?));
            let theirs = listing.messages.iter().enumerate().filter_map(place).collect();
            let ours = here::fingerprints(account, &inbox.messages, &matching.open_here()).await?;
            matching.by_body(&theirs, &ours);
        }
    }
    let pairs: Vec<(&Remote, &Here)> = matching.pairs().collect();
    result.sizes_claimed_wrongly = pairs.iter().filter(|(remote, here)| remote.size != Some(here.size)).count() as u64;
    result.only_source = result.source_messages - pairs.len() as u64;
    result.only_here = result.messages - pairs.len() as u64;
    if options.verify_bodies && listing.has_uidls {
        result.bodies_differ = bodies_differ(account, &mut connection, &inbox.messages, &pairs).await?;
    }
    result.equal_messages = pairs.len() as u64 - result.bodies_differ;
    result.source_digest = digest(listing.messages.iter().enumerate().map(|(r, remote)| match matching.partner(r) {
        // What it gave counts, not what it claims.
        Some(here) => (remote.uidl.as_deref(), here.size),
        None => (remote.uidl.as_deref(), remote.size.unwrap_or(0)),
    }));
    let ours = inbox.messages.iter().map(|here| (here.uidl.as_deref(), here.size));
    result.digest = digest(ours);
    result.equal =
        result.source_digest == result.digest && result.bodies_differ == 0 && result.only_here == result.added_here;
    // Only a courtesy: everything was read.
    let _ = connection.quit().await;
    Ok(result)
}

async fn bodies_differ(
    account: &Account,
    connection: &mut sterna_pop3::client::Connection,
    messages: &[Here],
    pairs: &[(&Remote, &Here)],
) -> Result<u64> {
    let numbers = pairs.iter().map(|(remote, _)| remote.number).collect();
    let theirs = remote::fingerprints(connection, numbers, Part::Whole).await?;
    let places: Vec<usize> = (0..messages.len()).collect();
    let ours = here::fingerprints(account, messages, &places).await?;
    let place = |here: &Here| messages.binary_search_by_key(&here.uid, |m| m.uid).ok();
    let differ = pairs.iter().filter(|(remote, here)| {
        let ours = place(here).and_then(|place| ours.get(&place));
        theirs.get(&remote.number) != ours
    });
    Ok(differ.count() as u64)
}

/// BLAKE3 over the sorted lines `id size`.
fn digest<'m>(messages: impl Iterator<Item = (Option<&'m str>, u64)>) -> String {
    let mut lines: Vec<String> = messages.map(|(id, size)| format!("{} {size}\n", id.unwrap_or("-"))).collect();
    lines.sort_unstable();
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}
