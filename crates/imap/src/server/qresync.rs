//! What SELECT (QRESYNC …) tells a client of what it missed (RFC 7162 §3.2.5).

use sterna_core::Uid;
use sterna_store::{Account, MailboxIndex};

use super::problem::Problem;
use super::session::Session;
use crate::codec::command::mailbox::QResync;
use crate::codec::sequence::NumberSet;
use crate::codec::write::search::vanished;

/// Writes VANISHED (EARLIER) and FETCH responses for what changed since the client's state.
pub(super) async fn tell(
    session: &mut Session,
    account: &Account,
    index: &MailboxIndex,
    known: &QResync,
) -> Result<(), Problem> {
    if known.uid_validity != index.uid_validity() {
        return Ok(());
    }
    let last = u32::try_from(index.mailbox.uid_next - 1).unwrap_or(u32::MAX);
    let uids = match &known.known_uids {
        Some(uids) => uids.up_to(last),
        None => NumberSet::range(1, last),
    };
    let gone = gone(account, index, known, &uids).await?;
    vanished(session.out.buffer(), &gone, true);
    for (_, entry) in index.iter() {
        if entry.modseq > known.mod_seq && uids.contains(entry.uid.get()) {
            session.tell_flag_change(entry, index);
            session.out.flush_if_full().await?;
        }
    }
    Ok(())
}

/// The known UIDs that are no more.
async fn gone(
    account: &Account,
    index: &MailboxIndex,
    known: &QResync,
    uids: &NumberSet,
) -> Result<NumberSet, Problem> {
    // Up to the last pair that still fits, nothing that the client knows is gone: the numbers would not fit then.
    let matched = known.seq_match.as_ref().and_then(|(sequences, uids)| last_match(index, sequences, uids));
    let uids = match matched {
        Some(matched) => uids.difference(&NumberSet::range(1, matched.get())),
        None => uids.clone(),
    };
    let id = index.mailbox.id;
    let since = known.mod_seq;
    if index.mailbox.expunge_floor <= since {
        let logged: NumberSet = account.read(move |tx| tx.vanished_since(id, since)).await?.into_iter().collect();
        // A message that went after the index was made is still in the view: it is told by the next synchronisation.
        let gone = logged.intersection(&uids);
        return Ok(gone.uids().filter(|uid| index.position(*uid).is_err()).collect());
    }
    // The log of expunges begins after the client's state (an import brought the mailbox here): whatever is not there
    // must be told.
    let existing: NumberSet = index.iter().map(|(_, entry)| entry.uid).collect();
    Ok(uids.difference(&existing))
}

/// The UID of the last of the client's pairs of sequence number and UID that is true here (RFC 7162 §3.2.5.2).
fn last_match(index: &MailboxIndex, sequences: &NumberSet, uids: &NumberSet) -> Option<Uid> {
    let exists = u32::try_from(index.len()).unwrap_or(u32::MAX);
    let pairs = sequences.iter().take_while(|n| *n <= exists).zip(uids.uids());
    pairs.filter(|(n, uid)| index.get(*n as usize).is_some_and(|e| e.uid == *uid)).map(|(_, uid)| uid).last()
}
