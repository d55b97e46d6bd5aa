//! INBOX as it is here, for the comparison with a POP3 listing.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sterna_core::{MailboxId, Role, UidValidity};
use sterna_imap::codec::sequence::NumberSet;
use sterna_message::StructureRef;
use sterna_store::{Account, Tx, UidRange};

use super::fingerprint::{Fingerprint, Fingerprinter, Hash};
use super::matching::Here;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::folders::apply::is_folder;

/// Headers that are read in one transaction.
const PAGE: usize = 500;

/// Bytes of a body that are read at once.
const PIECE: u64 = 8 * sterna_store::CHUNK as u64;

/// INBOX with what the move brought.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    pub mailbox: MailboxId,
    pub validity: UidValidity,
    /// Ascending by UID. Messages that were added here are left out: the source does not know them.
    pub messages: Vec<Here>,
}

impl Inbox {
    /// `None`: the move has not begun to copy it.
    pub fn read(tx: &Tx<'_>) -> sterna_store::Result<Option<Inbox>> {
        let Some(inbox) = tx.mailboxes()?.into_iter().find(|m| m.role == Some(Role::Inbox)) else { return Ok(None) };
        let folder = tx.move_folders()?.into_iter().find(|f| f.mailbox == Some(inbox.id) && is_folder(&f.source));
        let Some(folder) = folder else { return Ok(None) };
        let cursor = Cursor::read(&folder.cursor).map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?;
        let messages = messages(tx, inbox.id, &cursor.brought())?;
        Ok(Some(Inbox { mailbox: inbox.id, validity: inbox.uid_validity, messages }))
    }
}

/// Those of a mailbox's messages that are in a set.
pub(super) fn messages(tx: &Tx<'_>, mailbox: MailboxId, wanted: &NumberSet) -> sterna_store::Result<Vec<Here>> {
    let mut messages = Vec::new();
    let _ = tx.emails(mailbox, UidRange::ALL, |row, email| {
        if wanted.contains(row.uid.get()) {
            let structure =
                StructureRef::from_bytes(email.structure).map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?;
            messages.push(Here {
                uid: row.uid,
                size: email.size,
                blob: email.blob,
                header_len: structure.header_len(),
                uidl: row.uidl.map(str::to_owned),
                order: row.pop_order,
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(messages)
}

/// The headers of some messages, by their places.
pub(super) async fn headers(account: &Account, messages: &[Here], places: &[usize]) -> Result<HashMap<usize, Hash>> {
    let mut hashes = HashMap::with_capacity(places.len());
    for page in places.chunks(PAGE) {
        let page: Vec<(usize, Here)> = page.iter().filter_map(|p| Some((*p, messages.get(*p)?.clone()))).collect();
        let read = move |tx: &Tx<'_>| {
            page.iter().map(|(place, here)| Ok((*place, header(tx, here)?))).collect::<sterna_store::Result<Vec<_>>>()
        };
        hashes.extend(account.read(read).await?);
    }
    Ok(hashes)
}

fn header(tx: &Tx<'_>, here: &Here) -> sterna_store::Result<Hash> {
    let mut fingerprinter = Fingerprinter::new();
    let mut at = 0;
    while at < here.header_len {
        fingerprinter.feed(&tx.blob_range(here.blob, at, PIECE.min(here.header_len - at))?);
        at += PIECE;
    }
    Ok(fingerprinter.finish().header)
}

/// Some messages whole, by their places.
pub(super) async fn fingerprints(
    account: &Account,
    messages: &[Here],
    places: &[usize],
) -> Result<HashMap<usize, Fingerprint>> {
    let mut prints = HashMap::with_capacity(places.len());
    for place in places {
        let Some(here) = messages.get(*place) else { continue };
        let mut fingerprinter = Fingerprinter::new();
        let mut at = 0;
        while at < here.size {
            let piece = account.blob_range(here.blob, at, PIECE).await?;
            // Hashing a piece takes about as long as reading it: not the runtime's time.
            let hashed = tokio::task::spawn_blocking(move || {
                fingerprinter.feed(&piece);
                fingerprinter
            });
            fingerprinter = hashed.await.map_err(Error::join)?;
            at += PIECE;
        }
        prints.insert(*place, fingerprinter.finish());
    }
    Ok(prints)
}
