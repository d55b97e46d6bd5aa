//! EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3, RFC 4315 §2.1). The synchronisation behind the command tells what is gone.

use sterna_store::UidRange;

use super::problem::{Problem, Reply};
use super::session::Session;
use crate::codec::command::Addressing;
use crate::codec::sequence::MessageSet;
use crate::codec::write::status::{Code, names};

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, set: Option<MessageSet>) -> Result<Reply, Problem> {
    let selected = session.selected()?;
    if selected.read_only {
        return Err(Problem::no_code(names::NOPERM, "The mailbox is open read-only"));
    }
    let ranges = match &set {
        None => vec![UidRange::ALL],
        Some(set) => selected.view.resolve(set, Addressing::Uid, &selected.saved)?,
    };
    let (account, mailbox) = (session.account()?.clone(), selected.mailbox);
    let gone = account.write(move |tx| tx.expunge_deleted(mailbox, &ranges)).await?;
    let reply = if set.is_some() { "UID EXPUNGE completed" } else { "EXPUNGE completed" };
    if gone.is_empty() { Ok(Reply::ok(reply)) } else { expunged(session, reply).await }
}

/// The reply of a command that removed messages: RFC 7162 §3.2.7 has it tell where the mailbox stands.
pub(super) async fn expunged(session: &Session, text: &'static str) -> Result<Reply, Problem> {
    if !session.enabled.condstore && !session.enabled.qresync {
        return Ok(Reply::ok(text));
    }
    let highest = session.account()?.index(session.selected()?.mailbox).await?.mailbox.highest_modseq;
    Ok(Reply::ok_code(Code::HighestModSeq(highest), text))
}

#[cfg(test)]
#[path = "expunge_tests.rs"]
mod tests;
