//! The hold: final passes until one carries nothing, and the comparison of both sides.

use sterna_core::{ModSeq, UidValidity};
use sterna_frontdoor::Held;
use sterna_imap::client::Connection;
use sterna_imap::codec::mailbox::MailboxName;
use sterna_store::Tx;

use super::prepare::Baseline;
use super::told::FlippedFolder;
use crate::back;
use crate::cursor::{self, FlipMark};
use crate::error::{Error, Result};
use crate::folders::{Listing, SourceFolder};
use crate::record::Totals;
use crate::run::Run;

/// How far UIDVALIDITYs given here after the flip are ahead of those that the old server gives.
const VALIDITIES_APART: u32 = 24 * 3600;

/// Both sides under the hold.
#[derive(Default)]
pub(super) struct Final {
    pub passes: u32,
    pub carried: Totals,
    /// The account's MODSEQ.
    pub modseq: u64,
    pub folders: Vec<FlippedFolder>,
}

impl Run<'_> {
    /// Carries the rest over while everybody waits, and compares. The caller bounds it by the hold's deadline.
    ///
    /// `fresh` is a connection that has not listed anything yet: a session may have a list of folders of its own which lacks one that
    /// another has made. Dovecot 2.3 does not list a mailbox whose CREATE follows a RENAME in the same session, to those that
    /// have listed before, until a session lists for the first time.
    pub(super) async fn final_passes(
        &mut self,
        held: &mut Held,
        connection: &mut Connection,
        fresh: Option<Connection>,
        baseline: &Baseline,
    ) -> Result<Final> {
        let mut last = Final::default();
        let names = match fresh {
            Some(mut fresh) => fresh.names().await?,
            None => Vec::new(),
        };
        loop {
            let (outcome, carried) = self.counted_pass(connection).await?;
            last.passes += 1;
            if last.passes == 1 {
                self.at("last changes").await?;
            }
            last.carried.messages += carried.messages;
            last.carried.bytes += carried.bytes;
            same_identity(&outcome.listing, baseline)?;
            all_listed(&outcome.listing, &names)?;
            let quiet = !outcome.changed && carried == Totals::default();
            // The first pass looks at the source after all sessions were parked, and the second after each of them has asked
            // for what it did not know yet.
            if quiet && last.passes > 1 {
                if last.carried.messages > 0 {
                    // New messages of INBOX have their unique ids before a client asks for them.
                    self.pop3.1 = None;
                    self.unique_ids().await?;
                }
                return self.mark(outcome.listing.folders.clone(), baseline, last).await;
            }
            held.look_again().await?;
        }
    }

    /// Compares the figures of both sides, and writes where each folder stands.
    async fn mark(&self, folders: Vec<SourceFolder>, baseline: &Baseline, last: Final) -> Result<Final> {
        let offsets = baseline.offsets.clone();
        let offset = move |wire: &[u8]| offsets.get(wire).copied().unwrap_or(0);
        let marked = self.context.account.write(move |tx| {
            let told = match figures(tx, &folders, offset)? {
                Ok(told) => told,
                Err(differs) => return Ok(Err(differs)),
            };
            for (wire, folder) in &told {
                let mark = FlipMark {
                    source_uid_next: folder.source_uid_next,
                    source_modseq: folder.source_highest_modseq,
                    uid_next: folder.uid_next,
                    stragglers: 0,
                    straggler_bytes: 0,
                };
                cursor::update(tx, wire, |cursor| {
                    cursor.flip = Some(mark);
                    Ok(())
                })?;
            }
            // The old server may go on making mailboxes, also ones that nobody here ever sees; most number them by the clock, and
            // run ahead of it when many are made. None of its numbers is given to a mailbox here, nor the other way round.
            let highest = told.iter().map(|(_, folder)| folder.uid_validity).max().unwrap_or(0);
            let clock = u32::try_from(tx.now()).unwrap_or(0);
            tx.lift_uid_validity(highest.max(clock).saturating_add(VALIDITIES_APART))?;
            back::begin(tx)?;
            let modseq = tx.account_state()?.modseq;
            Ok(Ok((modseq, told.into_iter().map(|(_, folder)| folder).collect())))
        });
        match marked.await? {
            Ok((ModSeq(modseq), folders)) => Ok(Final { modseq, folders, ..last }),
            Err(differs) => Err(Error::Unequal(differs)),
        }
    }
}

/// A folder that lost its identity under the hold is copied anew first: its clients know other UIDs.
fn same_identity(listing: &Listing, baseline: &Baseline) -> Result<()> {
    for folder in &listing.folders {
        let now = folder.status.as_ref().and_then(|s| s.uid_validity).map(UidValidity::get);
        if let (Some(was), Some(now)) = (baseline.validities.get(&folder.wire), now)
            && *was != now
        {
            return Err(Error::Unequal(format!(
                "UIDVALIDITY of \"{}\" changed at the source from {was} to {now} under the hold; it is copied anew first",
                folder.shown()
            )));
        }
    }
    Ok(())
}

