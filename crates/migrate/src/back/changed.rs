//! UIDs that do not mean the same on both sides any more when a move is undone: those of messages that were carried under
//! another UID, and those that the old side gave by itself after the change of sides.

use std::collections::HashMap;

use sterna_imap::client::Connection;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{BackMessage, Tx};

use super::state::Folder;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::transfer::Context;

/// A folder whose UIDs are otherwise the same on both sides.
struct Pair {
    folder: Folder,
    uid_next: u64,
    /// UIDNEXT of the old side at the change of sides.
    source_next: u32,
    both: Vec<BackMessage>,
}

/// All of them, a line each: `folder: UID here is UID there`, or that the UID was another's here.
pub(crate) async fn uids(context: &Context, connection: &mut Connection) -> Result<Vec<String>> {
    let pairs = context.account.read(pairs).await?;
    let mut lines = Vec::new();
    let listed = connection.folders().await?;
    let nexts: HashMap<Vec<u8>, u32> = listed
        .into_iter()
        .filter_map(|f| Some((f.entry.name.to_wire(connection.encoding()), f.status?.uid_next?.get())))
        .collect();
    for Pair { folder, uid_next, source_next, both } in pairs {
        let name = folder.shown();
        let differing = both.iter().filter(|m| m.uid != m.there);
        lines.extend(differing.map(|m| format!("{name}: {} is {}", m.uid, m.there)));
        // What came there and was not brought over: it has UIDs that were given here, too.
        let first = source_next.max(1);
        let end =
            nexts.get(&folder.source).copied().unwrap_or(u32::MAX).min(u32::try_from(uid_next).unwrap_or(u32::MAX));
        if source_next == 0 || end <= first {
            continue;
        }
        let mailbox = folder.name(connection);
        let found = match connection.select(&mailbox, true, None).await {
            Ok(selected) if selected.exists == 0 => continue,
            Ok(_) => connection.uid_search(&format!("UID {first}:{}", end - 1)).await?,
            // It is gone there, with its UIDs.
            Err(error) if super::is_refusal(&error) => continue,
            Err(error) => return Err(Error::Source(error)),
        };
        let known: NumberSet = both.iter().map(|m| m.there.get()).collect();
        let strange = found.difference(&known).intersection(&NumberSet::range(first, end - 1));
        let strange = strange.uids().filter(|uid| !folder.was_brought(*uid));
        lines.extend(
            strange.map(|uid| format!("{name}: {uid} was another message's here; this one came to the old side")),
        );
    }
    Ok(lines)
}

fn pairs(tx: &Tx<'_>) -> sterna_store::Result<Vec<Pair>> {
    let cursors = tx.move_folders()?;
    let mut pairs = Vec::new();
    for folder in Folder::all(tx)? {
        let Some(here) = tx.find_mailbox(folder.mailbox)?.filter(|m| m.selectable) else { continue };
        if here.uid_validity.get() != folder.state.uid_validity {
            continue;
        }
        let cursor = cursors.iter().find(|known| known.mailbox == Some(folder.mailbox));
        let cursor = cursor.map(|known| Cursor::read(&known.cursor)).transpose();
        let cursor = cursor.map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?;
        let source_next = cursor.and_then(|c| c.flip).map_or(0, |mark| mark.source_uid_next);
        let both = tx.back_messages(folder.mailbox)?;
        pairs.push(Pair { folder, uid_next: here.uid_next, source_next, both });
    }
    Ok(pairs)
}
