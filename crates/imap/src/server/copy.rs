//! COPY and MOVE (RFC 9051 §6.4.7, §6.4.8).

use super::problem::{Problem, Reply};
use super::session::Session;
use crate::codec::command::store::Transfer;

/// COPY or MOVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// COPY.
    Source,
    /// MOVE.
    CopyOnly,
}

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, _command: Transfer, _keep: Keep) -> Result<Reply, Problem> {
    session.account()?;
    Err(Problem::no("not yet"))
}
