//! SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8). A name need not have a mailbox to be subscribed to.

use crate::codec::mailbox::MailboxName;
use crate::server::names::{find, new_path, path_of};
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// Answers SUBSCRIBE and UNSUBSCRIBE. To end what was never subscribed is no error: the client has what it wants.
pub(crate) async fn handle(session: &mut Session, name: MailboxName, subscribed: bool) -> Result<Reply, Problem> {
    let encoding = session.names();
    session
        .account()?
        .write(move |tx| {
            let tree = tx.mailbox_tree()?;
            if let Some(mailbox) = find(&tree, &name) {
                return tx.set_subscribed(mailbox.id, subscribed).map(Ok);
            }
            let path = if subscribed {
                match new_path(&name, encoding, tree.delimiter()) {
                    Ok(components) => components.join(tree.delimiter().encode_utf8(&mut [0; 4])),
                    Err(problem) => return Ok(Err(problem)),
                }
            } else {
                path_of(&name, tree.delimiter())
            };
            tx.set_dangling_subscription(&path, subscribed).map(Ok)
        })
        .await??;
    Ok(Reply::ok(if subscribed { "SUBSCRIBE completed" } else { "UNSUBSCRIBE completed" }))
}
