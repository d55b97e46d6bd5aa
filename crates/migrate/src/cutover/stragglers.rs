//! What comes to the old side after the flip: mail of an old MX, of internal senders, of clients that still know its address.
//!
//! Only messages that are new there are brought over, and they get new UIDs here; flags and expunges of the old side are not
//! followed any more. A folder's cursor is written with its messages, so that a crash neither loses nor doubles one.

use std::collections::VecDeque;
use std::sync::Arc;

use sterna_core::{MailboxId, Uid, UidValidity};
use sterna_imap::client::Connection;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{MoveFolder, Tx};

use crate::back;
use crate::cursor::{self, Cursor, FlipMark};
use crate::error::Result;
use crate::folders::apply::{self, is_folder, settled_delimiter};
use crate::folders::{Listing, SourceFolder};
use crate::run::Run;
use crate::transfer::{Feed, FolderJob, Work, fetch, plan, sizes};

impl Run<'_> {
    /// Brings over what is new on the old side. Gives how many messages, and bytes, that were since the flip.
    pub(super) async fn stragglers(&mut self, connection: &mut Connection) -> Result<(u64, u64)> {
        let delimiter = self.context.account.read(settled_delimiter).await?;
        let listing = Listing::read(connection, delimiter).await?;
        let known = self.context.account.read(|tx| tx.move_folders()).await?;
        for folder in listing.folders.iter().filter(|f| f.selectable) {
            let known = known.iter().find(|known| known.source == folder.wire);
            let cursor = known.map(|known| Cursor::read(&known.cursor)).transpose()?;
            if !cursor.as_ref().is_some_and(|cursor| is_quiet(cursor, folder)) {
                self.folder_stragglers(connection, folder, known.cloned(), cursor).await?;
            }
        }
        // They are new messages here, too, for whoever counts what was carried over.
        self.context.counters.take_into(&mut self.record.totals);
        self.context.account.read(brought).await.map_err(Into::into)
    }

    async fn folder_stragglers(
        &mut self,
        connection: &mut Connection,
        folder: &SourceFolder,
        known: Option<MoveFolder>,
        cursor: Option<Cursor>,
    ) -> Result<()> {
        let selected = match connection.select(&folder.name, true, None).await {
            Ok(selected) => selected,
            Err(e) if e.is_refusal() => {
                return self.note_straggling(folder, e.to_string()).await;
            }
            Err(e) => return Err(e.into()),
        };
        let Some(validity) = selected.uid_validity else {
            return self.note_straggling(folder, "it tells no UIDVALIDITY any more".to_owned()).await;
        };
        if let Some(was) = cursor.as_ref().map(|c| c.uid_validity).filter(|was| *was != 0 && *was != validity.get()) {
            let reason = format!(
                "UIDVALIDITY changed from {was} to {validity} after the flip: which of its messages are new is not known, and none is brought over"
            );
            return self.note_straggling(folder, reason).await;
        }
        let found = match selected.exists {
            0 => NumberSet::new(),
            _ => connection.uid_search("ALL").await?,
        };
        let (at, shown) = (folder.clone(), known);
        let begun = self.context.account.write(move |tx| begin(tx, &at, shown, validity, &found)).await?;
        let Some((job, wanted)) = begun else { return Ok(()) };
        if !wanted.is_empty() {
            let mailbox = job.mailbox;
            let mut work = VecDeque::new();
            for window in plan::windows(&wanted, plan::WINDOW) {
                let sizes = sizes(connection, &window).await?;
                let batches = plan::batches(&window, sizes).into_iter();
                work.extend(batches.map(|batch| Work { folder: job.clone(), batch, attempt: 0 }));
            }
            // In the order in which they came: that is the order of their UIDs here.
            work.make_contiguous().reverse();
            fetch(connection, &self.context, Feed::Own(work), Some(mailbox)).await?;
        }
        self.at("straggled").await?;
        if job.has_failed() {
            return Ok(());
        }
        // Nothing below UIDNEXT can come any more.
        let Some(next) = selected.uid_next.map(Uid::get).filter(|next| *next > 1) else { return Ok(()) };
        let wire = folder.wire.clone();
        let write = move |tx: &Tx<'_>| {
            cursor::update(tx, &wire, |cursor| {
                if cursor.uid_validity == validity.get() {
                    cursor.done = cursor.done.union(&NumberSet::range(1, next - 1));
                    cursor.refused = None;
                }
                Ok(())
            })
            .map(drop)
        };
        Ok(self.context.account.write(write).await?)
    }

    /// A folder that nothing can be brought over from is told in the receipt.
    async fn note_straggling(&self, folder: &SourceFolder, reason: String) -> Result<()> {
        tracing::warn!(folder = folder.shown(), reason, "nothing is brought over from a folder of the old side");
        let (wire, reason) = (folder.wire.clone(), format!("on the old side: {reason}"));
        Ok(self.context.account.write(move |tx| tx.add_move_exception(&wire, None, &reason)).await?)
    }
}

/// Whether STATUS shows that nothing new came.
fn is_quiet(cursor: &Cursor, folder: &SourceFolder) -> bool {
    let (Some(status), Some(mark)) = (&folder.status, &cursor.flip) else { return false };
    let Some(next) = status.uid_next.map(Uid::get) else { return false };
    let none_missing = cursor.missing.ranges().last().is_none_or(|(_, last)| *last < mark.source_uid_next);
    let nothing_new = next <= mark.source_uid_next || cursor.done.contains(next - 1);
    status.uid_validity.map(UidValidity::get) == Some(cursor.uid_validity) && nothing_new && none_missing
}

