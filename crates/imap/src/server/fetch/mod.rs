//! FETCH and UID FETCH (RFC 9051 §6.4.5, RFC 3501; RFC 3516, 7162, 8474, 8514, 8970, 9394, 9586).
//!
//! What the view knows is answered from memory. The rest is read a page at a time, the next page while the client takes
//! the present one; a large body is sent in pieces. So neither a slow client nor a large message holds a transaction, a
//! thread or memory.

mod body;
mod flags;
mod page;
mod plan;
mod stream;
mod vanished;
mod walk;

#[cfg(test)]
mod tests;

use sterna_core::{Flag, Flags, ModSeq, SystemFlags};
use sterna_store::{Account, FlagChange, IndexEntry, MailboxIndex, UidRange};

pub(super) use flags::{FlagNames, know_keysets};
use page::{Job, Page};
use plan::Plan;
pub(super) use walk::{Step, Walk};

use super::problem::{Problem, Reply};
use super::session::Session;
use super::view::View;
use crate::codec::command::Addressing;
use crate::codec::command::fetch::{Fetch, FetchItem};
use crate::codec::command::search::PartialRange;
use crate::codec::write::status::{Code, Condition, names, untagged};

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, command: Fetch) -> Result<Reply, Problem> {
    session.selected()?;
    if command.changed_since.is_some() || command.items.contains(&FetchItem::ModSeq) {
        enable_condstore(session)?;
    }
    // New messages first: a client that polls by UID finds them at once. Numbers stay what the client thinks they are.
    if command.by == Addressing::Uid {
        session.sync(false).await?;
    }
    let selected = session.selected()?;
    let ranges = selected.view.resolve(&command.set, command.by, &selected.saved)?;
    let mut wanted = wanted(&selected.view, &ranges, command.changed_since);
    if let Some(range) = command.partial {
        wanted = part(wanted, range);
    }
    if command.vanished {
        vanished::tell(session, &command).await?;
    }
    let marks_seen = command.items.iter().any(FetchItem::marks_seen);
    let before = if marks_seen { mark_seen(session, &wanted).await? } else { Vec::new() };

    let plan = Plan::new(command.items, command.by, command.changed_since.is_some(), &session.enabled);
    let selected = session.selected()?;
    let view = selected.view.clone();
    let flags = FlagNames::new(selected.keysets.clone());
    if plan.needs_store() {
        let walk = Walk::new(view.known().clone(), wanted);
        let account = session.account()?.clone();
        let seen = before.iter().map(|entry| entry.uid).collect();
        let sent = send(session, &account, Job { walk, view, flags, plan, seen }).await;
        if sent.is_err() {
            // Not all responses went out: synchronising tells the flags.
            let view = &mut session.selected_mut()?.view;
            before.iter().for_each(|entry| view.told_flags(entry.uid, entry.flags, entry.modseq));
        }
        return finished(sent?, command.by);
    }
    from_view(session, &view, flags, &plan, &wanted).await?;
    Ok(Reply::ok("FETCH completed"))
}

/// CONDSTORE is on from the first command that uses it (RFC 7162 §3.1); the client learns where it stands.
pub(super) fn enable_condstore(session: &mut Session) -> Result<(), Problem> {
    if !std::mem::replace(&mut session.enabled.condstore, true) {
        let highest = session.selected()?.view.known().mailbox.highest_modseq;
        untagged(session.out.buffer(), Condition::Ok, Some(Code::HighestModSeq(highest)), "Highest");
    }
    Ok(())
}

/// The sequence numbers in ranges of UIDs, ascending; only those changed since, if that is asked for.
pub(super) fn wanted(view: &View, ranges: &[UidRange], since: Option<ModSeq>) -> Vec<u32> {
    let known = view.known();
    let mut wanted = Vec::new();
    for range in ranges {
        let (Ok(first) | Err(first)) = known.position(range.first);
        let within = known.iter_from(first).take_while(|(_, entry)| entry.uid <= range.last);
        let changed = within.filter(|(_, entry)| since.is_none_or(|since| view.entry_told(entry).modseq > since));
        wanted.extend(changed.filter_map(|(sequence, _)| u32::try_from(sequence).ok()));
    }
    wanted
}

/// The places that PARTIAL names (RFC 9394 §3.3).
fn part(wanted: Vec<u32>, range: PartialRange) -> Vec<u32> {
    let (first, last, len) = (range.first.get() as usize, range.last.get() as usize, wanted.len());
    let (from, to) = match range.from_end {
        false => (first - 1, last),
        true => (len.saturating_sub(last), len.saturating_sub(first - 1)),
    };
    wanted.into_iter().take(to).skip(from).collect()
}

