//! The mailbox that a mail goes into: the one that a script names, found as clients see it, or made; else INBOX or the one
//! for junk.

use sterna_core::{MailboxId, Role};
use sterna_store::{Error, Mailbox, MailboxTree, NewMailbox, Result, Tx};

use crate::filter::Target;

/// The longest path that a script may make, bytes of UTF-8, and the deepest, components: as for IMAP's CREATE.
const PATH_MAX: usize = 1024;
const DEPTH_MAX: usize = 50;

/// The name of a mailbox for junk that delivery makes.
const JUNK: &str = "Junk";

/// The account's mailboxes, and the prefix that clients see before their names.
pub(crate) fn tree(tx: &Tx<'_>) -> Result<(MailboxTree, String)> {
    let state = tx.account_state()?;
    Ok((MailboxTree::new(tx.mailboxes()?, state.delimiter), state.prefix))
}

/// The mailbox of that name (RFC 5228 §4.1: names are those of IMAP, in UTF-8).
pub(crate) fn find<'t>(tree: &'t MailboxTree, prefix: &str, name: &str) -> Option<&'t Mailbox> {
    tree.find(path(prefix, name)).or_else(|| tree.find(name))
}

/// The mailbox with a role, if mail can be filed there.
pub(crate) fn with_role(tree: &MailboxTree, role: Role) -> Option<&Mailbox> {
    tree.iter().map(|(_, mailbox)| mailbox).find(|mailbox| mailbox.role == Some(role) && mailbox.selectable)
}

/// Without the namespace's prefix.
fn path<'n>(prefix: &str, name: &'n str) -> &'n str {
    name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// INBOX.
pub(crate) fn inbox(tx: &Tx<'_>) -> Result<MailboxId> {
    let found = tx.mailboxes()?.into_iter().find(|mailbox| mailbox.role == Some(Role::Inbox));
    found.map(|mailbox| mailbox.id).ok_or_else(|| Error::Corrupt("the account has no INBOX".into()))
}

/// Where mail goes that nobody files elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept {
    /// INBOX.
    Inbox(MailboxId),
    /// The mailbox for junk, made when the first mail needs it.
    Junk,
}

impl Kept {
    pub fn mailbox(self, tx: &Tx<'_>) -> Result<MailboxId> {
        match self {
            Kept::Inbox(inbox) => Ok(inbox),
            Kept::Junk => junk(tx),
        }
    }
}

/// The mailbox with the role of junk. If there is none, "Junk" gets the role, and is made if it is not there.
fn junk(tx: &Tx<'_>) -> Result<MailboxId> {
    let (tree, _) = tree(tx)?;
    let with_role = tree.iter().map(|(_, mailbox)| mailbox).find(|mailbox| mailbox.role == Some(Role::Junk));
    let Some(found) = with_role.or_else(|| tree.find(JUNK)) else {
        let new = NewMailbox { role: Some(Role::Junk), subscribed: true, ..NewMailbox::named(JUNK) };
        return Ok(tx.create_mailbox(&new)?.id);
    };
    if found.role.is_none() {
        tx.set_role(found.id, Some(Role::Junk))?;
    }
    if !found.selectable {
        tx.set_selectable(found.id, true)?;
    }
    Ok(found.id)
}

/// The mailbox for a filing. What is not there and is not to be made, or cannot be, is kept: no message is lost for a name.
pub(crate) fn target(tx: &Tx<'_>, kept: Kept, target: &Target) -> Result<MailboxId> {
    let Target::Mailbox { name, special_use, create } = target else { return kept.mailbox(tx) };
    let (tree, prefix) = tree(tx)?;
    if let Some(found) = special_use.and_then(|role| with_role(&tree, role)) {
        return Ok(found.id);
    }
    match find(&tree, &prefix, name) {
        Some(found) if found.selectable => Ok(found.id),
        Some(found) if *create => {
            tx.set_selectable(found.id, true)?;
            Ok(found.id)
        }
        None if *create => match make(tx, &tree, path(&prefix, name)) {
            Ok(Some(made)) => Ok(made),
            Ok(None) | Err(Error::Invalid(_) | Error::NotPermitted(_) | Error::MailboxExists(_)) => kept.mailbox(tx),
            Err(error) => Err(error),
        },
        _ => kept.mailbox(tx),
    }
}

/// Makes a mailbox and those above it that are missing; `None` if the name is none.
fn make(tx: &Tx<'_>, tree: &MailboxTree, path: &str) -> Result<Option<MailboxId>> {
    let delimiter = tree.delimiter();
    let components: Vec<&str> = path.trim_end_matches(delimiter).split(delimiter).collect();
    let bad = |name: &&str| name.is_empty() || name.contains(char::is_control);
    if path.len() > PATH_MAX || components.len() > DEPTH_MAX || components.iter().any(bad) {
        return Ok(None);
    }
    let (mut parent, mut above): (Option<MailboxId>, String) = (None, String::new());
    for name in components {
        if !above.is_empty() {
            above.push(delimiter);
        }
        above.push_str(name);
        let id = match tree.find(&above) {
            Some(known) => known.id,
            // Clients that list subscriptions only are to see it.
            None => tx.create_mailbox(&NewMailbox { parent, subscribed: true, ..NewMailbox::named(name) })?.id,
        };
        parent = Some(id);
    }
    Ok(parent)
}
