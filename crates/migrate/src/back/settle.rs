//! What changed with messages that are on both sides: those that are gone here, and flags.
//!
//! The flags there are asked for, and only the difference is set, each combination at once. Where the old side has changed
//! a message by itself since, what it set stays. A message that changed here and is the same there, because it changed back
//! before anybody carried it, is given a greater MODSEQ there: a client may know what it was in between, and is told that it is not.

use std::collections::{BTreeMap, HashMap};

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
        let FolderPlan { mut folder, changed, expunged, validity, told, .. } = plan;
        let mailbox = folder.mailbox;
        let gone = self.expunge(&folder, &expunged).await?;
        let low: Vec<Uid> = folder.state.low.uids().collect();
        // Where the old side's MODSEQ did not reach that of here, a step more helps nobody.
        let comparable = self.raising.is_some() && folder.state.uid_validity == validity;
        let told_at: HashMap<Uid, ModSeq> = match comparable && folder.state.reached.1 >= told.1 {
            true => changed.iter().map(|m| (m.uid, m.modseq)).chain(low.iter().map(|m| (*m, ModSeq(told.1)))).collect(),
            false => HashMap::new(),
        };
        let mut uids: Vec<Uid> = changed.iter().map(|m| m.uid).chain(appended).chain(low).collect();
        uids.sort_unstable();
        uids.dedup();
        if !uids.is_empty() {
            let places = self.context.account.read(move |tx| places(tx, mailbox)).await?;
            for window in uids.chunks(WINDOW) {
                self.flags(&mut folder, &places, window, &told_at).await?;
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

    /// Makes the flags of messages there those that they have here. `told_at`: the MODSEQ that theirs must reach.
    async fn flags(
        &mut self,
        folder: &mut Folder,
        places: &Places,
        uids: &[Uid],
        told_at: &HashMap<Uid, ModSeq>,
    ) -> Result<()> {
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
                    theirs.insert(uid, (list.flags, fetch.modseq));
                }
            })
            .await?;
        let added_later: NumberSet = places.values().copied().collect();
        let mut stores: BTreeMap<(bool, String), (Flags, NumberSet)> = BTreeMap::new();
        let mut touched = NumberSet::new();
        // Those without \Draft, and those with it.
        let mut overlooked = [NumberSet::new(), NumberSet::new()];
        for (there, (flags, changed)) in theirs {
            let Some((uid, ours)) = ours.get(&there) else { continue };
            let (add, lost) = permitted.split(&without(ours, &flags));
            let mut remove = without(&flags, ours);
            if !lost.is_empty() {
                let reason = format!("the old side does not keep its flags \"{lost}\"");
                self.remark(folder, Some(*uid), reason).await?;
            }
            if add.is_empty()
                && remove.is_empty()
                && changed.is_some_and(|at| told_at.get(uid).is_some_and(|told| at < *told))
            {
                overlooked[usize::from(flags.system.contains(SystemFlags::DRAFT))].insert(there.get());
            }
            let theirs_too = folder.state.there_modseq > 0
                && changed.unwrap_or_default() > ModSeq(folder.state.there_modseq)
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
        let ours = overlooked.iter().fold(touched.clone(), |ours, some| ours.union(some));
        if !ours.is_empty() {
            folder.state.touched = folder.state.touched.union(&ours);
            self.save(folder).await?;
        }
        let [plain, drafts] = overlooked;
        self.step_over(&plain, [StoreMode::Add, StoreMode::Remove]).await?;
        self.step_over(&drafts, [StoreMode::Remove, StoreMode::Add]).await?;
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

    /// Gives messages of the open folder a new MODSEQ: \Draft is changed, and changed back.
    async fn step_over(&mut self, there: &NumberSet, modes: [StoreMode; 2]) -> Result<()> {
        if there.is_empty() {
            return Ok(());
        }
        let draft = Flags::system(SystemFlags::DRAFT);
        for mode in modes {
            match self.connection.uid_store(there, mode, &draft, None).await {
                Err(error) if !is_refusal(&error) => return Err(Error::Source(error)),
                _ => self.carried.raised += there.len(),
            }
        }
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
