//! Makes the account's mailboxes follow the source's folders: created, subscribed, given their special use.
//!
//! A pass with nothing to do only reads. Nothing is deleted here (see [`super::gone`]) and no role or subscription of
//! a mailbox that the move does not know is touched.

use std::collections::{BTreeSet, HashMap};

use sterna_core::{MailboxId, Role};
use sterna_store::{Mailbox, MailboxTree, MoveFolder, NewMailbox, Tx};

use super::names::FolderPath;
use super::{Listing, SourceFolder};
use crate::cursor::{self, Cursor};

/// The key under which the account as a whole has its own cursor.
pub(crate) const ACCOUNT: &[u8] = b"";

/// Whether a row is a folder of the source: not the account's own, nor an import's memory, whose keys begin with NUL.
pub(crate) fn is_folder(source: &[u8]) -> bool {
    !matches!(source, ACCOUNT | [0, ..])
}

/// Mailboxes by the names of their folders.
pub(crate) type Mailboxes = HashMap<Vec<u8>, MailboxId>;

/// The separator, once it is settled: the move has begun here, or the account holds mail of its own.
pub(crate) fn settled_delimiter(tx: &Tx<'_>) -> sterna_store::Result<Option<char>> {
    let state = tx.account_state()?;
    let begun = !tx.move_folders()?.is_empty();
    let used = tx.mailboxes()?.iter().any(|m| m.total > 0);
    Ok((begun || used).then_some(state.delimiter))
}

/// The mailboxes, if every one is as the listing wants it; `None` if something has to be written.
pub(crate) fn unchanged(tx: &Tx<'_>, listing: &Listing) -> sterna_store::Result<Option<Mailboxes>> {
    let tree = tx.mailbox_tree()?;
    let known = known(tx)?;
    let mut mailboxes = Mailboxes::new();
    for folder in &listing.folders {
        let mailbox = known.get(&folder.wire).and_then(|id| tree.get(*id));
        let Some(mailbox) = mailbox.filter(|m| m.selectable || !folder.selectable) else { return Ok(None) };
        let lacks_role = folder.role.is_some_and(|role| mailbox.role != Some(role) && holder(&tree, role).is_none());
        if mailbox.subscribed != folder.subscribed || lacks_role {
            return Ok(None);
        }
        mailboxes.insert(folder.wire.clone(), mailbox.id);
    }
    let (wanted, ours) = (dangling(listing, tree.delimiter()), our_dangling(tx)?);
    Ok((wanted == ours).then_some(mailboxes))
}

/// Makes them so.
pub(crate) fn apply(tx: &Tx<'_>, listing: &Listing) -> sterna_store::Result<Mailboxes> {
    if settled_delimiter(tx)?.is_none() {
        if let Some(delimiter) = listing.delimiter {
            tx.set_namespace(delimiter, &listing.prefix)?;
        }
        tx.set_utf8_accept(listing.utf8_accept)?;
    }
    let delimiter = tx.account_state()?.delimiter;
    let known = known(tx)?;
    let mut all = tx.mailboxes()?;
    let mut mailboxes = Mailboxes::new();
    for folder in &listing.folders {
        let mailbox = match known.get(&folder.wire).and_then(|id| all.iter().find(|m| m.id == *id)) {
            Some(mailbox) => mailbox.clone(),
            None => {
                let (mailbox, created) = ensure(tx, &mut all, folder)?;
                cursor::put(tx, &folder.wire, mailbox.id, &Cursor { created, ..Cursor::default() })?;
                mailbox
            }
        };
        if folder.selectable && !mailbox.selectable {
            tx.set_selectable(mailbox.id, true)?;
        }
        tx.set_subscribed(mailbox.id, folder.subscribed)?;
        mailboxes.insert(folder.wire.clone(), mailbox.id);
    }
    give_roles(tx, listing, &mailboxes)?;
    for (wire, remark) in &listing.remarks {
        tx.add_move_exception(wire, None, remark)?;
    }
    let (wanted, ours) = (dangling(listing, delimiter), our_dangling(tx)?);
    for path in wanted.difference(&ours) {
        tx.set_dangling_subscription(path, true)?;
    }
    for path in ours.difference(&wanted) {
        tx.set_dangling_subscription(path, false)?;
    }
    let list: Vec<&String> = wanted.iter().collect();
    let cursor = serde_json::to_string(&list).map_err(|e| sterna_store::Error::Internal(e.to_string()))?;
    tx.put_move_folder(&MoveFolder { source: ACCOUNT.to_vec(), mailbox: None, cursor })?;
    Ok(mailboxes)
}

