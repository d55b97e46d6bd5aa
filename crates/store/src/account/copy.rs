//! COPY and MOVE: the copy shares the immutable part, flags and dates go along (RFC 9051 §6.4.7).

use std::ops::ControlFlow;

use sterna_core::{EmailId, MailboxId, Uid};

use super::append::{Appended, INSERT, Import};
use super::keyset::StoredFlags;
use super::page::UidRange;
use crate::db::Tx;
use crate::error::{Error, Result};

/// Messages in one statement at most, which bounds the memory of their rows.
const AT_ONCE: usize = 1_000;

/// A message and its copy, as COPYUID pairs them (RFC 4315 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// UID in the mailbox it was copied from.
    pub from: Uid,
    /// UID of the copy.
    pub to: Uid,
}

impl Tx<'_> {
    /// Copies the messages of `ranges` that exist, ascending. All or none; holds to the quota.
    pub fn copy(&self, from: MailboxId, ranges: &[UidRange], to: MailboxId) -> Result<Vec<Copied>> {
        self.copy_rows(from, ranges, to, true)
    }

    /// Moves the messages of `ranges` that exist (RFC 6851): in one transaction, so that none is ever in both or
    /// neither. The quota does not matter, for nothing is added.
    pub fn move_messages(&self, from: MailboxId, ranges: &[UidRange], to: MailboxId) -> Result<Vec<Copied>> {
        let copied = self.copy_rows(from, ranges, to, false)?;
        let gone: Vec<UidRange> = copied.iter().map(|c| UidRange::one(c.from)).collect();
        self.expunge(from, &gone)?;
        Ok(copied)
    }

    fn copy_rows(&self, from: MailboxId, ranges: &[UidRange], to: MailboxId, quota: bool) -> Result<Vec<Copied>> {
        let mut rows: Vec<(Uid, EmailId, StoredFlags, u64)> = Vec::new();
        for range in ranges {
            let _ = self.emails(from, *range, |message, email| {
                rows.push((message.uid, email.id, message.flags, email.size));
                Ok(ControlFlow::Continue(()))
            })?;
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        if quota {
            self.check_quota(rows.iter().map(|(_, _, _, size)| size).sum())?;
        }
        let n = u32::try_from(rows.len()).map_err(|_| Error::Invalid("too many messages at once".into()))?;
        let first = self.take_uids(to, n)?.get();
        let modseq = self.modseq()?;
        let (import, mut uids) = (Import::default(), (first..).map_while(Uid::new));
        let mut copied = Vec::with_capacity(rows.len());
        for rows in rows.chunks(AT_ONCE) {
            // The rows lead: what leads is asked once more at the end, and a UID taken from the others would be lost.
            let inserted: Vec<_> = rows
                .iter()
                .zip(uids.by_ref())
                .map(|((source, email, flags, _), uid)| {
                    copied.push(Copied { from: *source, to: uid });
                    self.message_row(to, &Appended { uid, email: *email, modseq }, *flags, modseq, &import)
                })
                .collect();
            self.execute_many(INSERT, &inserted)?;
        }
        self.count(to, rows.iter().map(|(_, _, flags, size)| (flags.system(), *size)), 1)?;
        self.touch(to, modseq)?;
        Ok(copied)
    }
}
