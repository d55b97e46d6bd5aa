//! Changing flags, of many messages at once, unless they have changed since a client saw them (RFC 7162 §3.1.3).

use std::collections::HashMap;
use std::ops::ControlFlow;

use sterna_core::{Flag, Flags, MailboxId, ModSeq, SystemFlags, Uid};

use super::keyset::StoredFlags;
use super::page::UidRange;
use crate::db::{Tx, vals};
use crate::error::{Error, Result};

/// What STORE does with its flags (RFC 9051 §6.4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`
    Add(Flags),
    /// `-FLAGS`
    Remove(Flags),
    /// `FLAGS`
    Set(Flags),
}

impl FlagChange {
    fn apply(&self, old: &Flags) -> Flags {
        let mut new = old.clone();
        let each = |flags: &Flags, f: &mut dyn FnMut(Flag)| {
            SystemFlags::ALL
                .iter()
                .filter(|(bit, _)| flags.system.contains(*bit))
                .for_each(|(b, _)| f(Flag::System(*b)));
            flags.keywords().cloned().map(Flag::Keyword).for_each(f);
        };
        match self {
            FlagChange::Set(flags) => return flags.clone(),
            FlagChange::Add(flags) => each(flags, &mut |flag| new.insert(flag)),
            FlagChange::Remove(flags) => each(flags, &mut |flag| new.remove(&flag)),
        }
        new
    }
}

/// The outcome of a change of flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagsChanged {
    /// Messages whose flags are other than before, ascending.
    pub changed: Vec<Uid>,
    /// Messages left alone because they had changed after the client's state: the MODIFIED code of RFC 7162.
    pub modified: Vec<Uid>,
    /// The number of the transaction, if anything changed.
    pub modseq: Option<ModSeq>,
}

impl Tx<'_> {
    /// Changes the flags of all messages in `ranges` that exist; of those changed after `unchanged_since`, none.
    pub fn change_flags(
        &self,
        mailbox: MailboxId,
        ranges: &[UidRange],
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> Result<FlagsChanged> {
        let keysets = self.keysets()?;
        // Few combinations of flags exist: each is worked out once.
        let mut outcome: HashMap<StoredFlags, StoredFlags> = HashMap::new();
        let mut updates = Vec::new();
        let mut result = FlagsChanged::default();
        for range in ranges {
            let _ = self.messages(mailbox, *range, |message| {
                if unchanged_since.is_some_and(|since| message.modseq > since) {
                    result.modified.push(message.uid);
                    return Ok(ControlFlow::Continue(()));
                }
                let new = match outcome.get(&message.flags) {
                    Some(new) => *new,
                    None => {
                        let new = self.stored_flags(&change.apply(&keysets.flags(message.flags)))?;
                        outcome.insert(message.flags, new);
                        new
                    }
                };
                if new != message.flags {
                    updates.push((message.uid, message.flags, new));
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        if updates.is_empty() {
            return Ok(result);
        }
        let modseq = self.modseq()?;
        self.write_flags(mailbox, &updates, modseq, modseq)?;
        result.changed = updates.iter().map(|(uid, _, _)| *uid).collect();
        result.modseq = Some(modseq);
        Ok(result)
    }

    /// Takes over the flags that a source has for a message, with the source's modseq if it has one.
    pub fn import_flags(&self, mailbox: MailboxId, uid: Uid, flags: &Flags, modseq: Option<ModSeq>) -> Result<bool> {
        let clock = self.modseq_at_least(modseq.unwrap_or_default())?;
        let new = self.stored_flags(flags)?;
        let old = self
            .one(
                "SELECT flags, modseq FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3",
                vals![self.account, mailbox, uid],
                |r| Ok((StoredFlags(r.u32(0)?), ModSeq(r.u64(1)?))),
            )?
            .ok_or_else(|| Error::NotFound(format!("message {uid} of mailbox {mailbox}")))?;
        let modseq = modseq.unwrap_or(if old.0 == new { old.1 } else { clock });
        if old == (new, modseq) {
            return Ok(false);
        }
        self.write_flags(mailbox, &[(uid, old.0, new)], modseq, clock)?;
        if modseq != clock {
            self.execute(
                "UPDATE mailbox SET import_modseq = ?3 WHERE account_id = ?1 AND id = ?2",
                vals![self.account, mailbox, clock],
            )?;
        }
        Ok(old.0 != new)
    }

    /// Writes new flags and keeps the mailbox's counts.
    fn write_flags(
        &self,
        mailbox: MailboxId,
        updates: &[(Uid, StoredFlags, StoredFlags)],
        modseq: ModSeq,
        clock: ModSeq,
    ) -> Result<()> {
        debug_assert!(modseq <= clock);
        let (mut unseen, mut deleted) = (0i64, 0i64);
        let has = |flags: StoredFlags, bit| i64::from(flags.system().contains(bit));
        let rows: Vec<_> = updates
            .iter()
            .map(|(uid, old, new)| {
                unseen += has(*old, SystemFlags::SEEN) - has(*new, SystemFlags::SEEN);
                deleted += has(*new, SystemFlags::DELETED) - has(*old, SystemFlags::DELETED);
                [self.account.into(), mailbox.into(), (*uid).into(), new.0.into(), modseq.into()]
            })
            .collect();
        self.execute_many(
            "UPDATE message SET flags = ?4, modseq = ?5 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3",
            &rows,
        )?;
        self.execute(
            "UPDATE mailbox SET unseen = unseen + ?3, deleted = deleted + ?4 WHERE account_id = ?1 AND id = ?2",
            vals![self.account, mailbox, unseen, deleted],
        )?;
        self.touch(mailbox, modseq)
    }
}
