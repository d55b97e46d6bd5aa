//! Writes a batch: its messages and the folder's cursor in one transaction, so that a crash neither loses nor repeats
//! a message.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sterna_core::{DateTime, Flags, ModSeq, Uid};
use sterna_imap::codec::response_parser::Fetch;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::{BackMessage, Import, Imported, NewEmail, Tx, UidRange};

use super::{Context, FolderJob};
use crate::back;
use crate::cursor;
use crate::error::{Error, Result};

/// What the source says of a message beside its body.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    flags: Flags,
    odd: Vec<String>,
    date: Option<DateTime>,
    raw_date: Option<String>,
    modseq: Option<ModSeq>,
    saved_at: Option<i64>,
}

impl Envelope {
    pub fn from_fetch(fetch: &Fetch) -> Envelope {
        let list = fetch.flags.clone().unwrap_or_default();
        let date = fetch.internal_date.as_ref();
        Envelope {
            flags: list.flags,
            odd: list.odd,
            date: date.and_then(|d| d.parsed),
            raw_date: date.map(|d| String::from_utf8_lossy(&d.raw).into_owned()),
            modseq: fetch.modseq.filter(|m| *m > ModSeq(0)),
            saved_at: fetch.save_date.as_ref().and_then(|d| d.parsed).map(|d| d.unix),
        }
    }
}

/// A batch that is ready to be written.
pub(super) struct Ready {
    pub emails: HashMap<Uid, NewEmail>,
    pub envelopes: HashMap<Uid, Envelope>,
    /// UIDs dealt with when this is durable.
    pub covers: NumberSet,
    /// UIDs that the source has and does not give, with its words.
    pub missing: Vec<(Uid, String)>,
}

/// Writes it. Returns when it is durable.
pub(super) async fn commit(context: Arc<Context>, folder: Arc<FolderJob>, ready: Ready) -> Result<()> {
    // A task of its own: a transaction that has begun is counted, even if its pass is given up meanwhile.
    let writing = tokio::spawn(async move {
        let (messages, bytes) = context.account.write(move |tx| write(tx, &folder, ready)).await?;
        #[cfg(test)]
        context.faults.lose_answer()?;
        context.counters.messages.fetch_add(messages, Ordering::Relaxed);
        context.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        context.reporter.carried(messages, bytes);
        Ok(())
    });
    writing.await.map_err(Error::join)?
}

/// The messages that are new with it, and their bytes.
fn write(tx: &Tx<'_>, folder: &FolderJob, ready: Ready) -> sterna_store::Result<(u64, u64)> {
    let mut carried = (0, 0);
    let Ready { emails, mut envelopes, covers, missing } = ready;
    let present = match folder.straggling {
        // UIDs of a straggler mean nothing here: it takes the next one.
        true => BTreeSet::new(),
        false => present(tx, folder, &covers)?,
    };
    let mut next = tx.mailbox(folder.mailbox)?.uid_next;
    // After the change of sides: what was carried back is there and here, and not new.
    let both = back::on_both_sides(tx, folder.mailbox)?;
    let ours: NumberSet = both.iter().map(|m| m.there).collect();
    let same: NumberSet = both.iter().filter(|m| m.uid == m.there).map(|m| m.there).collect();
    let mut brought = Vec::new();
    cursor::update(tx, &folder.wire, |cursor| {
        if cursor.uid_validity != folder.validity.get() {
            // The folder was begun anew meanwhile: these UIDs mean nothing any more.
            folder.fail();
            return Ok(());
        }
        for uid in &present {
            if !cursor.done.contains(uid.get()) && !same.contains(uid.get()) {
                cursor.foreign.insert(uid.get());
            }
        }
        // In ascending order: the store's pages fill up, and UIDNEXT rises once.
        let mut emails: Vec<(Uid, NewEmail)> = emails.into_iter().collect();
        emails.sort_unstable_by_key(|(uid, _)| *uid);
        let (mut arrived, mut batch) = (NumberSet::new(), Vec::new());
        for (uid, mut email) in emails {
            arrived.insert(uid.get());
            let envelope = envelopes.remove(&uid).unwrap_or_default();
            if ours.contains(uid.get()) {
                if !same.contains(uid.get()) && !folder.straggling {
                    cursor.foreign.insert(uid.get());
                }
                continue;
            }
            if present.contains(&uid) && !cursor.foreign.contains(uid.get()) {
                continue;
            }
            if folder.straggling && cursor.done.contains(uid.get()) && !cursor.missing.contains(uid.get()) {
                continue;
            }
            let target = match folder.straggling {
                true => place_behind(folder, &mut next)?,
                false => target(tx, folder, cursor, uid, &batch)?,
            };
            email.internaldate = internaldate(tx, folder, uid, &email, &envelope)?;
            note_odd_flags(tx, folder, uid, &envelope.odd)?;
            brought.push(BackMessage { uid: target, there: uid });
            let modseq = envelope.modseq.filter(|_| !folder.straggling);
            let import = Import { modseq, saved_at: envelope.saved_at, uidl: None };
            batch.push((target, email, envelope.flags, import));
        }
        let messages = batch.iter().map(|(uid, email, flags, import)| Imported { uid: *uid, email, flags, import });
        tx.import_many(folder.mailbox, &messages.collect::<Vec<_>>())?;
        carried = (batch.len() as u64, batch.iter().map(|(_, email, ..)| email.blob.size).sum());
        if let Some(mark) = cursor.flip.as_mut().filter(|_| folder.straggling) {
            mark.stragglers += carried.0;
            mark.straggler_bytes += carried.1;
        }
        cursor.missing = cursor.missing.difference(&covers).difference(&arrived);
        for (uid, reason) in missing {
            cursor.missing.insert(uid.get());
            folder.note(
                tx,
                Some(uid),
                &format!("the source does not give this message: {reason}; it is asked for again in each pass"),
            )?;
        }
        cursor.done = cursor.done.union(&covers);
        Ok(())
    })?;
    back::arrived(tx, folder.mailbox, &brought)?;
    Ok(carried)
}

