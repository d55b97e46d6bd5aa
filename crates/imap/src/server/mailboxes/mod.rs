//! Commands about mailboxes as a whole (RFC 9051 §6.3.4 to §6.3.11, RFC 9208): one file for each.
//!
//! Called by the dispatcher only. Each command is one read or one write of the account, so what it tells is of one moment.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
mod listing;
pub(crate) mod lsub;
pub(crate) mod namespace;
mod pattern;
pub(crate) mod quota;
pub(crate) mod rename;
pub(crate) mod status;
pub(crate) mod subscribe;

#[cfg(test)]
mod tests;

use sterna_store::{MailboxTree, NewMailbox, Result, Tx};

use super::problem::Problem;
use super::session::Session;
use crate::codec::write::status::names::NONEXISTENT;

/// Sends what a read has put together, so much at a time that the buffer stays small.
async fn send(session: &mut Session, answer: &[u8]) -> std::io::Result<()> {
    for part in answer.chunks(64 * 1024) {
        session.out.buffer().extend_from_slice(part);
        session.out.flush_if_full().await?;
    }
    Ok(())
}

/// NO for a name that no mailbox has.
fn no_such_mailbox() -> Problem {
    Problem::no_code(NONEXISTENT, "No mailbox has that name")
}

/// Makes the mailboxes of `components` that do not exist yet; the last one's number. The superior names that RFC 9051 §6.3.4
/// wants made are ordinary mailboxes: a parent that cannot be opened would only puzzle its owner.
fn make_path(tx: &Tx<'_>, tree: &MailboxTree, components: &[String]) -> Result<Option<sterna_core::MailboxId>> {
    let mut delimiter = [0; 4];
    let delimiter = tree.delimiter().encode_utf8(&mut delimiter);
    let mut above = None;
    let mut path = String::new();
    for component in components {
        if !path.is_empty() {
            path.push_str(delimiter);
        }
        path.push_str(component);
        above = Some(match tree.find(&path) {
            Some(mailbox) => mailbox.id,
            None => tx.create_mailbox(&NewMailbox { parent: above, ..NewMailbox::named(component) })?.id,
        });
    }
    Ok(above)
}