/// The UIDs of sequence numbers, as few ranges.
pub(super) fn uid_ranges(index: &MailboxIndex, sequences: impl Iterator<Item = u32>) -> Vec<UidRange> {
    let mut ranges: Vec<UidRange> = Vec::new();
    let mut last = 0;
    for sequence in sequences {
        let Some(uid) = index.get(sequence as usize).map(|e| e.uid) else { continue };
        match ranges.last_mut() {
            Some(range) if last + 1 == sequence => range.last = uid,
            _ => ranges.push(UidRange::one(uid)),
        }
        last = sequence;
    }
    ranges
}

/// Sets `\Seen` in one write where it is missing (RFC 9051 §6.4.5), and makes the view know it: the FETCH responses that
/// follow tell the flags of these messages. The messages as they were told before, by ascending UID.
async fn mark_seen(session: &mut Session, wanted: &[u32]) -> Result<Vec<IndexEntry>, Problem> {
    let selected = session.selected()?;
    let (view, mailbox) = (&selected.view, selected.mailbox);
    let unseen = wanted.iter().copied().filter(|n| {
        let entry = view.known().get(*n as usize).map(|e| view.entry_told(e));
        entry.is_some_and(|e| !e.flags.system().contains(SystemFlags::SEEN))
    });
    let unseen: Vec<u32> = unseen.collect();
    if selected.read_only || unseen.is_empty() {
        return Ok(Vec::new());
    }
    let ranges = uid_ranges(view.known(), unseen.iter().copied());
    let account = session.account()?.clone();
    let change = FlagChange::Add([Flag::System(SystemFlags::SEEN)].into_iter().collect::<Flags>());
    let written = account.write(move |tx| tx.change_flags(mailbox, &ranges, &change, None)).await;
    if let Err(error) = written {
        // Mail can be read from a full disk.
        tracing::warn!(%error, "\\Seen could not be set");
        return Ok(Vec::new());
    }
    let now = account.index(mailbox).await?;
    let selected = session.selected_mut()?;
    let known = selected.view.known().clone();
    let (mut before, mut stored) = (Vec::with_capacity(unseen.len()), Vec::with_capacity(unseen.len()));
    for entry in unseen.iter().filter_map(|n| known.get(*n as usize)) {
        if let Some((_, seen)) = now.find(entry.uid) {
            before.push(selected.view.entry_told(entry));
            selected.view.told_flags(seen.uid, seen.flags, seen.modseq);
            stored.push(seen.flags);
        }
    }
    know_keysets(session, stored.into_iter()).await?;
    Ok(before)
}

/// Answers from memory what needs no more than the view.
async fn from_view(
    session: &mut Session,
    view: &View,
    mut flags: FlagNames,
    plan: &Plan,
    wanted: &[u32],
) -> Result<(), Problem> {
    for sequence in wanted {
        let Some(entry) = view.known().get(*sequence as usize) else { continue };
        plan.known(session.out.buffer(), *sequence, &view.entry_told(entry), &mut flags);
        session.out.flush_if_full().await?;
    }
    Ok(())
}

/// What sending all pages came to.
struct Sent {
    /// A part was left out because nobody knows its encoding.
    unknown_encoding: bool,
    /// Messages that are gone.
    missing: bool,
}

/// Reads pages and sends them, the next one being read while one is sent.
async fn send(session: &mut Session, account: &Account, job: Job) -> Result<Sent, Problem> {
    let mut unknown_encoding = false;
    let mut next = account.read(move |tx| job.page(tx, Page::default())).await?;
    loop {
        let (job, mut page) = next;
        unknown_encoding |= page.unknown_encoding;
        if job.walk.is_done() {
            stream::send(session, account, &mut page).await?;
            return Ok(Sent { unknown_encoding, missing: job.walk.missing() > 0 });
        }
        let empty = page.take_spare();
        let (read, sent) =
            tokio::join!(account.read(move |tx| job.page(tx, empty)), stream::send(session, account, &mut page));
        sent?;
        next = read?;
        next.1.keep_spare(page);
    }
}

fn finished(sent: Sent, by: Addressing) -> Result<Reply, Problem> {
    match (sent.unknown_encoding, sent.missing && by == Addressing::Sequence) {
        // RFC 3516 §4.3
        (true, _) => Err(Problem::no_code(names::UNKNOWN_CTE, "A part has an unknown transfer encoding")),
        // RFC 5530 §3, RFC 2180 §4.1.2
        (_, true) => Err(Problem::no_code(names::EXPUNGEISSUED, "Some messages no longer exist")),
        _ => Ok(Reply::ok("FETCH completed")),
    }
}
