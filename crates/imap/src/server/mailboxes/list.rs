//! LIST (RFC 9051 §6.3.9) with selection and return options (RFC 5258), STATUS (RFC 5819) and special use (RFC 6154).

use sterna_store::{Result, Tx};

use super::listing::{Listing, Node, Patterns};
use super::send;
use super::status::{self, StatusScope};
use crate::codec::command::list::List;
use crate::codec::mailbox::NameEncoding;
use crate::codec::write::mailbox::{ListAttributes, ListEntry, list};
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// Answers LIST.
pub(crate) async fn handle(session: &mut Session, command: List) -> std::result::Result<Reply, Problem> {
    let encoding = session.names();
    let scope = StatusScope::of(session, &command.returns.status);
    let answer = session.account()?.read(move |tx| listing(tx, &command, encoding, &scope)).await?;
    send(session, &answer).await?;
    Ok(Reply::ok("LIST completed"))
}

fn listing(tx: &Tx<'_>, command: &List, encoding: NameEncoding, scope: &StatusScope) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let tree = tx.mailbox_tree()?;
    let separator = Some(tree.delimiter());
    // A basic LIST with an empty pattern asks for the separator and the root of the reference.
    if !command.extended && command.patterns.iter().all(|p| p.as_str().is_empty()) {
        list(
            &mut out,
            &ListEntry { attributes: ListAttributes::NO_SELECT, separator, ..ListEntry::default() },
            encoding,
        );
        return Ok(out);
    }
    let select = command.select;
    let dangling = if select.subscribed { tx.dangling_subscriptions()? } else { Vec::new() };
    let listing = Listing::new(&tree, &dangling, encoding);
    let patterns = Patterns::new(&command.reference, &command.patterns, tree.delimiter(), encoding);
    let chosen = |node: &Node<'_>| {
        (if select.subscribed { node.subscribed } else { node.mailbox.is_some() })
            && (!select.special_use
                || node.mailbox.is_some_and(|m| m.role.is_some_and(|r| r.imap_attribute().is_some())))
    };
    let above = if select.recursive_match { listing.above(chosen) } else { Default::default() };
    for node in listing.nodes() {
        let is_above = above.contains(node.path);
        if !(chosen(node) || is_above) {
            continue;
        }
        let name = listing.wire_name(node);
        if !patterns.matches(node.path, &name) {
            continue;
        }
        let entry = ListEntry {
            attributes: attributes(&listing, node, command.returns.subscribed),
            // Roles and children are told always: RFC 6154 §2 and RFC 5258 §3 allow it, and old clients never ask.
            role: node.mailbox.and_then(|m| m.role),
            separator,
            name: &name.text,
            old_name: None,
            child_info_subscribed: is_above && select.subscribed,
        };
        list(&mut out, &entry, name.encoding);
        // RFC 5819 §2: not for what cannot be selected.
        if let Some(mailbox) = node.mailbox.filter(|m| m.selectable && !scope.items.is_empty()) {
            status::write(&mut out, tx, mailbox, &name, scope)?;
        }
    }
    Ok(out)
}

fn attributes(listing: &Listing<'_>, node: &Node<'_>, tell_subscribed: bool) -> ListAttributes {
    let mut attributes = match node.mailbox {
        None => ListAttributes::NON_EXISTENT,
        Some(mailbox) if mailbox.selectable => ListAttributes::default(),
        Some(_) => ListAttributes::NO_SELECT,
    };
    if let Some(mailbox) = node.mailbox {
        let children = listing.has_children(mailbox);
        attributes =
            attributes.union(if children { ListAttributes::HAS_CHILDREN } else { ListAttributes::HAS_NO_CHILDREN });
    }
    if tell_subscribed && node.subscribed {
        attributes = attributes.union(ListAttributes::SUBSCRIBED);
    }
    attributes
}
