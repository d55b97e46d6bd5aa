//! What POP3 clients know a mailbox by: its unique ids and their order, carried over from the source's POP3 side so that
//! a client that leaves its mail on the server downloads none of it again. And mailboxes that have no other side at all.
//!
//! [`carry`] is called when INBOX was copied over IMAP, and from time to time while the move follows; [`only`] is the pass
//! over a source that speaks nothing but POP3; [`audit`] tells the receipt what is so.

mod arriving;
pub(crate) mod audit;
pub(crate) mod carry;
mod fingerprint;
mod forms;
mod here;
mod matching;
pub(crate) mod only;
mod remote;
#[cfg(test)]
mod tests;

/// Under which exceptions of the POP3 side are noted; no folder of a source has this name.
pub(crate) const NOTES: &[u8] = b"\0pop3";

/// Exceptions noted one by one; what comes after them adds nothing to a receipt.
const NOTES_MAX: usize = 200;

/// Replaces what was noted of the POP3 side.
fn note(tx: &sterna_store::Tx<'_>, reasons: &[String]) -> sterna_store::Result<()> {
    tx.clear_move_exceptions(NOTES)?;
    reasons.iter().take(NOTES_MAX).try_for_each(|reason| tx.add_move_exception(NOTES, None, reason))?;
    match reasons.len().saturating_sub(NOTES_MAX) {
        0 => Ok(()),
        more => tx.add_move_exception(NOTES, None, &format!("and {more} more of these kinds")),
    }
}
