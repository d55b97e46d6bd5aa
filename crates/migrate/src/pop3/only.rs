//! A pass over a source that speaks nothing but POP3: what it lists and is not here comes into INBOX, with its unique id.
//!
//! The ids are the cursor: a message and its id are one transaction, so that a crash neither loses nor repeats one. POP3
//! tells neither flags nor INTERNALDATE: messages come unread, with the date at which they were received.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use sterna_core::{DateTime, Flags, MailboxId, Role, Uid};
use sterna_pop3::client::{Connection, FetchEvent, Part};
use sterna_store::{Import, Imported, NewEmail, Tx};

use super::arriving::{Arriving, Group};
use super::fingerprint::Fingerprint;
use super::matching::{Here, Matching, Remote};
use super::remote::Listing;
use super::{here, note};
use crate::cursor::{self, Cursor, Seen};
use crate::delta;
use crate::error::{Error, Result};
use crate::session::Pop3Login;
use crate::transfer::Context;

/// The folder's name in the list of cursors.
pub(super) const INBOX: &[u8] = b"INBOX";

/// What the receipt says of every such move.
const NO_FLAGS: &str = "POP3 shows INBOX alone, and neither flags nor INTERNALDATE: messages came unread, with the date at \
    which they were received";

/// What one run remembers between its passes.
#[derive(Default)]
pub(crate) struct Memory {
    listing: Option<Listing>,
    reasons: Option<Vec<String>>,
}

/// One pass.
pub(crate) async fn pass(context: &Context, login: &Pop3Login, memory: &mut Memory) -> Result<()> {
    let mut connection = login.open().await?;
    let listing = Listing::read(&mut connection).await?;
    context.reporter.set(|p| (p.folders_total, p.folders_done) = (1, 0));
    if memory.listing.as_ref() != Some(&listing) {
        // What the source does not give is asked for again in each pass.
        let complete = carry(context, login, &mut connection, &listing, memory).await?;
        memory.listing = complete.then_some(listing);
    }
    // Only a courtesy: everything is committed.
    let _ = connection.quit().await;
    context.counters.passes.fetch_add(1, Ordering::Relaxed);
    context.reporter.set(|p| p.folders_done = 1);
    Ok(())
}

/// `true`: all that is listed is here.
async fn carry(
    context: &Context,
    login: &Pop3Login,
    connection: &mut Connection,
    listing: &Listing,
    memory: &mut Memory,
) -> Result<bool> {
    let account = &context.account;
    let mailbox = account.write(begin).await?;
    let read = move |tx: &Tx<'_>| messages(tx, mailbox);
    let present = account.read(read).await?;
    let mut matching = Matching::new(&listing.messages, &present);
    matching.by_id();
    if listing.has_uidls {
        let gone = matching.open_here().into_iter().filter_map(|h| present.get(h));
        let gone: Vec<Uid> = gone.filter(|here| here.uidl.is_some()).map(|here| here.uid).collect();
        remove(context, login, mailbox, listing, gone).await?;
    }
    let known = match listing.has_uidls {
        true => HashMap::new(),
        false => {
            let places: Vec<usize> = (0..present.len()).collect();
            let prints = here::fingerprints(account, &present, &places).await?;
            prints.into_values().fold(HashMap::new(), |mut counts, print| {
                *counts.entry(print).or_insert(0u32) += 1;
                counts
            })
        }
    };
    let wanted: Vec<&Remote> = matching.open_remotes().into_iter().filter_map(|r| listing.messages.get(r)).collect();
    let mut reasons = vec![NO_FLAGS.to_owned()];
    if !listing.has_uidls {
        reasons.push(format!("{} has no unique ids (UIDL): messages have some of ours", login.at()));
    }
    let told = reasons.len();
    Fetching { context, mailbox, known }.run(connection, &wanted, &mut reasons).await?;
    let present = account.read(read).await?;
    let mut matching = Matching::new(&listing.messages, &present);
    matching.by_id();
    let (changes, complete) = (matching.changes(), reasons.len() == told);
    let reasons = Some(reasons).filter(|reasons| memory.reasons.as_ref() != Some(reasons));
    let noted = reasons.clone();
    let messages = u32::try_from(listing.messages.len()).unwrap_or(u32::MAX);
    let settle = move |tx: &Tx<'_>| {
        tx.set_uidls(mailbox, &changes)?;
        if let Some(reasons) = &noted {
            note(tx, reasons)?;
        }
        let seen = complete.then_some(Seen { messages, uid_next: 0, modseq: 0 });
        cursor::update(tx, INBOX, |cursor| {
            cursor.seen = seen;
            Ok(())
        })
    };
    account.write(settle).await?;
    memory.reasons = reasons.or(memory.reasons.take());
    Ok(complete)
}

/// INBOX, with a cursor of its own.
fn begin(tx: &Tx<'_>) -> sterna_store::Result<MailboxId> {
    let inbox = tx.mailboxes()?.into_iter().find(|m| m.role == Some(Role::Inbox));
    let inbox = inbox.ok_or_else(|| sterna_store::Error::Corrupt("the account has no INBOX".into()))?;
    if tx.move_folder(INBOX)?.is_none() {
        let cursor = Cursor { uid_validity: inbox.uid_validity.get(), ..Cursor::default() };
        cursor::put(tx, INBOX, inbox.id, &cursor)?;
    }
    Ok(inbox.id)
}

