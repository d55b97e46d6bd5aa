//! COPY and MOVE with their UID forms (RFC 9051 §6.4.7 and §6.4.8, RFC 4315 §3, RFC 6851): one transaction each, so that
//! every message named is there or none is.

use std::ops::ControlFlow;

use sterna_core::UidValidity;
use sterna_store::{Copied, Result as StoreResult, Tx, UidRange};

use super::expunge::expunged;
use super::fetch::wanted;
use super::names::find;
use super::problem::{Problem, Reply, ReplyCode};
use super::session::Session;
use crate::codec::command::Addressing;
use crate::codec::command::store::Transfer;
use crate::codec::sequence::NumberSet;
use crate::codec::write::status::{Code, Condition, names, untagged};

/// COPY or MOVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// COPY.
    Source,
    /// MOVE.
    CopyOnly,
}

/// How the transaction ended.
enum Outcome {
    Done(UidValidity, Vec<Copied>),
    /// Another session expunged some of the messages.
    Gone,
    NoSuchMailbox,
    NotSelectable,
}

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, command: Transfer, keep: Keep) -> Result<Reply, Problem> {
    let selected = session.selected()?;
    if keep == Keep::CopyOnly && selected.read_only {
        return Err(Problem::no_code(names::NOPERM, "The mailbox is open read-only"));
    }
    let ranges = selected.view.resolve(&command.set, command.by, &selected.saved)?;
    // RFC 2180 §4.4.1: a sequence number that is gone fails the whole command; UIDs that are gone are ignored.
    let named = (command.by == Addressing::Sequence).then(|| wanted(&selected.view, &ranges, None).len());
    let (account, from, to) = (session.account()?.clone(), selected.mailbox, command.mailbox);
    let outcome = account
        .write(move |tx| {
            let tree = tx.mailbox_tree()?;
            let Some(target) = find(&tree, &to) else { return Ok(Outcome::NoSuchMailbox) };
            if !target.selectable {
                return Ok(Outcome::NotSelectable);
            }
            if let Some(named) = named
                && count(tx, from, &ranges)? < named
            {
                return Ok(Outcome::Gone);
            }
            let copied = match keep {
                Keep::Source => tx.copy(from, &ranges, target.id)?,
                Keep::CopyOnly => tx.move_messages(from, &ranges, target.id)?,
            };
            Ok(Outcome::Done(target.uid_validity, copied))
        })
        .await?;
    let (validity, copied) = match outcome {
        Outcome::Done(validity, copied) => (validity, copied),
        Outcome::Gone => return Err(Problem::no_code(names::EXPUNGEISSUED, "Some messages no longer exist")),
        Outcome::NoSuchMailbox => return Err(Problem::no_code(names::TRYCREATE, "No mailbox has that name")),
        Outcome::NotSelectable => return Err(Problem::no_code(names::CANNOT, "That name holds no messages")),
    };
    if copied.is_empty() {
        return Ok(Reply::ok("No messages were named"));
    }
    let sources: NumberSet = copied.iter().map(|c| c.from).collect();
    let copies: NumberSet = copied.iter().map(|c| c.to).collect();
    match keep {
        Keep::Source => Ok(Reply::ok_code(ReplyCode::CopyUid(validity, sources, copies), "COPY completed")),
        Keep::CopyOnly => {
            // RFC 6851 §4.3: told before the messages are expunged, which synchronising does.
            let code = Code::CopyUid(validity, &sources, &copies);
            untagged(session.out.buffer(), Condition::Ok, Some(code), "Moved");
            expunged(session, "MOVE completed").await
        }
    }
}

fn count(tx: &Tx<'_>, mailbox: sterna_core::MailboxId, ranges: &[UidRange]) -> StoreResult<usize> {
    let mut count = 0;
    for range in ranges {
        let _ = tx.messages(mailbox, *range, |_| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(count)
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
