//! Folders that the source has no more: what the move brought goes, what anybody added here stays.
//!
//! Only a source that says twice that a folder does not exist is believed: one listing that lacks it and one refusal to
//! open it. An error that may pass is never read as "deleted".

use std::ops::ControlFlow;

use sterna_core::{MailboxId, Role};
use sterna_imap::client::Connection;
use sterna_imap::codec::mailbox::MailboxName;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{MoveFolder, Tx, UidRange};

use super::Listing;
use super::apply::is_folder;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::transfer::Context;

/// Follows deletions at the source; `true` if there was one.
pub(crate) async fn remove(connection: &mut Connection, context: &Context, listing: &Listing) -> Result<bool> {
    let folders = context.account.read(|tx| tx.move_folders()).await?;
    let listed = |f: &MoveFolder| listing.folders.iter().any(|l| l.wire == f.source);
    let mut lost: Vec<MoveFolder> = folders.into_iter().filter(|f| is_folder(&f.source) && !listed(f)).collect();
    // Children before their parents.
    lost.sort_by_key(|f| std::cmp::Reverse(f.source.len()));
    let mut removed = false;
    for folder in lost {
        let name = MailboxName::from_wire(&folder.source, connection.encoding());
        match connection.select(&name, true, None).await {
            // It is there after all: the next listing will show it.
            Ok(_) => continue,
            Err(e) if e.is_refusal() => {}
            Err(e) => return Err(e.into()),
        }
        context.account.write(move |tx| forget(tx, &folder)).await?;
        removed = true;
    }
    Ok(removed)
}

fn forget(tx: &Tx<'_>, folder: &MoveFolder) -> sterna_store::Result<()> {
    let cursor = Cursor::read(&folder.cursor).map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?;
    tx.remove_move_folder(&folder.source)?;
    let Some(mailbox) = folder.mailbox.and_then(|id| tx.find_mailbox(id).transpose()).transpose()? else {
        return Ok(());
    };
    if mailbox.selectable {
        expunge(tx, mailbox.id, &cursor.brought())?;
    }
    let empty = tx.mailbox(mailbox.id)?.total == 0;
    let tree = tx.mailbox_tree()?;
    let mere_parent = !mailbox.selectable && tree.has_children(mailbox.id);
    if !cursor.created || !empty || mere_parent || mailbox.role == Some(Role::Inbox) {
        return Ok(());
    }
    // A subscription that outlives its folder is the source's to tell.
    let subscribed = tree.path(mailbox.id).map(|path| tx.dangling_subscriptions().map(|d| d.iter().any(|p| p == path)));
    if !subscribed.transpose()?.unwrap_or(false) {
        tx.set_subscribed(mailbox.id, false)?;
    }
    tx.delete_mailbox(mailbox.id)
}

/// Removes those of the UIDs that are here. Ranges without bounds cost nothing: they are cut to what is here.
pub(crate) fn expunge(tx: &Tx<'_>, mailbox: MailboxId, uids: &NumberSet) -> sterna_store::Result<usize> {
    let mut here = NumberSet::new();
    let _ = tx.messages(mailbox, UidRange::ALL, |message| {
        here.insert(message.uid.get());
        Ok(ControlFlow::Continue(()))
    })?;
    let ranges: Vec<UidRange> = here
        .intersection(uids)
        .ranges()
        .iter()
        .filter_map(|(first, last)| {
            Some(UidRange { first: sterna_core::Uid::new(*first)?, last: sterna_core::Uid::new(*last)? })
        })
        .collect();
    if ranges.is_empty() {
        return Ok(0);
    }
    Ok(tx.expunge(mailbox, &ranges)?.len())
}