/// What the move brought into INBOX and is still there.
pub(super) fn messages(tx: &Tx<'_>, mailbox: MailboxId) -> sterna_store::Result<Vec<Here>> {
    let cursor = cursor::read(tx, INBOX)?;
    here::messages(tx, mailbox, &cursor.brought())
}

/// Follows deletions. A source that is suddenly empty must be so for a second connection, too.
async fn remove(
    context: &Context,
    login: &Pop3Login,
    mailbox: MailboxId,
    listing: &Listing,
    gone: Vec<Uid>,
) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    if listing.messages.is_empty() {
        let mut second = login.open().await?;
        let (count, _) = second.stat().await?;
        let _ = second.quit().await;
        if count > 0 {
            return Err(Error::Doubtful(format!(
                "{}: it seemed empty and is not; it will be looked at again",
                login.at()
            )));
        }
    }
    let ranges = delta::ranges(&gone.iter().map(|uid| uid.get()).collect());
    let expunged = context.account.write(move |tx| tx.expunge(mailbox, &ranges)).await?;
    context.counters.expunged.fetch_add(expunged.len() as u64, Ordering::Relaxed);
    Ok(())
}

/// Messages on their way.
struct Fetching<'f> {
    context: &'f Context,
    mailbox: MailboxId,
    /// What is here already, where ids cannot tell.
    known: HashMap<Fingerprint, u32>,
}

impl Fetching<'_> {
    async fn run(&mut self, connection: &mut Connection, wanted: &[&Remote], reasons: &mut Vec<String>) -> Result<()> {
        self.context.reporter.set(|p| {
            p.messages_total += wanted.len() as u64;
            p.bytes_total += wanted.iter().filter_map(|remote| remote.size).sum::<u64>();
        });
        let by_number: HashMap<u32, &Remote> = wanted.iter().map(|remote| (remote.number, *remote)).collect();
        let mut fetch = connection.fetch(wanted.iter().map(|remote| remote.number).collect(), Part::Whole)?;
        let (mut group, mut arriving) = (Group::default(), None);
        while let Some(event) = fetch.next().await? {
            match event {
                FetchEvent::Begin(_) => arriving = Some(Arriving::new(&self.context.blobs)),
                FetchEvent::Chunk(chunk) => {
                    if let Some(arriving) = &mut arriving {
                        arriving.chunk(chunk).await?;
                    }
                }
                FetchEvent::End(number) => {
                    if let (Some(arriving), Some(remote)) = (arriving.take(), by_number.get(&number)) {
                        group.push(remote.uidl.clone(), arriving);
                    }
                    if group.is_full() {
                        self.commit(std::mem::take(&mut group)).await?;
                    }
                }
                FetchEvent::Refused { number, text } => {
                    reasons.push(format!("the source does not give POP3 message {number}: {text}"));
                }
            }
        }
        self.commit(group).await
    }

    /// Writes a group: messages, ids and cursor in one transaction.
    async fn commit(&mut self, group: Group) -> Result<()> {
        let mut arrived = group.join(&self.context.blobs).await?;
        arrived.retain(|message| match self.known.get_mut(&message.print) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        if arrived.is_empty() {
            return Ok(());
        }
        let mailbox = self.mailbox;
        let bytes = arrived.iter().map(|message| message.email.blob.size).sum();
        let count = arrived.len() as u64;
        let batch = arrived.into_iter().map(|message| (message.uidl, message.email)).collect();
        self.context.account.write(move |tx| import(tx, mailbox, batch)).await?;
        #[cfg(test)]
        self.context.faults.lose_answer()?;
        self.context.counters.messages.fetch_add(count, Ordering::Relaxed);
        self.context.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.context.reporter.carried(count, bytes);
        Ok(())
    }
}

fn import(tx: &Tx<'_>, mailbox: MailboxId, batch: Vec<(Option<String>, NewEmail)>) -> sterna_store::Result<()> {
    let next = tx.mailbox(mailbox)?.uid_next;
    let now = DateTime::utc(tx.now());
    let flags = Flags::default();
    let mut messages = Vec::with_capacity(batch.len());
    for (uid, (uidl, mut email)) in (next..).zip(batch) {
        if email.internaldate == UNDATED {
            email.internaldate = email.sent.unwrap_or(now);
        }
        let uid = u32::try_from(uid).ok().and_then(Uid::new).ok_or(sterna_store::Error::UidTaken { mailbox, uid })?;
        messages.push((uid, email, Import { uidl, ..Import::default() }));
    }
    let imported = messages.iter().map(|(uid, email, import)| Imported { uid: *uid, email, flags: &flags, import });
    tx.import_many(mailbox, &imported.collect::<Vec<_>>())?;
    cursor::update(tx, INBOX, |cursor| {
        messages.iter().for_each(|(uid, ..)| cursor.done.insert(uid.get()));
        Ok(())
    })
    .map(drop)
}

/// No date was found in the header.
pub(super) const UNDATED: DateTime = DateTime { unix: i64::MIN, offset: 0 };