/// The next UID of the mailbox.
fn place_behind(folder: &FolderJob, next: &mut u64) -> sterna_store::Result<Uid> {
    let uid = u32::try_from(*next).ok().and_then(Uid::new);
    *next += 1;
    uid.ok_or(sterna_store::Error::UidTaken { mailbox: folder.mailbox, uid: *next })
}

/// The UID that a message will have here: its own, unless another message was given that one here. Both stay.
fn target(
    tx: &Tx<'_>,
    folder: &FolderJob,
    cursor: &mut cursor::Cursor,
    uid: Uid,
    batch: &[(Uid, NewEmail, Flags, Import)],
) -> sterna_store::Result<Uid> {
    if !cursor.foreign.contains(uid.get()) {
        return Ok(uid);
    }
    let behind = batch.iter().map(|(uid, ..)| u64::from(uid.get()) + 1).max().unwrap_or(1);
    let next = tx.mailbox(folder.mailbox)?.uid_next.max(behind);
    let target = u32::try_from(next).ok().and_then(Uid::new);
    let target = target.ok_or(sterna_store::Error::UidTaken { mailbox: folder.mailbox, uid: u64::from(uid.get()) })?;
    cursor.foreign.insert(target.get());
    folder.note(tx, Some(uid), &format!("its UID was taken by a message added here; it has UID {target} here"))?;
    Ok(target)
}

/// What the source says, or else the next best, with a note.
fn internaldate(
    tx: &Tx<'_>,
    folder: &FolderJob,
    uid: Uid,
    email: &NewEmail,
    envelope: &Envelope,
) -> sterna_store::Result<DateTime> {
    if let Some(date) = envelope.date {
        return Ok(date);
    }
    let said = envelope.raw_date.as_deref().unwrap_or("NIL").escape_debug().to_string();
    let (date, from) = match email.sent {
        Some(sent) => (sent, "of its Date field"),
        None => (DateTime::utc(tx.now()), "of the move"),
    };
    folder.note(tx, Some(uid), &format!("its INTERNALDATE \"{said}\" is not a date; it has the one {from}"))?;
    Ok(date)
}

fn note_odd_flags(tx: &Tx<'_>, folder: &FolderJob, uid: Uid, odd: &[String]) -> sterna_store::Result<()> {
    odd.iter().try_for_each(|flag| {
        let reason = format!("its flag \"{}\" is none that a message can have and was left out", flag.escape_debug());
        folder.note(tx, Some(uid), &reason)
    })
}

/// UIDs of the stretch that messages here have already.
fn present(tx: &Tx<'_>, folder: &FolderJob, covers: &NumberSet) -> sterna_store::Result<BTreeSet<Uid>> {
    let mut present = BTreeSet::new();
    for (first, last) in covers.ranges() {
        let (Some(first), Some(last)) = (Uid::new(*first), Uid::new(*last)) else { continue };
        let _ = tx.messages(folder.mailbox, UidRange { first, last }, |message| {
            present.insert(message.uid);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(present)
}
