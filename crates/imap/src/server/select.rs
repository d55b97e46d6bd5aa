//! SELECT, EXAMINE, CLOSE and UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2).
//!
//! The mailbox comes from the index in memory: opening one that was open before reads no message.

use std::sync::Arc;

use sterna_core::{MailboxId, SystemFlags, Uid};
use sterna_store::{Keysets, MailboxIndex, StoredFlags, UidRange};

use super::names::{WireName, find, wire_name};
use super::problem::{Problem, Reply};
use super::session::{Selected, Session};
use super::{qresync, sync};
use crate::codec::command::mailbox::Select;
use crate::codec::write::mailbox::{ListEntry, exists, list, recent};
use crate::codec::write::status::{Code, Condition, names, untagged};

/// What the account's tree says of a name.
enum Found {
    Mailbox(MailboxId, WireName, char, Keysets),
    Nothing,
    NoSelect,
}

/// Answers SELECT and EXAMINE.
pub(super) async fn handle(session: &mut Session, command: Select) -> Result<Reply, Problem> {
    session.account()?;
    if command.qresync.is_some() && !session.enabled.qresync {
        // RFC 7162 §3.2.5
        return Err(Problem::bad("enable QRESYNC first"));
    }
    session.enabled.condstore |= command.condstore;
    if session.selected.take().is_some() {
        // Whether or not the new mailbox can be opened, the old one is closed (RFC 9051 §6.3.2).
        untagged(session.out.buffer(), Condition::Ok, Some(names::CLOSED), "the previous mailbox is closed");
    }
    let encoding = session.names();
    let account = session.account()?.clone();
    let name = command.mailbox.clone();
    let found = account
        .read(move |tx| {
            let tree = tx.mailbox_tree()?;
            Ok(match find(&tree, &name) {
                Some(m) if m.selectable => {
                    Found::Mailbox(m.id, wire_name(&tree, m.id, encoding), tree.delimiter(), tx.keysets()?)
                }
                Some(_) => Found::NoSelect,
                None => Found::Nothing,
            })
        })
        .await?;
    let (id, name, delimiter, keysets) = match found {
        Found::Mailbox(id, name, delimiter, keysets) => (id, name, delimiter, Arc::new(keysets)),
        Found::Nothing => return Err(Problem::no_code(names::NONEXISTENT, "no such mailbox")),
        Found::NoSelect => return Err(Problem::no_code(names::CANNOT, "this name holds other mailboxes only")),
    };
    let index = account.index(id).await?;
    let flags = index.keysets().iter().map(|set| StoredFlags::new(SystemFlags::default(), *set));
    let newer = sync::newer_keysets(&account, &keysets, flags).await?;
    session.selected = Some(Selected::from_view(index.clone(), newer.unwrap_or(keysets), command.read_only));
    tell(session, &index);
    if session.enabled.imap4rev2 {
        let entry = ListEntry { separator: Some(delimiter), name: &name.text, ..ListEntry::default() };
        list(session.out.buffer(), &entry, name.encoding);
    }
    if let Some(known) = &command.qresync {
        qresync::tell(session, &account, &index, known).await?;
    }
    tracing::debug!(mailbox = %id, messages = index.len(), "selected");
    let (code, text) = match command.read_only {
        true => (names::READ_ONLY, "EXAMINE completed"),
        false => (names::READ_WRITE, "SELECT completed"),
    };
    Ok(Reply::ok_code(code, text))
}

/// The untagged responses of SELECT.
fn tell(session: &mut Session, index: &MailboxIndex) {
    session.tell_flags();
    let rev1 = !session.enabled.imap4rev2;
    let out = session.out.buffer();
    exists(out, u32::try_from(index.len()).unwrap_or(u32::MAX));
    if rev1 {
        // RFC 3501 §6.3.1. \Recent is never given: RFC 9051 has done away with it.
        recent(out, 0);
        if let Some(sequence) = index.first_unseen() {
            let code = Code::Unseen(u32::try_from(sequence).unwrap_or(u32::MAX));
            untagged(out, Condition::Ok, Some(code), "first unseen message");
        }
    }
    let mailbox = &index.mailbox;
    untagged(out, Condition::Ok, Some(Code::UidValidity(mailbox.uid_validity)), "UIDs valid");
    // With no UID left there is no next one to tell.
    if let Some(next) = u32::try_from(mailbox.uid_next).ok().and_then(Uid::new) {
        untagged(out, Condition::Ok, Some(Code::UidNext(next)), "predicted next UID");
    }
    // RFC 7162 §7: a mod-sequence-value is not 0.
    let highest = mailbox.highest_modseq.max(sterna_core::ModSeq(1));
    untagged(out, Condition::Ok, Some(Code::HighestModSeq(highest)), "highest");
    untagged(out, Condition::Ok, Some(Code::MailboxId(&format!("F{}", mailbox.id))), "mailbox");
}

/// CLOSE: expunges in silence, unless the mailbox was opened by EXAMINE.
pub(super) async fn close(session: &mut Session) -> Result<Reply, Problem> {
    let selected = session.selected()?;
    let (mailbox, read_only) = (selected.mailbox, selected.read_only);
    if !read_only {
        session.account()?.write(move |tx| tx.expunge_deleted(mailbox, &[UidRange::ALL])).await?;
    }
    session.selected = None;
    Ok(Reply::ok("CLOSE completed"))
}

/// UNSELECT: closes without expunging.
pub(super) fn unselect(session: &mut Session) -> Result<Reply, Problem> {
    session.selected()?;
    session.selected = None;
    Ok(Reply::ok("UNSELECT completed"))
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
