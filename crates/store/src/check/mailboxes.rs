//! Invariants 2 to 5 and 15: mailboxes, their counts, their tree.

use std::collections::HashSet;

use sterna_core::Role;

use super::CheckReport;
use crate::db::{Tx, vals};
use crate::error::Result;

impl Tx<'_> {
    pub(super) fn check_mailboxes(&self, report: &mut CheckReport) -> Result<()> {
        let mailboxes = self.mailboxes()?;
        let state = self.account_state()?;
        report.mailboxes = mailboxes.len() as u64;
        let inboxes: Vec<_> = mailboxes.iter().filter(|m| m.role == Some(Role::Inbox)).collect();
        if !matches!(inboxes.as_slice(), [inbox] if inbox.parent.is_none() && inbox.name == "INBOX") {
            report.found(2, format!("{} mailboxes are INBOX", inboxes.len()));
        }
        let mut roles = HashSet::new();
        for role in mailboxes.iter().filter_map(|m| m.role) {
            if !roles.insert(role) {
                report.found(2, format!("two mailboxes have the special use {role}"));
            }
        }
        for mailbox in &mailboxes {
            let mut seen = HashSet::from([mailbox.id]);
            let mut parent = mailbox.parent;
            while let Some(id) = parent {
                match mailboxes.iter().find(|m| m.id == id) {
                    Some(above) if seen.insert(id) => parent = above.parent,
                    Some(_) => {
                        report.found(3, format!("mailbox {} is below itself", mailbox.id));
                        break;
                    }
                    None => {
                        report.found(3, format!("mailbox {} lies below {id}, which does not exist", mailbox.id));
                        break;
                    }
                }
            }
            let counted = self.one(
                "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN m.flags & 1 = 0 THEN 1 ELSE 0 END), 0) AS BIGINT), \
                 CAST(COALESCE(SUM(CASE WHEN m.flags & 8 <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT), CAST(COALESCE(SUM(e.size), 0) AS BIGINT) \
                 FROM message m LEFT JOIN email e ON e.account_id = m.account_id AND e.id = m.email_id \
                 WHERE m.account_id = ?1 AND m.mailbox_id = ?2",
                vals![self.account, mailbox.id],
                |r| Ok((r.u32(0)?, r.u32(1)?, r.u32(2)?, r.u64(3)?)),
            )?;
            let stored = (mailbox.total, mailbox.unseen, mailbox.deleted, mailbox.bytes);
            if counted != Some(stored) {
                report.found(4, format!("mailbox {} counts {stored:?}, its messages {counted:?}", mailbox.id));
            }
            if !mailbox.selectable && mailbox.total > 0 {
                report.found(4, format!("mailbox {} is not selectable and holds messages", mailbox.id));
            }
            if mailbox.highest_modseq > state.modseq || mailbox.import_modseq > state.modseq {
                report.found(7, format!("mailbox {} is ahead of the account's clock {}", mailbox.id, state.modseq));
            }
            if mailbox.uid_next < 1 || mailbox.uid_next > 1 << 32 {
                report.found(6, format!("mailbox {} has UIDNEXT {}", mailbox.id, mailbox.uid_next));
            }
        }
        let used: u64 = mailboxes.iter().map(|m| m.bytes).sum();
        if used != state.used_bytes {
            report.found(5, format!("the account counts {} bytes, its mailboxes {used}", state.used_bytes));
        }
        self.none(
            report,
            15,
            "a folder of the move points to mailbox",
            "SELECT f.mailbox_id FROM move_folder f LEFT JOIN mailbox b ON b.account_id = f.account_id \
             AND b.id = f.mailbox_id WHERE f.account_id = ?1 AND f.mailbox_id <> 0 AND b.id IS NULL",
        )
    }
}
