//! DELETE (RFC 9051 §6.3.5). What lies below the mailbox stays, and the mailbox with it as a mere parent.

use sterna_core::Role;

use super::no_such_mailbox;
use crate::codec::mailbox::MailboxName;
use crate::codec::write::status::names::{CANNOT, HASCHILDREN};
use crate::server::names::find;
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// Answers DELETE. Sessions that have the mailbox selected learn of it by their own synchronisation.
pub(crate) async fn handle(session: &mut Session, name: MailboxName) -> Result<Reply, Problem> {
    session
        .account()?
        .write(move |tx| {
            let tree = tx.mailbox_tree()?;
            let Some(mailbox) = find(&tree, &name) else { return Ok(Err(no_such_mailbox())) };
            if mailbox.role == Some(Role::Inbox) {
                return Ok(Err(Problem::no_code(CANNOT, "INBOX cannot be deleted")));
            }
            if !mailbox.selectable && tree.has_children(mailbox.id) {
                return Ok(Err(Problem::no_code(HASCHILDREN, "Delete the mailboxes below it first")));
            }
            tx.delete_mailbox(mailbox.id).map(Ok)
        })
        .await??;
    Ok(Reply::ok("DELETE completed"))
}
