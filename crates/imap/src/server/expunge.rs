//! EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3, RFC 4315).

use super::problem::{Problem, Reply};
use super::session::Session;
use crate::codec::sequence::MessageSet;

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, _set: Option<MessageSet>) -> Result<Reply, Problem> {
    session.account()?;
    Err(Problem::no("not yet"))
}