/// The mailbox that a folder's new messages go to, and which they are; `None` if there is neither.
fn begin(
    tx: &Tx<'_>,
    folder: &SourceFolder,
    known: Option<MoveFolder>,
    validity: UidValidity,
    found: &NumberSet,
) -> sterna_store::Result<Option<(Arc<FolderJob>, NumberSet)>> {
    let Owned { mailbox, both, is_new } = whose(tx, folder, known)?;
    let mut cursor = match tx.move_folder(&folder.wire)? {
        Some(known) => Cursor::read(&known.cursor).map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?,
        None => Cursor { created: true, ..Cursor::default() },
    };
    let before = match cursor.flip.map_or(1, |mark| mark.source_uid_next) {
        0 | 1 => NumberSet::new(),
        next => NumberSet::range(1, next - 1),
    };
    let wanted = found.difference(&before).difference(&cursor.done).union(&found.intersection(&cursor.missing));
    let wanted = wanted.difference(&before).difference(&both);
    let mailbox = match mailbox {
        Some(mailbox) => mailbox,
        // Deleted here: only new messages need a place.
        None if wanted.is_empty() && !is_new => return Ok(None),
        None => apply::place(tx, folder)?,
    };
    cursor.uid_validity = validity.get();
    if cursor.flip.is_none() {
        let uid_next = tx.mailbox(mailbox)?.uid_next;
        let (source_uid_next, source_modseq, stragglers, straggler_bytes) = (1, 0, 0, 0);
        cursor.flip = Some(FlipMark { source_uid_next, source_modseq, uid_next, stragglers, straggler_bytes });
    }
    cursor::put(tx, &folder.wire, mailbox, &cursor)?;
    back::adopt(tx, mailbox, &folder.wire, validity)?;
    let mut job = FolderJob::new(folder.name.clone(), folder.wire.clone(), mailbox, validity);
    job.straggling = true;
    Ok(Some((Arc::new(job), wanted)))
}

/// What is here of a folder of the old side.
struct Owned {
    /// Its mailbox, unless it is gone.
    mailbox: Option<MailboxId>,
    /// UIDs of messages there that are here, or were: what was carried back to it is not new there, even if its mailbox was
    /// deleted meanwhile.
    both: NumberSet,
    /// Neither the move nor the way back knew it: it was made there since the flip, or no listing had shown it before.
    is_new: bool,
}

fn whose(tx: &Tx<'_>, folder: &SourceFolder, known: Option<MoveFolder>) -> sterna_store::Result<Owned> {
    let carried = back::places(tx)?.into_iter().filter(|(_, source, _)| *source == folder.wire).map(|(id, ..)| id);
    let known_before = known.is_some();
    let owners: Vec<MailboxId> = carried.chain(known.and_then(|known| known.mailbox)).collect();
    let (mut mailbox, mut both) = (None, NumberSet::new());
    let is_new = owners.is_empty() && !known_before;
    for owner in owners {
        let there = back::on_both_sides(tx, owner)?.into_iter().map(|m| m.there).collect();
        both = both.union(&there);
        mailbox = mailbox.or(tx.find_mailbox(owner)?.filter(|m| m.selectable).map(|m| m.id));
    }
    Ok(Owned { mailbox, both, is_new })
}

/// Messages, and their bytes, that were brought over since the flip.
fn brought(tx: &Tx<'_>) -> sterna_store::Result<(u64, u64)> {
    let mut sum = (0, 0);
    for folder in tx.move_folders()?.into_iter().filter(|f| is_folder(&f.source)) {
        let cursor = Cursor::read(&folder.cursor).map_err(|e| sterna_store::Error::Corrupt(e.to_string()))?;
        if let Some(mark) = cursor.flip {
            sum = (sum.0 + mark.stragglers, sum.1 + mark.straggler_bytes);
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use sterna_imap::codec::response_parser::MailboxStatus;

    use super::*;
    use crate::folders::names;
    use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};

    #[test]
    fn a_folder_is_left_alone_until_its_uidnext_tells_of_more() {
        let name = MailboxName::inbox();
        let status = |next| MailboxStatus {
            name: MailboxName::inbox(),
            messages: None,
            uid_next: Uid::new(next),
            uid_validity: UidValidity::new(7),
            unseen: None,
            highest_modseq: None,
            size: None,
            mailbox_id: None,
        };
        let folder = |next| SourceFolder {
            name: name.clone(),
            wire: b"INBOX".to_vec(),
            path: names::path(b"INBOX", NameEncoding::ModifiedUtf7, Some('/'), '/'),
            selectable: true,
            subscribed: true,
            role: None,
            status: Some(status(next)),
        };
        let mark = FlipMark { source_uid_next: 10, source_modseq: 0, uid_next: 10, stragglers: 0, straggler_bytes: 0 };
        let mut cursor = Cursor { uid_validity: 7, flip: Some(mark), ..Cursor::default() };
        assert!(is_quiet(&cursor, &folder(10)) && !is_quiet(&cursor, &folder(12)));
        cursor.done = NumberSet::range(1, 11);
        assert!(is_quiet(&cursor, &folder(12)));
        cursor.missing = NumberSet::range(4, 4);
        assert!(is_quiet(&cursor, &folder(12)));
        cursor.missing = NumberSet::range(11, 11);
        assert!(!is_quiet(&cursor, &folder(12)));
        assert!(!is_quiet(&Cursor { uid_validity: 8, ..cursor }, &folder(12)));
    }
}
