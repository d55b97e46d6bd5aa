//! FETCH (RFC 9051 §6.4.5).

use super::problem::{Problem, Reply};
use super::session::Session;
use crate::codec::command::fetch::Fetch;

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, _command: Fetch) -> Result<Reply, Problem> {
    session.account()?;
    Err(Problem::no("not yet"))
}
