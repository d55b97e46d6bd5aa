//! Invariants 6 to 9, 12, 13 and 16: messages, the change log, identities, scripts.

use super::CheckReport;
use crate::db::{Tx, vals};
use crate::error::Result;

/// Each selects, in its first column, what breaks the invariant.
const RULES: &[(u8, &str, &str)] = &[
    (
        6,
        "a UID is not below the UIDNEXT of its mailbox:",
        "SELECT m.uid FROM message m JOIN mailbox b ON b.account_id = m.account_id AND b.id = m.mailbox_id \
         WHERE m.account_id = ?1 AND (m.uid >= b.uid_next OR m.uid < 1)",
    ),
    (
        6,
        "a message lies in a mailbox that does not exist:",
        "SELECT m.mailbox_id FROM message m LEFT JOIN mailbox b ON b.account_id = m.account_id \
         AND b.id = m.mailbox_id WHERE m.account_id = ?1 AND b.id IS NULL",
    ),
    (
        7,
        "a message is ahead of its mailbox's HIGHESTMODSEQ: UID",
        "SELECT m.uid FROM message m JOIN mailbox b ON b.account_id = m.account_id AND b.id = m.mailbox_id \
         WHERE m.account_id = ?1 AND m.modseq > b.highest_modseq",
    ),
    (
        7,
        "a message was put here after the account's clock: UID",
        "SELECT m.uid FROM message m JOIN account_state s ON s.account_id = m.account_id \
         WHERE m.account_id = ?1 AND (m.created_modseq > s.modseq OR m.modseq > s.modseq)",
    ),
    (
        7,
        "a tombstone is ahead of the clock:",
        "SELECT t.modseq FROM tombstone t JOIN account_state s ON s.account_id = t.account_id \
         WHERE t.account_id = ?1 AND t.modseq > s.modseq",
    ),
    (
        7,
        "a tombstone is ahead of its mailbox's HIGHESTMODSEQ:",
        "SELECT t.modseq FROM tombstone t JOIN mailbox b ON b.account_id = t.account_id AND b.id = t.mailbox_id \
         WHERE t.account_id = ?1 AND t.kind = 1 AND t.modseq > b.highest_modseq",
    ),
    (
        8,
        "a UID is told as gone and is there:",
        "SELECT t.id FROM tombstone t JOIN message m ON m.account_id = t.account_id \
         AND m.mailbox_id = t.mailbox_id AND m.uid = t.id WHERE t.account_id = ?1 AND t.kind = 1",
    ),
    (
        8,
        "a UID is told as gone that was never given:",
        "SELECT t.id FROM tombstone t JOIN mailbox b ON b.account_id = t.account_id AND b.id = t.mailbox_id \
         WHERE t.account_id = ?1 AND t.kind = 1 AND t.id >= b.uid_next",
    ),
    (
        8,
        "a mailbox is told as gone and is there:",
        "SELECT t.id FROM tombstone t JOIN mailbox b ON b.account_id = t.account_id AND b.id = t.id \
         WHERE t.account_id = ?1 AND t.kind = 2",
    ),
    (
        8,
        "an e-mail is told as gone and is there:",
        "SELECT t.id FROM tombstone t JOIN email e ON e.account_id = t.account_id AND e.id = t.id \
         WHERE t.account_id = ?1 AND t.kind = 3",
    ),
    (
        9,
        "a message has no e-mail: UID",
        "SELECT m.uid FROM message m LEFT JOIN email e ON e.account_id = m.account_id AND e.id = m.email_id \
         WHERE m.account_id = ?1 AND e.id IS NULL",
    ),
    (
        9,
        "no message holds the e-mail",
        "SELECT e.id FROM email e LEFT JOIN message m ON m.account_id = e.account_id AND m.email_id = e.id \
         WHERE e.account_id = ?1 AND m.uid IS NULL",
    ),
    (
        12,
        "a message names a keyword set that does not exist: UID",
        "SELECT m.uid FROM message m LEFT JOIN keyset k ON k.account_id = m.account_id AND k.id = m.flags / 256 \
         WHERE m.account_id = ?1 AND m.flags >= 256 AND k.id IS NULL",
    ),
    (
        13,
        "an e-mail's id is not below the next one:",
        "SELECT e.id FROM email e JOIN account_state s ON s.account_id = e.account_id \
         WHERE e.account_id = ?1 AND (e.id >= s.next_id OR e.thread_id >= s.next_id OR e.blob_id >= s.next_id)",
    ),
    (
        13,
        "a mailbox's id is not below the next one:",
        "SELECT b.id FROM mailbox b JOIN account_state s ON s.account_id = b.account_id \
         WHERE b.account_id = ?1 AND b.id >= s.next_id",
    ),
    (
        16,
        "scripts are active at once:",
        "SELECT COUNT(*) FROM sieve_script WHERE account_id = ?1 AND active = 1 HAVING COUNT(*) > 1",
    ),
    (
        16,
        "a script is not as long as it should be, but of bytes",
        "SELECT octet_length(text) FROM sieve_script WHERE account_id = ?1 AND octet_length(text) <> size",
    ),
];

impl Tx<'_> {
    pub(super) fn check_messages(&self, report: &mut CheckReport) -> Result<()> {
        let count = "SELECT COUNT(*) FROM message WHERE account_id = ?1";
        report.messages = self.one(count, vals![self.account], |r| r.u64(0))?.unwrap_or(0);
        RULES.iter().try_for_each(|(invariant, what, sql)| self.none(report, *invariant, what, sql))
    }
}
