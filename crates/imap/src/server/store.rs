//! STORE (RFC 9051 §6.4.6).

use super::problem::{Problem, Reply};
use super::session::Session;
use crate::codec::command::store::Store;

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, _command: Store) -> Result<Reply, Problem> {
    session.account()?;
    Err(Problem::no("not yet"))
}
