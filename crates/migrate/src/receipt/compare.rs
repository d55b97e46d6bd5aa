//! Walks both sides of every folder in step and counts what differs.

use sterna_core::{MailboxId, ModSeq, Uid, UidValidity};
use sterna_imap::client::Connection;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{Account, MoveFolder};

use super::sides::{Line, Side};
use super::{FolderComparison, ReceiptOptions, shown};
use crate::cursor::{Cursor, FlipMark};
use crate::error::Result;
use crate::folders::apply::{is_folder, settled_delimiter};
use crate::folders::{Listing, SourceFolder};

/// Differences of one folder that are spelled out; all are counted.
const SHOWN: usize = 50;

/// Compares all folders of the source, and those that only this side has.
///
/// `since`: the flip, as the account's MODSEQ. What changed on either side after it is left out, and counted.
pub(crate) async fn folders(
    account: &Account,
    connection: &mut Connection,
    options: &ReceiptOptions,
    since: Option<ModSeq>,
) -> Result<Vec<(Vec<u8>, FolderComparison)>> {
    let delimiter = account.read(settled_delimiter).await?;
    let listing = Listing::read(connection, delimiter).await?;
    let known = account.read(|tx| tx.move_folders()).await?;
    let mut compared = Vec::new();
    for folder in listing.folders.iter().filter(|f| f.selectable) {
        let ours = known.iter().find(|k| k.source == folder.wire);
        let cursor = ours.map(|o| Cursor::read(&o.cursor)).transpose()?.unwrap_or_default();
        let since = match (since, cursor.flip) {
            // It came to the source after the flip, or was deleted here since: there is nothing to compare.
            (Some(_), None) => continue,
            (Some(_), Some(_)) if ours.is_some_and(|o| o.mailbox.is_none()) => continue,
            (Some(modseq), Some(mark)) => Some(Since { modseq, mark }),
            (None, _) => None,
        };
        let sides = Sides { ours, cursor: &cursor, since };
        let result = folder_of_source(account, connection, folder, &sides, options).await?;
        compared.push((folder.wire.clone(), result));
    }
    for ours in known.iter().filter(|k| is_folder(&k.source)) {
        if !listing.folders.iter().any(|f| f.wire == ours.source) {
            let reason = "the source has no such folder any more".to_owned();
            let name = shown(&ours.source);
            let result = FolderComparison { name, refused: Some(reason), ..FolderComparison::default() };
            compared.push((ours.source.clone(), result));
        }
    }
    Ok(compared)
}

/// The flip, for one folder.
struct Since {
    modseq: ModSeq,
    mark: FlipMark,
}

/// What is known of a folder here.
struct Sides<'s> {
    ours: Option<&'s MoveFolder>,
    cursor: &'s Cursor,
    since: Option<Since>,
}

/// UIDs of which either side tells a change after the flip.
async fn changed_since(
    account: &Account,
    mailbox: MailboxId,
    (source, here): (&Side, &Side),
    since: &Since,
) -> Result<NumberSet> {
    let Since { modseq, mark } = *since;
    let gone = account.read(move |tx| tx.vanished_since(mailbox, modseq)).await?;
    let changed_here =
        here.lines.iter().filter(|(uid, line)| line.modseq > modseq.0 || u64::from(uid.get()) >= mark.uid_next);
    let changed_there = source.lines.iter().filter(|(uid, line)| {
        uid.get() >= mark.source_uid_next || mark.source_modseq > 0 && line.modseq > mark.source_modseq
    });
    Ok(gone.into_iter().chain(changed_here.chain(changed_there).map(|(uid, _)| *uid)).collect())
}

async fn folder_of_source(
    account: &Account,
    connection: &mut Connection,
    folder: &SourceFolder,
    Sides { ours, cursor, since }: &Sides<'_>,
    options: &ReceiptOptions,
) -> Result<FolderComparison> {
    let mut result = FolderComparison { name: folder.shown().to_owned(), ..FolderComparison::default() };
    let selected = match connection.select(&folder.name, true, None).await {
        Ok(selected) => selected,
        Err(e) if e.is_refusal() => {
            result.refused = Some(e.to_string());
            return Ok(result);
        }
        Err(e) => return Err(e.into()),
    };
    result.source_uid_validity = selected.uid_validity.map_or(0, UidValidity::get);
    result.source_uid_next = selected.uid_next.map(Uid::get);
    result.source_highest_modseq = selected.highest_modseq.unwrap_or_default().0;
    let mut source = match (selected.exists, options.verify_bodies) {
        (0, _) => Side::default(),
        (_, true) => Side::of_source_bodies(connection).await?,
        (_, false) => Side::of_source(connection).await?,
    };
    let mailbox = ours.and_then(|o| o.mailbox);
    let here = match mailbox {
        Some(mailbox) => side_here(account, mailbox, options.verify_bodies, &mut result).await?,
        None => None,
    };
    let Some(mut here) = here else {
        result.refused = Some("it was not copied yet".to_owned());
        result.source_messages = source.lines.len() as u64;
        return Ok(result);
    };
    if let (Some(since), Some(mailbox)) = (since, mailbox) {
        let changed = changed_since(account, mailbox, (&source, &here), since).await?;
        result.changed_since = changed.len();
        source.lines.retain(|(uid, _)| !changed.contains(uid.get()));
        here.lines.retain(|(uid, _)| !changed.contains(uid.get()));
    }
    walk(&source, &here, &cursor.foreign, &mut result);
    if since.is_some() {
        // Both sides go on by themselves since the flip.
        result.equal = result.uid_validity == result.source_uid_validity
            && result.source_digest == result.digest
            && result.only_here == result.added_here;
        return Ok(result);
    }
    let identity = result.uid_validity == result.source_uid_validity
        && result.source_uid_next.is_none_or(|next| result.uid_next >= u64::from(next))
        && result.highest_modseq >= result.source_highest_modseq;
    if !identity {
        note(&mut result, || "UIDVALIDITY, UIDNEXT or HIGHESTMODSEQ would let a client miss something".to_owned());
    }
    result.equal = identity && result.source_digest == result.digest && result.only_here == result.added_here;
    Ok(result)
}