fn known(tx: &Tx<'_>) -> sterna_store::Result<HashMap<Vec<u8>, MailboxId>> {
    Ok(tx.move_folders()?.into_iter().filter_map(|f| Some((f.source, f.mailbox?))).collect())
}

fn holder(tree: &MailboxTree, role: Role) -> Option<&Mailbox> {
    tree.iter().map(|(_, m)| m).find(|m| m.role == Some(role))
}

/// A place for the messages of a folder that came after the flip, made where there is none.
pub(crate) fn place(tx: &Tx<'_>, folder: &SourceFolder) -> sterna_store::Result<MailboxId> {
    let (mailbox, created) = ensure(tx, &mut tx.mailboxes()?, folder)?;
    if !mailbox.selectable {
        tx.set_selectable(mailbox.id, true)?;
    }
    if created {
        tx.set_subscribed(mailbox.id, folder.subscribed)?;
    }
    Ok(mailbox.id)
}

/// The mailbox of a folder, made with its parents where it does not exist; `true` if it was made here.
fn ensure(tx: &Tx<'_>, all: &mut Vec<Mailbox>, folder: &SourceFolder) -> sterna_store::Result<(Mailbox, bool)> {
    let mut parent: Option<Mailbox> = None;
    let mut created = false;
    let last = folder.path.components.len().saturating_sub(1);
    for (depth, component) in folder.path.components.iter().enumerate() {
        let above = parent.as_ref().map(|m| m.id);
        let found = all.iter().find(|m| m.parent == above && m.name == component.name).cloned();
        created = found.is_none();
        let mailbox = match found {
            Some(mailbox) => mailbox,
            None => {
                let new = NewMailbox {
                    parent: above,
                    name: component.name.clone(),
                    raw_name: component.raw.clone(),
                    no_select: depth < last || !folder.selectable,
                    ..NewMailbox::default()
                };
                let mailbox = tx.create_mailbox(&new)?;
                all.push(mailbox.clone());
                mailbox
            }
        };
        parent = Some(mailbox);
    }
    let mailbox = parent.ok_or_else(|| sterna_store::Error::Invalid("a folder without a name".into()))?;
    // A mere parent that an earlier folder needed is this folder's own: the listing has children before it, too.
    let mere_parent = !created && !mailbox.selectable && mailbox.total == 0;
    Ok((mailbox, created || mere_parent))
}

fn give_roles(tx: &Tx<'_>, listing: &Listing, mailboxes: &Mailboxes) -> sterna_store::Result<()> {
    for folder in &listing.folders {
        let (Some(role), Some(id)) = (folder.role, mailboxes.get(&folder.wire)) else { continue };
        let tree = tx.mailbox_tree()?;
        match holder(&tree, role) {
            None if tree.get(*id).is_some_and(|m| m.role.is_none()) => tx.set_role(*id, Some(role))?,
            Some(other) if other.id != *id => {
                let attribute = role.imap_attribute().unwrap_or_default();
                let reason =
                    format!("has the special use {attribute} at the source, which \"{}\" has here", other.name);
                tx.add_move_exception(&folder.wire, None, &reason)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn dangling(listing: &Listing, delimiter: char) -> BTreeSet<String> {
    listing.dangling.iter().map(|path: &FolderPath| path.join(delimiter)).collect()
}

/// Those that the move subscribed to earlier: others are the user's.
fn our_dangling(tx: &Tx<'_>) -> sterna_store::Result<BTreeSet<String>> {
    match tx.move_folder(ACCOUNT)? {
        Some(cursor) => serde_json::from_str(&cursor.cursor).map_err(|e| sterna_store::Error::Corrupt(e.to_string())),
        None => Ok(BTreeSet::new()),
    }
}