/// Every folder that another session has seen.
fn all_listed(listing: &Listing, names: &[MailboxName]) -> Result<()> {
    let listed = |name: &&MailboxName| listing.folders.iter().any(|folder| folder.name == **name);
    // Other spellings of INBOX are one folder.
    let is_inbox = |name: &&MailboxName| name.as_str().eq_ignore_ascii_case("INBOX");
    match names.iter().find(|name| !listed(name) && !is_inbox(name)) {
        None => Ok(()),
        Some(name) => Err(Error::Unequal(format!(
            "the source lists \"{}\" to one session and not to another; it is looked at again",
            name.as_str()
        ))),
    }
}

type Told = Vec<(Vec<u8>, FlippedFolder)>;

/// What both sides say of each folder, or what differs.
fn figures(
    tx: &Tx<'_>,
    folders: &[SourceFolder],
    offset: impl Fn(&[u8]) -> i64,
) -> sterna_store::Result<Result<Told, String>> {
    let mut told = Vec::new();
    for folder in folders.iter().filter(|f| f.selectable) {
        // Without a STATUS the source refuses the folder, which was remarked before the hold.
        let Some(status) = &folder.status else { continue };
        let known = tx.move_folder(&folder.wire)?.and_then(|known| known.mailbox);
        let Some(mailbox) = known.and_then(|id| tx.find_mailbox(id).transpose()).transpose()? else {
            return Ok(Err(format!("\"{}\" is not here", folder.shown())));
        };
        let there = FlippedFolder {
            name: folder.shown().to_owned(),
            uid_validity: mailbox.uid_validity.get(),
            source_uid_next: status.uid_next.map_or(0, |uid| uid.get()),
            uid_next: mailbox.uid_next,
            source_messages: status.messages.unwrap_or(0).into(),
            messages: mailbox.total.into(),
            source_highest_modseq: status.highest_modseq.unwrap_or_default().0,
            highest_modseq: mailbox.highest_modseq.0,
            ..FlippedFolder::default()
        };
        if let Some(differs) = differs(&there, status.uid_validity.map_or(0, UidValidity::get), offset(&folder.wire)) {
            return Ok(Err(differs));
        }
        told.push((folder.wire.clone(), there));
    }
    Ok(Ok(told))
}

/// The first thing that is not as it must be.
fn differs(f: &FlippedFolder, source_validity: u32, offset: i64) -> Option<String> {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let name = &f.name;
    if f.uid_validity != source_validity {
        return Some(format!("\"{name}\" has UIDVALIDITY {source_validity} at the source and {} here", f.uid_validity));
    }
    if f.uid_next < u64::from(f.source_uid_next) {
        return Some(format!("\"{name}\" has UIDNEXT {} at the source and {} here", f.source_uid_next, f.uid_next));
    }
    if f.highest_modseq < f.source_highest_modseq {
        let (there, here) = (f.source_highest_modseq, f.highest_modseq);
        return Some(format!("\"{name}\" has HIGHESTMODSEQ {there} at the source and {here} here"));
    }
    // What differed before the hold, while clients worked, may have been nothing but a change on its way.
    if !(offset.min(0)..=offset.max(0)).contains(&(count(f.messages) - count(f.source_messages))) {
        return Some(format!("\"{name}\" has {} messages at the source and {} here", f.source_messages, f.messages));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_would_let_a_client_miss_something_is_not_equal() {
        let equal = FlippedFolder {
            name: "INBOX".into(),
            uid_validity: 7,
            source_uid_next: 10,
            uid_next: 12,
            source_messages: 5,
            messages: 5,
            source_highest_modseq: 20,
            highest_modseq: 21,
            ..FlippedFolder::default()
        };
        assert_eq!(differs(&equal, 7, 0), None);
        assert!(differs(&equal, 8, 0).unwrap().contains("UIDVALIDITY"));
        assert_eq!((differs(&equal, 7, 1), differs(&equal, 7, -1)), (None, None));
        assert!(differs(&FlippedFolder { messages: 4, ..equal.clone() }, 7, 1).unwrap().contains("messages"));
        assert_eq!(differs(&FlippedFolder { messages: 6, ..equal.clone() }, 7, 1), None);
        assert!(differs(&FlippedFolder { uid_next: 9, ..equal.clone() }, 7, 0).unwrap().contains("UIDNEXT"));
        assert!(differs(&FlippedFolder { highest_modseq: 19, ..equal }, 7, 0).unwrap().contains("MODSEQ"));
    }
}
