//! What a POP3 client knows a message by: unique id and place at the source that it came from (RFC 1939 §7). A client to which
//! either changed would download everything again.

use sterna_core::{MailboxId, Uid};

use crate::db::{Tx, Val};
use crate::error::Result;

impl Tx<'_> {
    /// Sets unique ids, and places in the listing, of messages; those that are not there are passed over.
    pub fn set_uidls(&self, mailbox: MailboxId, uidls: &[(Uid, String, Option<u32>)]) -> Result<()> {
        if uidls.is_empty() {
            return Ok(());
        }
        self.modseq()?;
        let rows: Vec<[Val<'_>; 5]> = uidls
            .iter()
            .map(|(uid, uidl, order)| {
                [self.account.into(), mailbox.into(), (*uid).into(), uidl.into(), (*order).into()]
            })
            .collect();
        self.execute_many(
            "UPDATE message SET uidl = ?4, pop_order = ?5 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3",
            &rows,
        )
    }
}
