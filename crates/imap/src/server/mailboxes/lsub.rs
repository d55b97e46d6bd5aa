//! LSUB (RFC 3501 §6.3.9): the subscribed names, for clients older than LIST (SUBSCRIBED).

use sterna_store::{Result, Tx};

use super::listing::{Listing, Patterns};
use super::send;
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::write::mailbox::{ListAttributes, ListEntry, lsub};
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// Answers LSUB.
pub(crate) async fn handle(
    session: &mut Session,
    reference: MailboxName,
    pattern: MailboxName,
) -> std::result::Result<Reply, Problem> {
    let encoding = session.names();
    let answer = session.account()?.read(move |tx| subscriptions(tx, &reference, pattern, encoding)).await?;
    send(session, &answer).await?;
    Ok(Reply::ok("LSUB completed"))
}

fn subscriptions(
    tx: &Tx<'_>,
    reference: &MailboxName,
    pattern: MailboxName,
    encoding: NameEncoding,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let tree = tx.mailbox_tree()?;
    let dangling = tx.dangling_subscriptions()?;
    let listing = Listing::new(&tree, &dangling, encoding);
    let patterns = Patterns::new(reference, std::slice::from_ref(&pattern), tree.delimiter(), encoding);
    // RFC 3501 §6.3.9: where `%` hides a subscribed name, the name above it is told instead, with \Noselect. A name that
    // matches is told for itself.
    let hidden = listing.above(|node| node.subscribed && !patterns.matches(node.path, &listing.wire_name(node)));
    for node in listing.nodes() {
        if !(node.subscribed || hidden.contains(node.path)) {
            continue;
        }
        let name = listing.wire_name(node);
        if !patterns.matches(node.path, &name) {
            continue;
        }
        let attributes = if node.subscribed { ListAttributes::default() } else { ListAttributes::NO_SELECT };
        let separator = Some(tree.delimiter());
        let entry = ListEntry { attributes, separator, name: &name.text, ..ListEntry::default() };
        lsub(&mut out, &entry, name.encoding);
    }
    Ok(out)
}
