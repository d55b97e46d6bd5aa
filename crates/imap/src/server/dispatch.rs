//! From a command to its handler, and what follows each command.
//!
//! Each handler's future is boxed, so that a session that waits for a command costs no more than its own state.

use super::problem::{Problem, Reply};
use super::session::Session;
use super::{copy, expunge, fetch, mailboxes, search, sort, store, thread};
use crate::codec::command::CommandBody;

/// Runs one command and synchronises behind it.
pub(super) async fn dispatch(session: &mut Session, command: CommandBody) -> Result<Reply, Problem> {
    match command {
        CommandBody::Fetch(c) => Box::pin(fetch::handle(session, c)).await,
        CommandBody::Search(c) => Box::pin(search::handle(session, c)).await,
        CommandBody::Sort(c) => Box::pin(sort::handle(session, c)).await,
        CommandBody::Thread(c) => Box::pin(thread::handle(session, c)).await,
        CommandBody::Store(c) => Box::pin(store::handle(session, c)).await,
        CommandBody::Copy(c) => Box::pin(copy::handle(session, c, copy::Keep::Source)).await,
        CommandBody::Move(c) => Box::pin(copy::handle(session, c, copy::Keep::CopyOnly)).await,
        CommandBody::Expunge(set) => Box::pin(expunge::handle(session, set)).await,
        CommandBody::List(c) => Box::pin(mailboxes::list::handle(session, c)).await,
        CommandBody::Lsub { reference, pattern } => {
            Box::pin(mailboxes::lsub::handle(session, reference, pattern)).await
        }
        CommandBody::Status { mailbox, items } => Box::pin(mailboxes::status::handle(session, mailbox, items)).await,
        CommandBody::Create(c) => Box::pin(mailboxes::create::handle(session, c)).await,
        CommandBody::Delete(name) => Box::pin(mailboxes::delete::handle(session, name)).await,
        CommandBody::Rename { from, to } => Box::pin(mailboxes::rename::handle(session, from, to)).await,
        CommandBody::Subscribe(name) => Box::pin(mailboxes::subscribe::handle(session, name, true)).await,
        CommandBody::Unsubscribe(name) => Box::pin(mailboxes::subscribe::handle(session, name, false)).await,
        CommandBody::Namespace => Box::pin(mailboxes::namespace::handle(session)).await,
        CommandBody::GetQuota { root } => Box::pin(mailboxes::quota::get(session, root)).await,
        CommandBody::GetQuotaRoot(name) => Box::pin(mailboxes::quota::get_root(session, name)).await,
        CommandBody::SetQuota(c) => Box::pin(mailboxes::quota::set(session, c)).await,
        _ => Err(Problem::bad("not now")),
    }
}
