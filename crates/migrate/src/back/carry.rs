//! New messages: copied on the old side where it has the same e-mail already, else uploaded, in ascending order of their
//! UIDs here, so that each can keep its own.
//!
//! A group is announced in the folder's state, sent, and noted with its UIDs. Where the outcome is not known for all of it,
//! the old side is asked ([`super::recover`]); what it did not take is sent again alone.

use std::collections::{HashMap, VecDeque};

use sterna_core::{EmailId, Flag, Flags, MailboxId, SystemFlags, Uid};
use sterna_frontdoor::step;
use sterna_imap::client::{NewMessage, Selected};
use sterna_imap::codec::response_parser::FlagList;
use sterna_store::{BackMessage, Keysets, Stored};

use super::filler::MOST;
use super::plan::FolderPlan;
use super::state::{Appending, Coming, Folder};
use super::{Back, Differing, body, is_refusal, set};
use crate::error::{Error, Result};

/// Messages looked up at once.
const WINDOW: usize = 256;

/// Messages in one group at most, and their bytes.
const GROUP: usize = 64;
const GROUP_BYTES: u64 = 4 << 20;

/// Up to here a body is sent from memory.
const SMALL: u64 = 1 << 20;

/// Flags that the old side keeps: PERMANENTFLAGS.
#[derive(Clone, Debug)]
pub(super) struct Permitted(Option<FlagList>);

impl Permitted {
    pub fn new(selected: &Selected) -> Permitted {
        Permitted(selected.permanent_flags.clone())
    }

    /// The flags that can be set, and the others.
    pub fn split(&self, flags: &Flags) -> (Flags, Flags) {
        let Some(list) = &self.0 else { return (flags.clone(), Flags::default()) };
        let system = SystemFlags::ALL.iter().filter(|(bit, _)| flags.system.contains(*bit));
        let all = system.map(|(bit, _)| Flag::System(*bit)).chain(flags.keywords().cloned().map(Flag::Keyword));
        let (mut kept, mut lost) = (Flags::default(), Flags::default());
        for flag in all {
            let any = list.any && matches!(flag, Flag::Keyword(_));
            if any || list.flags.contains(&flag) { kept.insert(flag) } else { lost.insert(flag) }
        }
        (kept, lost)
    }
}

/// How a message is sent: each step is for one that the step before did not bring over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The old side copies it from this mailbox's folder.
    Copied(MailboxId, Uid),
    /// With others.
    Together,
    Alone,
    /// Alone and without keywords, which are set later.
    Plain,
}

struct Item {
    stored: Stored,
    how: How,
}

/// A folder being filled.
struct Filling {
    /// The UID that comes next there.
    next: Uid,
    /// UIDs mean the same on both sides.
    same: bool,
    /// UIDs that may still be used up.
    budget: u64,
    permitted: Permitted,
    keysets: Keysets,
    origins: HashMap<MailboxId, Folder>,
    done: Vec<Uid>,
}

