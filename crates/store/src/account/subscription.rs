//! Subscriptions: a property of a mailbox, and of names that no mailbox has any more (RFC 9051 §6.3.7).

use sterna_core::MailboxId;

use super::mailbox::Mailbox;
use super::tree::MailboxTree;
use crate::db::{Tx, vals};
use crate::error::{Error, Result};

impl Tx<'_> {
    /// Subscribes to a mailbox or takes the subscription back.
    pub fn set_subscribed(&self, id: MailboxId, subscribed: bool) -> Result<()> {
        self.execute(
            "UPDATE mailbox SET subscribed = ?3, modseq = ?4 WHERE account_id = ?1 AND id = ?2 AND subscribed <> ?3",
            vals![self.account, id, subscribed, self.modseq()?],
        )?;
        Ok(())
    }

    /// Paths that are subscribed and have no mailbox.
    pub fn dangling_subscriptions(&self) -> Result<Vec<String>> {
        self.query("SELECT path FROM subscription WHERE account_id = ?1 ORDER BY path", vals![self.account], |r| {
            Ok(r.text(0)?.to_owned())
        })
    }

    /// Subscribes to a path that has no mailbox, or takes that back.
    pub fn set_dangling_subscription(&self, path: &str, subscribed: bool) -> Result<()> {
        if path.contains('\0') {
            return Err(Error::Invalid("a mailbox name has no NUL".into()));
        }
        let sql = if subscribed {
            "INSERT INTO subscription (account_id, path) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM subscription WHERE account_id = ?1 AND path = ?2"
        };
        self.execute(sql, vals![self.account, path])?;
        Ok(())
    }

    /// The mailboxes of the account as a tree with paths.
    pub fn mailbox_tree(&self) -> Result<MailboxTree> {
        Ok(MailboxTree::new(self.mailboxes()?, self.account_state()?.delimiter))
    }

    /// A new mailbox takes over the subscription that waited for its name.
    pub(crate) fn adopt_subscription(&self, id: MailboxId) -> Result<()> {
        if self.dangling_subscriptions()?.is_empty() {
            return Ok(());
        }
        if let Some(path) = self.mailbox_tree()?.path(id) {
            let waited = self
                .execute("DELETE FROM subscription WHERE account_id = ?1 AND path = ?2", vals![self.account, path])?;
            if waited > 0 {
                self.set_subscribed(id, true)?;
            }
        }
        Ok(())
    }

    /// RFC 9051 §6.3.7: the server must not drop a name from the list because its mailbox is gone.
    pub(crate) fn keep_subscription(&self, mailbox: &Mailbox) -> Result<()> {
        if !mailbox.subscribed {
            return Ok(());
        }
        match self.mailbox_tree()?.path(mailbox.id) {
            Some(path) => self.set_dangling_subscription(path, true),
            None => Ok(()),
        }
    }
}
