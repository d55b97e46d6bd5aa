//! What has to be carried: everything that changed here since the last pass, from one snapshot.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use sterna_core::{EmailId, MailboxId, ModSeq, Uid};
use sterna_store::{Changed, Tx};

use super::Raise;
use super::state::{Folder, Places, places};

/// All of it.
pub(super) struct Plan {
    /// The account's clock: nothing up to here is left out.
    pub upto: ModSeq,
    /// Folders with something to carry.
    pub folders: Vec<FolderPlan>,
    /// Where e-mails that are new in one mailbox lie on the old side already, as mailbox and UID there.
    pub originals: HashMap<EmailId, Vec<(MailboxId, Uid)>>,
    /// Some folder's name or subscription differs, or a folder is new or gone.
    pub names_differ: bool,
    /// An earlier run broke off while it appended.
    pub unsettled: bool,
}

/// One folder's part.
pub(super) struct FolderPlan {
    pub folder: Folder,
    pub places: Places,
    /// UIDVALIDITY here.
    pub validity: u32,
    /// UIDNEXT and HIGHESTMODSEQ here.
    pub told: (u64, u64),
    /// Not on the old side.
    pub new: Vec<Changed>,
    /// On both sides, and changed here.
    pub changed: Vec<Changed>,
    /// Gone here: UIDs here and there.
    pub expunged: Vec<(Uid, Uid)>,
}

impl Plan {
    /// Reads it; folders whose figures on the old side may be behind are among them if all figures are raised.
    pub fn read(tx: &Tx<'_>, raise: Raise) -> sterna_store::Result<Plan> {
        let tree = tx.mailbox_tree()?;
        let folders = Folder::all(tx)?;
        let known: HashSet<MailboxId> = folders.iter().map(|f| f.mailbox).collect();
        let mut plan = Plan {
            upto: tx.account_state()?.modseq,
            folders: Vec::new(),
            originals: HashMap::new(),
            names_differ: tree.iter().any(|(_, m)| m.selectable && !known.contains(&m.id)),
            unsettled: folders.iter().any(|f| f.state.appending.is_some()),
        };
        let mut gone: HashMap<EmailId, Vec<(MailboxId, Uid)>> = HashMap::new();
        let mut idle: HashMap<MailboxId, Folder> = HashMap::new();
        for folder in folders {
            let path = tree.path(folder.mailbox);
            let Some(mailbox) = tree.get(folder.mailbox).filter(|m| m.selectable) else {
                plan.names_differ = true;
                continue;
            };
            plan.names_differ |=
                path != Some(folder.state.path.as_str()) || mailbox.subscribed != folder.state.subscribed;
            let again = !matches!(raise, Raise::Carried(_)) && !folder.state.refused.is_empty();
            let settled = !folder.state.scan && !again;
            let told = (mailbox.uid_next, mailbox.highest_modseq.0);
            let same = mailbox.uid_validity.get() == folder.state.uid_validity;
            let behind = matches!(raise, Raise::All(_)) && same && folder.is_behind(told);
            if settled && !behind && mailbox.highest_modseq.0 <= folder.state.modseq {
                idle.insert(folder.mailbox, folder);
                continue;
            }
            let found = FolderPlan::read(tx, folder, mailbox.uid_validity.get(), told, again, &mut gone)?;
            plan.folders.push(found);
        }
        plan.find_originals(tx, &gone, &idle)?;
        Ok(plan)
    }

    pub fn is_nothing(&self) -> bool {
        !self.names_differ && !self.unsettled && self.folders.is_empty()
    }

    /// An e-mail is immutable and keeps its number: one that is new in a mailbox and lay in another is copied there.
    fn find_originals(
        &mut self,
        tx: &Tx<'_>,
        gone: &HashMap<EmailId, Vec<(MailboxId, Uid)>>,
        idle: &HashMap<MailboxId, Folder>,
    ) -> sterna_store::Result<()> {
        let new: HashSet<EmailId> = self.folders.iter().flat_map(|f| f.new.iter().map(|m| m.email)).collect();
        let mut idle_places: HashMap<MailboxId, Places> = HashMap::new();
        for email in new {
            let mut found = gone.get(&email).cloned().unwrap_or_default();
            for (mailbox, uid) in tx.places(email)? {
                let there = match self.folders.iter().find(|f| f.folder.mailbox == mailbox) {
                    Some(plan) => plan.folder.there(&plan.places, uid),
                    None => match idle.get(&mailbox) {
                        Some(folder) => {
                            let places = match idle_places.entry(mailbox) {
                                Entry::Occupied(known) => known.into_mut(),
                                Entry::Vacant(unknown) => unknown.insert(places(tx, mailbox)?),
                            };
                            folder.there(places, uid)
                        }
                        None => None,
                    },
                };
                found.extend(there.map(|there| (mailbox, there)));
            }
            if !found.is_empty() {
                self.originals.insert(email, found);
            }
        }
        Ok(())
    }
}

impl FolderPlan {
    /// With `again`, what the old side refused is new.
    fn read(
        tx: &Tx<'_>,
        folder: Folder,
        validity: u32,
        told: (u64, u64),
        again: bool,
        gone: &mut HashMap<EmailId, Vec<(MailboxId, Uid)>>,
    ) -> sterna_store::Result<FolderPlan> {
        let (mailbox, since) = (folder.mailbox, folder.state.modseq);
        let places = places(tx, mailbox)?;
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        let from = if folder.state.scan { 0 } else { since };
        for message in tx.changed_since(mailbox, ModSeq(from))? {
            if !places.contains_key(&message.uid) && !folder.was_brought(message.uid) {
                new.push(message);
            } else if message.modseq > ModSeq(since) {
                changed.push(message);
            }
        }
        let refused: Vec<Uid> = if again { folder.state.refused.uids().collect() } else { Vec::new() };
        for stored in tx.stored(mailbox, &refused)? {
            if !places.contains_key(&stored.uid) && !new.iter().any(|m| m.uid == stored.uid) {
                new.push(Changed { uid: stored.uid, email: stored.email, flags: stored.flags, modseq: ModSeq(since) });
            }
        }
        new.sort_unstable_by_key(|m| m.uid);
        let mut expunged = Vec::new();
        for (uid, email) in tx.expunged_since(mailbox, ModSeq(since))? {
            let Some(there) = folder.there(&places, uid) else { continue };
            expunged.push((uid, there));
            if let Some(email) = email {
                gone.entry(email).or_default().push((mailbox, there));
            }
        }
        Ok(FolderPlan { folder, places, validity, told, new, changed, expunged })
    }
}
