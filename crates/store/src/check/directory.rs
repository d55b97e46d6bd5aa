//! Invariants 17 to 21: the directory with its queue.

use std::collections::HashSet;

use super::CheckReport;
use crate::db::Tx;
use crate::error::Result;
use crate::store::Store;

/// Each selects, in its first column, what breaks the invariant.
const RULES: &[(u8, &str, &str)] = &[
    (
        17,
        "the domain is missing of the key",
        "SELECT k.selector FROM dkim_key k LEFT JOIN domain d ON d.name = k.domain WHERE d.name IS NULL",
    ),
    (
        17,
        "an account and an alias have the address",
        "SELECT a.address FROM alias a JOIN account b ON b.address = a.address",
    ),
    (
        17,
        "an alias has no target:",
        "SELECT a.address FROM alias a LEFT JOIN alias_target t ON t.address = a.address WHERE t.target IS NULL",
    ),
    (
        17,
        "a target has no alias:",
        "SELECT t.address FROM alias_target t LEFT JOIN alias a ON a.address = t.address WHERE a.address IS NULL",
    ),
    (
        18,
        "recipients are not counted right in queued message",
        "SELECT m.id FROM queue_message m WHERE m.recipients < 1 OR m.recipients <> (SELECT COUNT(*) \
         FROM queue_recipient r WHERE r.message_id = m.id)",
    ),
    (
        18,
        "recipients are not counted right in a batch of queued message",
        "SELECT b.message_id FROM queue_batch b WHERE b.recipients < 1 OR b.recipients <> (SELECT COUNT(*) \
         FROM queue_recipient r WHERE r.message_id = b.message_id AND r.batch = b.number)",
    ),
    (
        18,
        "a recipient is in no batch of queued message",
        "SELECT r.message_id FROM queue_recipient r LEFT JOIN queue_batch b ON b.message_id = r.message_id \
         AND b.number = r.batch WHERE b.number IS NULL",
    ),
    (
        18,
        "a batch is of no message:",
        "SELECT b.message_id FROM queue_batch b LEFT JOIN queue_message m ON m.id = b.message_id WHERE m.id IS NULL",
    ),
    (
        18,
        "the totals do not fit the queue of messages",
        "SELECT t.messages FROM queue_total t WHERE t.messages <> (SELECT COUNT(*) FROM queue_message) \
         OR t.recipients <> (SELECT COUNT(*) FROM queue_recipient) \
         OR t.held <> (SELECT COUNT(*) FROM queue_message m WHERE m.held = 1)",
    ),
    (
        19,
        "a batch that nobody has is not due when its recipients are, in queued message",
        "SELECT b.message_id FROM queue_batch b JOIN queue_message m ON m.id = b.message_id WHERE b.holder IS NULL \
         AND b.next_ms <> CASE WHEN m.held = 1 THEN 9223372036854775807 ELSE (SELECT MIN(r.due_ms) \
         FROM queue_recipient r WHERE r.message_id = b.message_id AND r.batch = b.number) END",
    ),
    (
        19,
        "its batches do not fit the destination",
        "SELECT d.name FROM queue_destination d LEFT JOIN (SELECT destination, MIN(next_ms) AS next_ms, \
         SUM(recipients) AS recipients FROM queue_batch GROUP BY destination) AS b ON b.destination = d.name \
         WHERE b.next_ms IS NULL OR b.next_ms <> d.next_ms OR b.recipients <> d.recipients",
    ),
    (
        19,
        "a batch is at no destination:",
        "SELECT b.destination FROM queue_batch b LEFT JOIN queue_destination d ON d.name = b.destination \
         WHERE d.name IS NULL",
    ),
    (
        20,
        "the body is missing or of another size for queued message",
        "SELECT m.id FROM queue_message m LEFT JOIN blob b ON b.account_id = 0 AND b.id = m.blob_id \
         WHERE b.id IS NULL OR b.size <> m.size",
    ),
    (
        20,
        "no queued message names body",
        "SELECT b.id FROM blob b LEFT JOIN queue_message m ON m.blob_id = b.id WHERE b.account_id = 0 AND m.id IS NULL",
    ),
    (
        21,
        "an id is not below the next one of the directory:",
        "SELECT used.id FROM (SELECT id FROM account UNION ALL SELECT id FROM queue_message UNION ALL \
         SELECT id FROM blob WHERE account_id = 0) AS used JOIN account_state s ON s.account_id = 0 \
         WHERE used.id >= s.next_id",
    ),
];

impl Store {
    /// Verifies every invariant of the directory and the queue over one snapshot. Reads the body of every queued message once.
    /// [`CheckReport::messages`] are queued ones.
    pub async fn check_directory(&self) -> Result<CheckReport> {
        self.directory()
            .read(|tx| {
                let mut report = CheckReport::default();
                tx.check_engine(&mut report)?;
                tx.check_directory(&mut report)?;
                tx.check_bodies(&mut report)?;
                Ok(report)
            })
            .await
    }
}

impl Tx<'_> {
    fn check_directory(&self, report: &mut CheckReport) -> Result<()> {
        report.messages = self.one("SELECT COUNT(*) FROM queue_message", &[], |r| r.u64(0))?.unwrap_or(0);
        let domains: HashSet<String> = self.domains()?.into_iter().collect();
        self.each("SELECT address FROM account UNION ALL SELECT address FROM alias", &[], |r| {
            let address = r.text(0)?;
            if !address.rsplit_once('@').is_some_and(|(_, domain)| domains.contains(domain)) {
                report.found(17, format!("the domain is missing of {address}"));
            }
            Ok(())
        })?;
        for (invariant, what, sql) in RULES {
            self.each(sql, &[], |r| {
                // A name or a number.
                let which = r.text(0).map(str::to_owned).or_else(|_| r.int(0).map(|n| n.to_string()))?;
                report.found(*invariant, format!("{what} {which}"));
                Ok(())
            })?;
        }
        Ok(())
    }
}
