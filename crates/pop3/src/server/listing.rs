//! STAT, LIST and UIDL: what the maildrop holds.

use super::maildrop::{Entry, Maildrop};
use super::reply::End;
use super::session::Session;

/// STAT: number and octets of the messages that are not marked.
pub(super) fn stat(session: &Session) -> Result<String, End> {
    let (count, octets) = session.maildrop()?.stat();
    Ok(format!("{count} {octets}"))
}

/// LIST, of one message or of all.
pub(super) async fn list(session: &mut Session, number: Option<u32>) -> Result<(), End> {
    listing(session, number, |_, entry| entry.size.to_string()).await
}

/// UIDL, of one message or of all.
pub(super) async fn uidl(session: &mut Session, number: Option<u32>) -> Result<(), End> {
    listing(session, number, Maildrop::uidl).await
}

async fn listing(
    session: &mut Session,
    number: Option<u32>,
    what: impl Fn(&Maildrop, &Entry) -> String,
) -> Result<(), End> {
    let (maildrop, out) = session.maildrop_and_out()?;
    if let Some(number) = number {
        let entry = maildrop.get(number).ok_or_else(no_such_message)?;
        out.line(&format!("+OK {number} {}", what(maildrop, entry)));
        return Ok(());
    }
    let (count, octets) = maildrop.stat();
    out.line(&format!("+OK {count} messages ({octets} octets)"));
    for (number, entry) in maildrop.iter_from(1) {
        out.line(&format!("{number} {}", what(maildrop, entry)));
        out.flush_if_full().await?;
    }
    out.line(".");
    Ok(())
}

/// There is none, or it is marked deleted.
pub(super) fn no_such_message() -> End {
    End::refused("no such message")
}
