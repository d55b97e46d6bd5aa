//! Removing messages: the row goes, a tombstone stays, what nothing names any more goes with it.

use std::ops::ControlFlow;

use sterna_core::{EmailId, MailboxId, ModSeq, SystemFlags, Uid};

use super::mailbox::GONE_MESSAGE;
use super::page::UidRange;
use crate::db::{Tx, Val, vals};
use crate::error::Result;

/// One message to be removed.
struct Doomed {
    uid: Uid,
    email: EmailId,
    flags: SystemFlags,
    size: u64,
}

impl Tx<'_> {
    /// Removes the messages of `ranges` that have `\Deleted` (EXPUNGE, UID EXPUNGE, CLOSE). The UIDs, ascending by range.
    pub fn expunge_deleted(&self, mailbox: MailboxId, ranges: &[UidRange]) -> Result<Vec<Uid>> {
        self.remove(mailbox, ranges, |flags| flags.contains(SystemFlags::DELETED))
    }

    /// Removes all messages of `ranges`, whatever their flags (MOVE, REPLACE, a source's expunge).
    pub fn expunge(&self, mailbox: MailboxId, ranges: &[UidRange]) -> Result<Vec<Uid>> {
        self.remove(mailbox, ranges, |_| true)
    }

    pub(crate) fn expunge_all(&self, mailbox: MailboxId) -> Result<()> {
        self.remove(mailbox, &[UidRange::ALL], |_| true).map(|_| ())
    }

    /// UIDs expunged after `since`, ascending: what VANISHED (EARLIER) tells (RFC 7162 §3.2.5.1).
    /// Complete only for `since` ≥ [`crate::Mailbox::expunge_floor`].
    pub fn vanished_since(&self, mailbox: MailboxId, since: ModSeq) -> Result<Vec<Uid>> {
        let uids = self.query(
            "SELECT id FROM tombstone WHERE account_id = ?1 AND kind = ?2 AND mailbox_id = ?3 AND modseq > ?4 \
             ORDER BY id",
            vals![self.account, GONE_MESSAGE, mailbox, since],
            |r| Ok(Uid::new(r.u32(0)?)),
        )?;
        Ok(uids.into_iter().flatten().collect())
    }

    fn remove(
        &self,
        mailbox: MailboxId,
        ranges: &[UidRange],
        wanted: impl Fn(SystemFlags) -> bool,
    ) -> Result<Vec<Uid>> {
        let mut doomed = Vec::new();
        for range in ranges {
            let _ = self.emails(mailbox, *range, |message, email| {
                let flags = message.flags.system();
                if wanted(flags) {
                    doomed.push(Doomed { uid: message.uid, email: email.id, flags, size: email.size });
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        if doomed.is_empty() {
            return Ok(Vec::new());
        }
        let modseq = self.modseq()?;
        let keys: Vec<[Val<'_>; 3]> =
            doomed.iter().map(|d| [self.account.into(), mailbox.into(), d.uid.into()]).collect();
        self.execute_many("DELETE FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3", &keys)?;
        let gone: Vec<(Uid, EmailId)> = doomed.iter().map(|d| (d.uid, d.email)).collect();
        self.entomb_messages(mailbox, modseq, &gone)?;
        self.count(mailbox, doomed.iter().map(|d| (d.flags, d.size)), -1)?;
        let emails: Vec<EmailId> = doomed.iter().map(|d| d.email).collect();
        self.release_emails(&emails, modseq)?;
        self.touch(mailbox, modseq)?;
        Ok(doomed.into_iter().map(|d| d.uid).collect())
    }
}
