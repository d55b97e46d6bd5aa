//! The consistency checker: every invariant of an account, verified from the rows and the bodies themselves.
//!
//! Tests run it after every scenario, a move runs it at its end, `sterna check` runs it for the operator.
//!
//! 1. The engine's own structure is intact.
//! 2. Exactly one INBOX exists, at the top level; no role is held twice.
//! 3. Every mailbox's parent exists and no chain of parents loops.
//! 4. A mailbox's counts (total, unseen, deleted, bytes) are those of its messages; one that is not selectable has none.
//! 5. The account's used bytes are the sum of its mailboxes'.
//! 6. 1 ≤ UID < UIDNEXT ≤ 2³², UIDVALIDITY ≥ 1.
//! 7. MODSEQ of a message or tombstone ≤ HIGHESTMODSEQ of its mailbox ≤ the account's clock.
//! 8. The change log is complete: nothing is both there and told as gone, and a tombstone's UID was once given.
//! 9. Every message has its e-mail; every e-mail is held by a message.
//! 10. Every e-mail has its body and the body's size; every body is named by an e-mail.
//! 11. Every body's chunks or object give back bytes of its size and hash; no chunk is without a body, and no body's
//!     object is one that the collector may delete.
//! 12. Every keyword set that a message names exists.
//! 13. Every id is below the next one to be given.
//! 14. Every stored structure reads back and fits its message (told by the caller, who knows the format).
//! 15. Every folder of a move points to a mailbox that exists.
//! 16. At most one Sieve script is active, and each has the size of its text.
//!
//! Of the directory ([`crate::Store::check_directory`]), beside 1 and 11:
//!
//! 17. Every account, alias and key is of a domain; no account has the address of an alias; every alias has targets.
//! 18. A queued message has recipients, each in a batch; message, batch and totals count them right.
//! 19. A batch that no node has is due when the first of its recipients is, never if its message is held; a destination is
//!     there as long as it has batches, is due with the first of them and counts their recipients.
//! 20. Every queued message has its body; every body of the queue is named by a message.
//! 21. Every account, queued message and body of the queue has an id below the next one.

mod bodies;
mod directory;
mod mailboxes;
mod messages;

use crate::account::Account;
use crate::db::{Tx, vals};
use crate::error::Result;

/// One broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number in the list above.
    pub invariant: u8,
    /// What is wrong, and where.
    pub detail: String,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Broken invariants; empty: the account is sound. At most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Mailboxes looked at. None in the directory.
    pub mailboxes: u64,
    /// Messages looked at.
    pub messages: u64,
    /// Bodies read and hashed.
    pub bodies: u64,
    /// Bytes of those bodies.
    pub bytes: u64,
}

/// More findings than this add nothing.
pub const MAX_FINDINGS: usize = 1000;

impl CheckReport {
    /// No invariant is broken.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn found(&mut self, invariant: u8, detail: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { invariant, detail });
        }
    }
}

/// Tells whether a structure's bytes fit a message of that size; `Err` says why not.
pub type StructureCheck = fn(structure: &[u8], size: u64) -> std::result::Result<(), String>;

impl Account {
    /// Verifies every invariant over one snapshot. Reads every body once; memory stays bounded by one chunk.
    pub async fn check(&self, structure: StructureCheck) -> Result<CheckReport> {
        self.read(move |tx| {
            let mut report = CheckReport::default();
            tx.check_engine(&mut report)?;
            tx.check_mailboxes(&mut report)?;
            tx.check_messages(&mut report)?;
            tx.check_emails(&mut report, structure)?;
            tx.check_bodies(&mut report)?;
            Ok(report)
        })
        .await
    }
}

impl Tx<'_> {
    fn check_engine(&self, report: &mut CheckReport) -> Result<()> {
        if self.is_shared() {
            // PostgreSQL's own structure is its administrator's to verify (data checksums, pg_amcheck).
            return Ok(());
        }
        self.each("PRAGMA quick_check(10)", &[], |r| {
            if r.text(0)? != "ok" {
                report.found(1, r.text(0)?.to_owned());
            }
            Ok(())
        })
    }

    /// Reports each row of a query that should have none; `detail` is made from its first column.
    fn none(&self, report: &mut CheckReport, invariant: u8, what: &str, sql: &str) -> Result<()> {
        self.each(sql, vals![self.account], |r| {
            report.found(invariant, format!("{what} {}", r.int(0)?));
            Ok(())
        })
    }
}
