//! STATUS (RFC 9051 §6.3.11) with SIZE, HIGHESTMODSEQ, MAILBOXID, APPENDLIMIT and DELETED-STORAGE; LIST uses it, too.

use std::ops::ControlFlow;

use sterna_core::{MailboxId, SystemFlags};
use sterna_store::{Mailbox, Result, Tx, UidRange};

use super::{no_such_mailbox, send};
use crate::codec::command::mailbox::StatusItem;
use crate::codec::mailbox::MailboxName;
use crate::codec::write::mailbox::{StatusValue, status};
use crate::server::names::{WireName, find, wire_name};
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// What is told of each mailbox.
#[derive(Clone, Debug)]
pub(super) struct StatusScope {
    /// In the order asked for.
    pub items: Vec<StatusItem>,
    append_limit: u64,
}

impl StatusScope {
    /// HIGHESTMODSEQ among the items enables CONDSTORE (RFC 7162 §3.1).
    pub fn of(session: &mut Session, items: &[StatusItem]) -> StatusScope {
        if items.contains(&StatusItem::HighestModSeq) {
            session.enabled.condstore = true;
        }
        StatusScope { items: items.to_vec(), append_limit: session.service.config.append_limit }
    }
}

/// Answers STATUS.
pub(crate) async fn handle(
    session: &mut Session,
    name: MailboxName,
    items: Vec<StatusItem>,
) -> std::result::Result<Reply, Problem> {
    let encoding = session.names();
    let scope = StatusScope::of(session, &items);
    let answer = session
        .account()?
        .read(move |tx| {
            let tree = tx.mailbox_tree()?;
            let Some(mailbox) = find(&tree, &name).filter(|m| m.selectable) else { return Ok(None) };
            let mut out = Vec::new();
            write(&mut out, tx, mailbox, &wire_name(&tree, mailbox.id, encoding), &scope)?;
            Ok(Some(out))
        })
        .await?
        .ok_or_else(no_such_mailbox)?;
    send(session, &answer).await?;
    Ok(Reply::ok("STATUS completed"))
}

/// Appends the STATUS line of a mailbox.
pub(super) fn write(
    out: &mut Vec<u8>,
    tx: &Tx<'_>,
    mailbox: &Mailbox,
    name: &WireName,
    scope: &StatusScope,
) -> Result<()> {
    let id = format!("F{}", mailbox.id);
    let mut values = Vec::with_capacity(scope.items.len());
    for item in &scope.items {
        let value = match item {
            StatusItem::Messages => StatusValue::Number(u64::from(mailbox.total)),
            StatusItem::Recent => StatusValue::Number(0),
            // No UID is left beyond the largest: the grammar has no number for that.
            StatusItem::UidNext => StatusValue::Number(mailbox.uid_next.min(u64::from(u32::MAX))),
            StatusItem::UidValidity => StatusValue::Number(u64::from(mailbox.uid_validity.get())),
            StatusItem::Unseen => StatusValue::Number(u64::from(mailbox.unseen)),
            StatusItem::Deleted => StatusValue::Number(u64::from(mailbox.deleted)),
            StatusItem::DeletedStorage => StatusValue::Number(deleted_storage(tx, mailbox.id, mailbox.deleted)?),
            StatusItem::Size => StatusValue::Number(mailbox.bytes),
            StatusItem::HighestModSeq => StatusValue::Number(mailbox.highest_modseq.0.max(1)),
            StatusItem::MailboxId => StatusValue::ObjectId(&id),
            StatusItem::AppendLimit => StatusValue::Number(scope.append_limit.min(u64::from(u32::MAX))),
        };
        values.push((*item, value));
    }
    status(out, &name.text, &values, name.encoding);
    Ok(())
}

/// Bytes that an expunge would free (RFC 9208 §4.1.4). The count tells when all are found.
fn deleted_storage(tx: &Tx<'_>, mailbox: MailboxId, count: u32) -> Result<u64> {
    let (mut left, mut bytes) = (count, 0u64);
    if left > 0 {
        let _ = tx.emails(mailbox, UidRange::ALL, |message, email| {
            if message.flags.system().contains(SystemFlags::DELETED) {
                bytes = bytes.saturating_add(email.size);
                left = left.saturating_sub(1);
            }
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    Ok(bytes)
}
