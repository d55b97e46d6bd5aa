//! CREATE (RFC 9051 §6.3.4), with a special use (RFC 6154 §3) and the identifier in the answer (RFC 8474 §4.1).

use sterna_core::{MailboxId, Role};
use sterna_store::{NewMailbox, Tx};

use super::make_path;
use crate::codec::command::mailbox::Create;
use crate::codec::mailbox::NameEncoding;
use crate::codec::write::status::names::{ALREADYEXISTS, USEATTR};
use crate::server::names::new_path;
use crate::server::problem::{Problem, Reply, ReplyCode};
use crate::server::session::Session;

/// Answers CREATE.
pub(crate) async fn handle(session: &mut Session, command: Create) -> Result<Reply, Problem> {
    let encoding = session.names();
    let id = session.account()?.write(move |tx| create(tx, &command, encoding)).await??;
    Ok(Reply::ok_code(ReplyCode::MailboxId(format!("F{id}")), "CREATE completed"))
}

/// The inner problem stands for nothing written yet.
fn create(tx: &Tx<'_>, command: &Create, encoding: NameEncoding) -> sterna_store::Result<Result<MailboxId, Problem>> {
    let tree = tx.mailbox_tree()?;
    let delimiter = tree.delimiter();
    let components = match new_path(&command.mailbox, encoding, delimiter) {
        Ok(components) => components,
        Err(problem) => return Ok(Err(problem)),
    };
    let existing = tree.find(&components.join(delimiter.encode_utf8(&mut [0; 4])));
    if existing.is_some_and(|m| m.selectable) {
        return Ok(Err(Problem::no_code(ALREADYEXISTS, "A mailbox has that name already")));
    }
    let role = match wanted_role(command) {
        Ok(role) => role,
        Err(problem) => return Ok(Err(problem)),
    };
    if role.is_some() && tree.iter().any(|(_, m)| m.role == role) {
        return Ok(Err(Problem::no_code(USEATTR, "Another mailbox has that special use already")));
    }
    // A mere parent becomes a mailbox that holds messages.
    if let Some(mailbox) = existing {
        tx.set_selectable(mailbox.id, true)?;
        if role.is_some() {
            tx.set_role(mailbox.id, role)?;
        }
        return Ok(Ok(mailbox.id));
    }
    let Some((name, above)) = components.split_last() else { return Ok(Err(Problem::no("The name is empty"))) };
    let parent = make_path(tx, &tree, above)?;
    Ok(Ok(tx.create_mailbox(&NewMailbox { parent, role, ..NewMailbox::named(name) })?.id))
}

/// A mailbox has one use at most; which ones a server can give is its own matter (RFC 6154 §3).
fn wanted_role(command: &Create) -> Result<Option<Role>, Problem> {
    match command.uses.as_slice() {
        _ if command.unknown_use => Err(Problem::no_code(USEATTR, "That special use is not known here")),
        [first, rest @ ..] if rest.iter().any(|r| r != first) => {
            Err(Problem::no_code(USEATTR, "A mailbox can have one special use only"))
        }
        uses => Ok(uses.first().copied()),
    }
}
