//! RENAME (RFC 9051 §6.3.6): a mailbox goes to another place with all that is below it; INBOX gives its messages away.

use sterna_core::Role;
use sterna_store::{Mailbox, MailboxTree, NewMailbox, Tx, UidRange};

use super::{make_path, no_such_mailbox};
use crate::codec::mailbox::{MailboxName, NameEncoding};
use crate::codec::write::status::names::{ALREADYEXISTS, CANNOT};
use crate::server::names::{find, new_path, refuse_too_deep};
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// Answers RENAME.
pub(crate) async fn handle(session: &mut Session, from: MailboxName, to: MailboxName) -> Result<Reply, Problem> {
    let encoding = session.names();
    session.account()?.write(move |tx| rename(tx, &from, &to, encoding)).await??;
    Ok(Reply::ok("RENAME completed"))
}

/// The inner problem stands for nothing written yet.
fn rename(
    tx: &Tx<'_>,
    from: &MailboxName,
    to: &MailboxName,
    encoding: NameEncoding,
) -> sterna_store::Result<Result<(), Problem>> {
    let tree = tx.mailbox_tree()?;
    let Some(mailbox) = find(&tree, from) else { return Ok(Err(no_such_mailbox())) };
    let components = match destination(&tree, mailbox, to, encoding) {
        Ok(components) => components,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some((name, above)) = components.split_last() else { return Ok(Err(Problem::no("The name is empty"))) };
    let parent = make_path(tx, &tree, above)?;
    if mailbox.role == Some(Role::Inbox) {
        // RFC 9051 §6.3.6: INBOX is left empty, and what is below it stays.
        let new = tx.create_mailbox(&NewMailbox { parent, ..NewMailbox::named(name) })?;
        tx.move_messages(mailbox.id, &[UidRange::ALL], new.id)?;
    } else {
        tx.rename_mailbox(mailbox.id, parent, name)?;
    }
    Ok(Ok(()))
}

/// The new path's components, if the mailbox can go there.
fn destination(
    tree: &MailboxTree,
    mailbox: &Mailbox,
    to: &MailboxName,
    encoding: NameEncoding,
) -> Result<Vec<String>, Problem> {
    let delimiter = tree.delimiter();
    let components = new_path(to, encoding, delimiter)?;
    let new = components.join(delimiter.encode_utf8(&mut [0; 4]));
    if tree.find(&new).is_some() {
        return Err(Problem::no_code(ALREADYEXISTS, "A mailbox has that name already"));
    }
    let old = tree.path(mailbox.id).unwrap_or_default();
    if mailbox.role == Some(Role::Inbox) {
        return Ok(components);
    }
    for (path, _) in tree.iter() {
        let below = path.strip_prefix(old).and_then(|rest| rest.strip_prefix(delimiter));
        if let Some(below) = below {
            let depth = components.len() + below.split(delimiter).count();
            refuse_too_deep(new.len() + delimiter.len_utf8() + below.len(), depth)?;
        }
    }
    if new.strip_prefix(old).is_some_and(|rest| rest.starts_with(delimiter)) {
        return Err(Problem::no_code(CANNOT, "A mailbox cannot be moved below itself"));
    }
    Ok(components)
}
