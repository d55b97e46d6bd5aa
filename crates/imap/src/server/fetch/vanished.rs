//! VANISHED of UID FETCH (RFC 7162 §3.2.6): which of the messages asked for are gone since a MODSEQ.

use crate::codec::command::fetch::Fetch;
use crate::codec::sequence::{MessageSet, NumberSet};
use crate::codec::write::search::vanished;
use crate::server::problem::Problem;
use crate::server::session::Session;

/// Writes VANISHED (EARLIER), if there is anything to tell.
pub(super) async fn tell(session: &mut Session, command: &Fetch) -> Result<(), Problem> {
    let selected = session.selected()?;
    let index = selected.view.known().clone();
    // UIDs that were given out, the largest perhaps to a message that is gone: `*` must not hide it.
    let last = u32::try_from(index.mailbox.uid_next.saturating_sub(1)).unwrap_or(u32::MAX);
    let asked = match &command.set {
        MessageSet::Saved => selected.saved.iter().copied().collect(),
        MessageSet::Numbers(set) => set.resolve(last).up_to(last),
    };
    let since = command.changed_since.unwrap_or_default();
    let gone = if since >= index.mailbox.expunge_floor {
        let (account, mailbox) = (session.account()?.clone(), selected.mailbox);
        let uids = account.read(move |tx| tx.vanished_since(mailbox, since)).await?;
        asked.intersection(&uids.into_iter().collect())
    } else {
        // The log does not reach back that far (a source had the mailbox then): all that is not here is gone.
        asked
    };
    // A message that the client still has in its view is told by the synchronisation, not as EARLIER.
    let known: NumberSet = index.iter().map(|(_, entry)| entry.uid).collect();
    vanished(session.out.buffer(), &gone.difference(&known), true);
    Ok(())
}
