//! From a command to its handler, and what follows each command.
//!
//! Each handler's future is boxed, so that a session that waits for a command costs no more than its own state.

use super::problem::{Problem, Reply};
use super::session::{After, Session};
use super::{auth, basic, capability, compress, copy, enable, expunge, fetch, id, idle, mailboxes, notify};
use super::{search, select, sort, starttls, store, thread};
use crate::codec::command::{Addressing, CommandBody};
use crate::codec::write::status::names;

/// What a command lets the server tell behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sync {
    /// Nothing: the command has told all itself, or no mailbox is open.
    Nothing,
    /// No expunges, for the client may count messages in the next command already (RFC 9051 §7.5.1).
    Flags,
    /// Everything.
    All,
}

/// Runs one command and synchronises behind it.
pub(super) async fn dispatch(session: &mut Session, command: CommandBody) -> Result<Reply, Problem> {
    let (sync, by) = match &command {
        CommandBody::Fetch(c) => numbered(c.by),
        CommandBody::Store(c) => numbered(c.by),
        CommandBody::Search(c) => numbered(c.by),
        CommandBody::Sort(c) => numbered(c.by),
        CommandBody::Thread(c) => numbered(c.by),
        CommandBody::Copy(c) | CommandBody::Move(c) => (Sync::All, c.by),
        CommandBody::Select(_) | CommandBody::Logout | CommandBody::StartTls => (Sync::Nothing, Addressing::Uid),
        _ => (Sync::All, Addressing::Uid),
    };
    if session.enabled.uidonly && by == Addressing::Sequence {
        // RFC 9586 §3: no sequence number in any command.
        return Err(Problem::bad_code(names::UIDREQUIRED, "UIDONLY is enabled: use the UID form of the command"));
    }
    let result = run(session, command).await;
    let over = matches!(result, Err(Problem::Bye { .. } | Problem::Io(_)));
    if !over && sync != Sync::Nothing && session.selected.is_some() {
        match Box::pin(session.sync(sync == Sync::All)).await {
            Err(over @ (Problem::Bye { .. } | Problem::Io(_))) => return Err(over),
            // The command is done all the same; the next one tries again.
            Err(problem) => tracing::warn!(?problem, "cannot synchronise"),
            Ok(()) => {}
        }
    }
    result
}

fn numbered(by: Addressing) -> (Sync, Addressing) {
    (if by == Addressing::Uid { Sync::All } else { Sync::Flags }, by)
}

async fn run(session: &mut Session, command: CommandBody) -> Result<Reply, Problem> {
    match command {
        CommandBody::Capability => Ok(capability::handle(session)),
        CommandBody::Noop => Ok(Reply::ok("NOOP completed")),
        CommandBody::Logout => Ok(basic::logout(session)),
        CommandBody::StartTls => starttls::handle(session),
        CommandBody::Login(c) => Box::pin(auth::login(session, c)).await,
        CommandBody::Authenticate(c) => Box::pin(auth::authenticate(session, c)).await,
        CommandBody::Id(fields) => Ok(id::handle(session, fields)),
        CommandBody::Compress(mechanism) => compress::handle(session, &mechanism),
        CommandBody::Enable(capabilities) => enable::handle(session, &capabilities),
        CommandBody::Idle => Box::pin(idle::handle(session)).await,
        CommandBody::Notify(c) => Box::pin(notify::handle(session, c)).await,
        CommandBody::Select(c) => Box::pin(select::handle(session, c)).await,
        CommandBody::Check => basic::check(session),
        CommandBody::Close => Box::pin(select::close(session)).await,
        CommandBody::Unselect => select::unselect(session),
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
    }
}

/// Marks what must happen behind the tagged response.
pub(super) fn then(session: &mut Session, after: After, reply: Reply) -> Reply {
    session.after = after;
    reply
}
