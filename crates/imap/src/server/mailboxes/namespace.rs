//! NAMESPACE (RFC 9051 §6.3.10): one personal namespace, as the mailboxes' source had it.

use crate::codec::write::session::namespace;
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// Answers NAMESPACE. Mailboxes are stored with the prefix in their paths, so that it is only told here.
pub(crate) async fn handle(session: &mut Session) -> Result<Reply, Problem> {
    let encoding = session.names();
    let state = session.account()?.read(|tx| tx.account_state()).await?;
    namespace(session.out.buffer(), &[(&state.prefix, Some(state.delimiter))], &[], &[], encoding);
    Ok(Reply::ok("NAMESPACE completed"))
}