impl Back<'_> {
    /// Carries the folder's new messages; their UIDs here.
    pub(super) async fn carry(
        &mut self,
        plan: &mut FolderPlan,
        originals: &HashMap<EmailId, Vec<(MailboxId, Uid)>>,
    ) -> Result<Vec<Uid>> {
        if plan.new.is_empty() {
            return Ok(Vec::new());
        }
        self.selected = None;
        let selected = self.select(&plan.folder).await?;
        let validity = selected.uid_validity.map_or(0, |v| v.get());
        plan.folder.state.uid_validity = validity;
        let origins = self.context.account.read(Folder::all).await?;
        let mut filling = Filling {
            next: selected.uid_next.unwrap_or(Uid::MIN),
            same: validity == plan.validity,
            budget: if self.can_expunge() { MOST } else { 0 },
            permitted: Permitted::new(&selected),
            keysets: self.context.account.read(|tx| tx.keysets()).await?,
            origins: origins.into_iter().map(|f| (f.mailbox, f)).collect(),
            done: Vec::new(),
        };
        let mailbox = plan.folder.mailbox;
        if self.raising.is_some() && filling.same && plan.folder.is_behind(plan.told) {
            let low = plan.folder.state.low.union(&set(plan.new.iter().map(|m| m.uid)));
            plan.folder.state.low = low;
        }
        for window in plan.new.chunks(WINDOW) {
            let uids: Vec<Uid> = window.iter().map(|m| m.uid).collect();
            let stored = self.context.account.read(move |tx| tx.stored(mailbox, &uids)).await?;
            let copies = self.can_expunge();
            let mut items: VecDeque<Item> = stored
                .into_iter()
                .map(|stored| {
                    let origin = originals.get(&stored.email).and_then(|all| all.first()).filter(|_| copies);
                    Item { stored, how: origin.map_or(How::Together, |(from, uid)| How::Copied(*from, *uid)) }
                })
                .collect();
            while let Some(first) = items.front() {
                let here = first.stored.uid;
                let gap = u64::from(here.get()).saturating_sub(u64::from(filling.next.get()));
                if filling.same && gap > 0 && gap <= filling.budget {
                    filling.next = self.burn(&mut plan.folder, filling.next, gap, plan.told.1).await?;
                    filling.budget -= gap;
                }
                let group = take_group(&mut items, filling.next, filling.same);
                self.send(&mut plan.folder, &mut filling, group, &mut items).await?;
            }
        }
        Ok(filling.done)
    }

    /// Sends a group; what was not taken goes back to the front of the list, to be sent in the next manner.
    async fn send(
        &mut self,
        folder: &mut Folder,
        filling: &mut Filling,
        group: Vec<Item>,
        items: &mut VecDeque<Item>,
    ) -> Result<()> {
        let coming = |m: &Item| Coming {
            uid: m.stored.uid.get(),
            size: m.stored.size,
            hash: blake3::Hash::from_bytes(m.stored.hash.0).to_hex().to_string(),
        };
        let messages = group.iter().map(coming).collect();
        let at = self.context.account.read(|tx| Ok(tx.now())).await?;
        folder.state.appending = Some(Appending { uid_next: filling.next.get(), at, messages, filler: None });
        self.save(folder).await?;
        step::reached("messages announced").await;
        let sent = match group.first().map(|m| m.how) {
            Some(How::Copied(from, _)) => self.copy(folder, filling, from, &group).await,
            _ => self.upload(folder, filling, &group).await,
        };
        step::reached("messages sent").await;
        let (found, refusal) = match sent {
            Ok(uids) if uids.len() == group.len() => {
                let pairs = group.iter().zip(uids);
                let found: Vec<_> = pairs.map(|(m, there)| BackMessage { uid: m.stored.uid, there }).collect();
                folder.state.appending = None;
                for m in &group {
                    folder.state.refused = folder.state.refused.difference(&set([m.stored.uid]));
                }
                let (written, rows) = (folder.clone(), found.clone());
                let write = move |tx: &sterna_store::Tx<'_>| {
                    tx.put_back_messages(written.mailbox, &rows)?;
                    written.write(tx)
                };
                self.context.account.write(write).await?;
                (found, None)
            }
            Ok(_) => (self.resolve(folder).await?, Some("the server took it and does not show it".to_owned())),
            Err(Error::Store(sterna_store::Error::NotFound(what))) => {
                return self.without_the_gone(folder, group, items, what).await;
            }
            Err(Error::Source(error)) if is_refusal(&error) => (self.resolve(folder).await?, Some(error.to_string())),
            Err(Error::Invalid(why)) => (self.resolve(folder).await?, Some(why)),
            Err(error) => return Err(error),
        };
        self.count(folder, filling, &group, &found);
        let Some(refusal) = refusal else { return Ok(()) };
        // What comes next is not known any more.
        self.selected = None;
        filling.next = self.select(folder).await?.uid_next.unwrap_or(filling.next);
        for mut item in group.into_iter().rev() {
            if found.iter().any(|f| f.uid == item.stored.uid) {
                continue;
            }
            item.how = match item.how {
                How::Copied(..) => How::Together,
                How::Together => How::Alone,
                How::Alone if filling.keysets.flags(item.stored.flags).keywords().next().is_some() => How::Plain,
                How::Alone | How::Plain => {
                    folder.state.refused.insert(item.stored.uid.get());
                    self.note(folder, Some(item.stored.uid), refusal.clone()).await?;
                    continue;
                }
            };
            items.push_front(item);
        }
        Ok(())
    }

    /// A message was removed here while its group was read: nothing was sent, and the others begin anew.
    async fn without_the_gone(
        &mut self,
        folder: &mut Folder,
        group: Vec<Item>,
        items: &mut VecDeque<Item>,
        what: String,
    ) -> Result<()> {
        folder.state.appending = None;
        self.save(folder).await?;
        let (mailbox, uids) = (folder.mailbox, group.iter().map(|m| m.stored.uid).collect::<Vec<_>>());
        let left = self.context.account.read(move |tx| tx.stored(mailbox, &uids)).await?;
        if left.len() == group.len() {
            return Err(sterna_store::Error::NotFound(what).into());
        }
        let left = group.into_iter().filter(|m| left.iter().any(|stored| stored.uid == m.stored.uid));
        left.rev().for_each(|item| items.push_front(item));
        Ok(())
    }

    fn count(&mut self, folder: &Folder, filling: &mut Filling, group: &[Item], found: &[BackMessage]) {
        for BackMessage { uid, there } in found {
            let Some(item) = group.iter().find(|m| m.stored.uid == *uid) else { continue };
            match item.how {
                How::Copied(..) => self.carried.moved += 1,
                _ => {
                    (self.carried.appended, self.carried.bytes) =
                        (self.carried.appended + 1, self.carried.bytes + item.stored.size)
                }
            }
            if filling.same && uid != there {
                self.carried.differing.push(Differing { folder: folder.shown(), here: *uid, there: *there });
            }
            filling.done.push(*uid);
            let behind = there.get().checked_add(1).and_then(Uid::new).unwrap_or(*there);
            filling.next = filling.next.max(behind);
        }
    }

    /// Lets the old side copy messages; their UIDs there, in order.
    async fn copy(&mut self, folder: &Folder, filling: &Filling, from: MailboxId, group: &[Item]) -> Result<Vec<Uid>> {
        let Some(origin) = filling.origins.get(&from) else {
            return Err(Error::Invalid("its folder is not known on the old side".into()));
        };
        let sources: Vec<Uid> = group
            .iter()
            .filter_map(|m| match m.how {
                How::Copied(_, uid) => Some(uid),
                _ => None,
            })
            .collect();
        self.select(origin).await?;
        let name = folder.name(self.connection);
        let (from, to) = self.connection.uid_copy(&set(sources.iter().copied()), &name).await?.unwrap_or_default();
        // Told for all, or nothing is certain.
        let all = from == set(sources.iter().copied()) && to.len() == from.len();
        Ok(if all { to.uids().collect() } else { Vec::new() })
    }

    /// Uploads messages; their UIDs there, in order, if the server tells them.
    async fn upload(&mut self, folder: &Folder, filling: &Filling, group: &[Item]) -> Result<Vec<Uid>> {
        let name = folder.name(self.connection);
        let flags = |item: &Item| {
            let (kept, _) = filling.permitted.split(&filling.keysets.flags(item.stored.flags));
            if item.how == How::Plain { Flags::system(kept.system) } else { kept }
        };
        let account = &self.context.account;
        if let [item] = group
            && item.stored.size > SMALL
        {
            let Stored { blob, size, internaldate, .. } = item.stored;
            let mut source = body::stream(account, blob, size);
            let appended = self.connection.append(&name, &flags(item), Some(internaldate), size, &mut source).await?;
            return Ok(appended.into_iter().map(|(_, uid)| uid).collect());
        }
        let mut messages = Vec::with_capacity(group.len());
        for item in group {
            let body = account.blob_range(item.stored.blob, 0, item.stored.size).await?;
            messages.push(NewMessage { flags: flags(item), date: Some(item.stored.internaldate), body: body.into() });
        }
        let appended = self.connection.append_all(&name, &messages).await?;
        Ok(appended.into_iter().flatten().map(|(_, uid)| uid).collect())
    }
}

/// The messages that are sent at once. Where UIDs can be kept, a group ends at a gap.
fn take_group(items: &mut VecDeque<Item>, next: Uid, same: bool) -> Vec<Item> {
    let mut group: Vec<Item> = Vec::new();
    let mut bytes = 0;
    while let Some(item) = items.front() {
        let coming = u64::from(next.get()) + group.len() as u64;
        let size = item.stored.size;
        let joins = match (group.last().map(|m| m.how), item.how) {
            (None, _) => true,
            (Some(How::Copied(from, last)), How::Copied(mailbox, uid)) => mailbox == from && uid > last,
            (Some(How::Together), How::Together) => {
                size <= SMALL && bytes <= SMALL.max(GROUP_BYTES - size.min(GROUP_BYTES))
            }
            _ => false,
        };
        let at_gap = same && !group.is_empty() && u64::from(item.stored.uid.get()) > coming;
        let large = group.first().is_some_and(|m| m.how == How::Together && m.stored.size > SMALL);
        if !joins || at_gap || large || group.len() >= GROUP {
            break;
        }
        bytes += size;
        group.extend(items.pop_front());
    }
    group
}
