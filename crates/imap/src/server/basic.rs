//! LOGOUT (RFC 9051 §6.1.3) and CHECK (RFC 3501 §6.4.1).

use super::dispatch::then;
use super::problem::{Problem, Reply};
use super::session::{After, Session};
use crate::codec::write::status::{Condition, untagged};

/// LOGOUT: BYE comes before the tagged OK.
pub(super) fn logout(session: &mut Session) -> Reply {
    untagged(session.out.buffer(), Condition::Bye, None, "logging out");
    then(session, After::Close, Reply::ok("LOGOUT completed"))
}

/// CHECK: everything is durable at any moment, so it is NOOP with an open mailbox.
pub(super) fn check(session: &mut Session) -> Result<Reply, Problem> {
    session.selected()?;
    Ok(Reply::ok("CHECK completed"))
}
