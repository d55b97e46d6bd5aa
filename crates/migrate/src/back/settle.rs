//! What changed with messages that are on both sides: those that are gone here, and flags.
//!
//! The flags there are asked for, and only the difference is set, each combination at once. Where the old side has changed
//! a message by itself since, what it set stays.

use std::collections::BTreeMap;

use sterna_core::{Flag, Flags, ModSeq, SystemFlags, Uid};
use sterna_imap::client::StoreMode;
use sterna_imap::codec::sequence::NumberSet;
use sterna_store::Keysets;

use super::carry::Permitted;
use super::plan::FolderPlan;
use super::state::{Folder, Places, places};
use super::{Back, is_refusal, set};
use crate::error::{Error, Result};

/// Messages compared at once.
const WINDOW: usize = 1_000;

impl Back<'_> {
    /// Carries the rest of a folder's changes and writes that it is up to date.
    pub(super) async fn settle(&mut self, plan: FolderPlan, appended: Vec<Uid>, upto: ModSeq) -> Result<()> {
        let FolderPlan { mut folder, changed, expunged, .. } = plan;
        let mailbox = folder.mailbox;
        let gone = self.expunge(&folder, &expunged).await?;
        let low: Vec<Uid> = folder.state.low.uids().collect();
        let mut uids: Vec<Uid> = changed.iter().map(|m| m.uid).chain(appended).chain(low).collect();
        uids.sort_unstable();
        uids.dedup();
        if !uids.is_empty() {
            let places = self.context.account.read(move |tx| places(tx, mailbox)).await?;
            for window in uids.chunks(WINDOW) {
                self.flags(&mut folder, &places, window).await?;
            }
        }
        folder.state.modseq = upto.0;
        folder.state.scan = false;
        folder.state.low = NumberSet::new();
        let write = move |tx: &sterna_store::Tx<'_>| {
            tx.remove_back_messages(mailbox, &gone)?;
            folder.write(tx)
        };
        Ok(self.context.account.write(write).await?)
    }

    /// Removes messages there; the UIDs here of those that are dealt with.
    async fn expunge(&mut self, folder: &Folder, expunged: &[(Uid, Uid)]) -> Result<Vec<Uid>> {
        if expunged.is_empty() {
            return Ok(Vec::new());
        }
        let doomed = set(expunged.iter().map(|(_, there)| *there));
        let deleted = Flags::system(SystemFlags::DELETED);
        self.select(folder).await?;
        self.connection.uid_store(&doomed, StoreMode::Add, &deleted, None).await?;
        if self.can_expunge() {
            self.connection.uid_expunge(&doomed).await?;
        } else {
            // A plain EXPUNGE takes whatever is marked: what others marked must not go.
            let marked = self.connection.uid_search("DELETED").await?;
            if marked.difference(&doomed).is_empty() {
                self.connection.expunge().await?;
            } else {
                let reason = format!(
                    "{} messages that were removed here are only marked \\Deleted there: the server has no UIDPLUS, and others have marked messages, too",
                    doomed.len()
                );
                self.remark(folder, None, reason).await?;
            }
        }
        self.carried.expunged += doomed.len();
        Ok(expunged.iter().map(|(here, _)| *here).collect())
    }

    /// Makes the flags of messages there those that they have here.
    async fn flags(&mut self, folder: &mut Folder, places: &Places, uids: &[Uid]) -> Result<()> {
        let (mailbox, wanted) = (folder.mailbox, uids.to_vec());
        let here = move |tx: &sterna_store::Tx<'_>| Ok((tx.stored(mailbox, &wanted)?, tx.keysets()?));
        let (here, keysets): (_, Keysets) = self.context.account.read(here).await?;
        let ours: BTreeMap<Uid, (Uid, Flags)> = here
            .into_iter()
            .filter_map(|m| Some((folder.there(places, m.uid)?, (m.uid, keysets.flags(m.flags)))))
            .collect();
        if ours.is_empty() {
            return Ok(());
        }
        let selected = self.select(folder).await?;
        let permitted = Permitted::new(&selected);
        let asked = set(ours.keys().copied());
        let items = if self.connection.capabilities().has("CONDSTORE") { "UID FLAGS MODSEQ" } else { "UID FLAGS" };
        let mut theirs = BTreeMap::new();
        self.connection
            .uid_fetch(Some(&asked), items, |fetch| {
                if let (Some(uid), Some(list)) = (fetch.uid, fetch.flags) {
                    theirs.insert(uid, (list.flags, fetch.modseq.unwrap_or_default()));
                }
            })
            .await?;
        let added_later: NumberSet = places.values().copied().collect();
        let mut stores: BTreeMap<(bool, String), (Flags, NumberSet)> = BTreeMap::new();
        let mut touched = NumberSet::new();
        for (there, (flags, changed)) in theirs {
            let Some((uid, ours)) = ours.get(&there) else { continue };
            let (add, lost) = permitted.split(&without(ours, &flags));
            let mut remove = without(&flags, ours);
            if !lost.is_empty() {
                let reason = format!("the old side does not keep its flags \"{lost}\"");
                self.remark(folder, Some(*uid), reason).await?;
            }
            let theirs_too = folder.state.there_modseq > 0
                && changed > ModSeq(folder.state.there_modseq)
                && !folder.state.touched.contains(there.get())
                && !added_later.contains(there.get());
            if theirs_too && !remove.is_empty() {
                let reason = format!("its flags were changed on both sides: \"{remove}\" stay on the old side");
                self.remark(folder, Some(*uid), reason).await?;
                remove = Flags::default();
            }
            for (adds, flags) in [(true, add), (false, remove)] {
                if !flags.is_empty() {
                    touched.insert(there.get());
                    let entry = stores.entry((adds, flags.to_string()));
                    entry.or_insert_with(|| (flags, NumberSet::new())).1.insert(there.get());
                }
            }
        }
        // Written before it is done: a MODSEQ that is ours must never look like another's.
        if !touched.is_empty() {
            folder.state.touched = folder.state.touched.union(&touched);
            self.save(folder).await?;
        }
        for ((adds, _), (flags, uids)) in stores {
            let mode = if adds { StoreMode::Add } else { StoreMode::Remove };
            match self.connection.uid_store(&uids, mode, &flags, None).await {
                Ok(_) => {}
                Err(error) if is_refusal(&error) => {
                    let reason = format!("flags \"{flags}\" of messages {uids} there: {error}");
                    self.remark(folder, None, reason).await?;
                }
                Err(error) => return Err(Error::Source(error)),
            }
        }
        self.carried.flags += touched.len();
        Ok(())
    }
}

/// Those of `flags` that are not among `others`.
fn without(flags: &Flags, others: &Flags) -> Flags {
    let mut left = flags.clone();
    left.system = left.system.without(others.system);
    others.keywords().for_each(|k| left.remove(&Flag::Keyword(k.clone())));
    left
}