async fn side_here(
    account: &Account,
    mailbox: MailboxId,
    hashes: bool,
    result: &mut FolderComparison,
) -> Result<Option<Side>> {
    let read = account
        .read(move |tx| match tx.find_mailbox(mailbox)? {
            Some(mailbox) => Ok(Some((Side::of_store(tx, mailbox.id, hashes)?, mailbox))),
            None => Ok(None),
        })
        .await?;
    Ok(read.map(|(side, mailbox)| {
        result.uid_validity = mailbox.uid_validity.get();
        result.uid_next = mailbox.uid_next;
        result.highest_modseq = mailbox.highest_modseq.0;
        side
    }))
}

/// One side's digest, message by message.
struct Digest(blake3::Hasher);

impl Digest {
    fn add(&mut self, uid: Uid, flags: &str, line: &Line, as_told: &Line) {
        let date = as_told.date.map(|d| d.imap().to_string()).unwrap_or_default();
        let hash = line.hash.map(|h| h.to_string()).unwrap_or_default();
        self.0.update(format!("{uid} ({flags}) \"{date}\" {} {hash}\n", as_told.size).as_bytes());
    }

    fn end(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// `foreign`: what was added here, which is told and not compared.
pub(super) fn walk(source: &Side, here: &Side, foreign: &NumberSet, result: &mut FolderComparison) {
    let (mut left, mut right) = (Digest(blake3::Hasher::new()), Digest(blake3::Hasher::new()));
    let mut ours = here.lines.iter().peekable();
    let mut theirs = source.lines.iter().peekable();
    loop {
        let next = match (theirs.peek(), ours.peek()) {
            (None, None) => break,
            (Some((uid, _)), None) => (*uid, true, false),
            (None, Some((uid, _))) => (*uid, false, true),
            (Some((a, _)), Some((b, _))) => (*a.min(b), a <= b, b <= a),
        };
        let (uid, at_source, at_here) = next;
        let line = if at_source { theirs.next() } else { None }.map(|(_, line)| line);
        let mine = if at_here { ours.next() } else { None }.map(|(_, line)| line);
        if let Some(line) = line {
            result.source_messages += 1;
            result.source_bytes += line.size;
        }
        if let Some(mine) = mine {
            result.messages += 1;
            result.bytes += mine.size;
        }
        match (line, mine) {
            (Some(theirs), Some(mine)) => {
                let mut told = theirs.clone();
                if theirs.size != mine.size {
                    // What it gave counts, not what it claims; wrong bytes show in the hash.
                    result.sizes_claimed_wrongly += 1;
                    told.size = mine.size;
                }
                // Without a valid date at the source, the one given here was noted as an exception.
                told.date = theirs.date.or(mine.date);
                left.add(uid, source.flags(theirs), theirs, &told);
                right.add(uid, here.flags(mine), mine, mine);
                compare(uid, (source.flags(theirs), &told), (here.flags(mine), mine), result);
            }
            (Some(theirs), None) => {
                left.add(uid, source.flags(theirs), theirs, theirs);
                result.only_source += 1;
                note(result, || format!("UID {uid} is only at the source"));
            }
            (None, Some(mine)) => {
                result.only_here += 1;
                if foreign.contains(uid.get()) {
                    result.added_here += 1;
                } else {
                    right.add(uid, here.flags(mine), mine, mine);
                    note(result, || format!("UID {uid} is only here"));
                }
            }
            (None, None) => {}
        }
    }
    (result.source_digest, result.digest) = (left.end(), right.end());
}

fn compare(uid: Uid, theirs: (&str, &Line), mine: (&str, &Line), result: &mut FolderComparison) {
    let flags = theirs.0 == mine.0;
    let dates = theirs.1.date == mine.1.date;
    let bodies = theirs.1.hash.is_none() || theirs.1.hash == mine.1.hash;
    result.flags_differ += u64::from(!flags);
    result.dates_differ += u64::from(!dates);
    result.bodies_differ += u64::from(!bodies);
    result.equal_messages += u64::from(flags && dates && bodies);
    if !flags {
        note(result, || format!("UID {uid} has the flags ({}) at the source and ({}) here", theirs.0, mine.0));
    }
    if !dates {
        let show = |line: &Line| line.date.map(|d| d.imap().to_string()).unwrap_or_default();
        note(result, || {
            format!("UID {uid} has INTERNALDATE {} at the source and {} here", show(theirs.1), show(mine.1))
        });
    }
    if !bodies {
        note(result, || format!("UID {uid} has other bytes at the source"));
    }
}

fn note(result: &mut FolderComparison, text: impl FnOnce() -> String) {
    if result.differences.len() < SHOWN {
        result.differences.push(text());
    }
}
