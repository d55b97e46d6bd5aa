//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208 §4.1): one root, the account, with one resource, STORAGE. An account without a
//! limit has no root: one without a resource could not be told of (§6: `quota-list`), and Thunderbird gives a connection up that
//! is told so.

use super::no_such_mailbox;
use crate::codec::command::quota::{QuotaResource, SetQuota};
use crate::codec::mailbox::MailboxName;
use crate::codec::write::session;
use crate::codec::write::status::names::{NONEXISTENT, NOPERM};
use crate::server::names::{find, wire_name};
use crate::server::problem::{Problem, Reply};
use crate::server::session::Session;

/// The name of the one root.
const ROOT: &[u8] = b"";

/// Answers GETQUOTA.
pub(crate) async fn get(session: &mut Session, root: Vec<u8>) -> Result<Reply, Problem> {
    let account = session.account()?;
    refuse_unknown(&root)?;
    let state = account.read(|tx| tx.account_state()).await?;
    let limit = state.quota_bytes.ok_or_else(|| Problem::no_code(NONEXISTENT, "This account has no quota"))?;
    write(session.out.buffer(), state.used_bytes, limit);
    Ok(Reply::ok("GETQUOTA completed"))
}

/// Answers GETQUOTAROOT.
pub(crate) async fn get_root(session: &mut Session, name: MailboxName) -> Result<Reply, Problem> {
    let encoding = session.names();
    let (name, state) = session
        .account()?
        .read(move |tx| {
            let tree = tx.mailbox_tree()?;
            let Some(mailbox) = find(&tree, &name) else { return Ok(None) };
            Ok(Some((wire_name(&tree, mailbox.id, encoding), tx.account_state()?)))
        })
        .await?
        .ok_or_else(no_such_mailbox)?;
    let roots = state.quota_bytes.map(|_| ROOT);
    session::quota_root(session.out.buffer(), &name.text, roots.as_slice(), name.encoding);
    if let Some(limit) = state.quota_bytes {
        write(session.out.buffer(), state.used_bytes, limit);
    }
    Ok(Reply::ok("GETQUOTAROOT completed"))
}

/// Answers SETQUOTA: what the contract allows is the provider's decision, not the client's.
pub(crate) async fn set(session: &mut Session, command: SetQuota) -> Result<Reply, Problem> {
    session.account()?;
    refuse_unknown(&command.root)?;
    Err(Problem::no_code(NOPERM, "The quota is set by the provider"))
}

fn refuse_unknown(root: &[u8]) -> Result<(), Problem> {
    if root == ROOT {
        return Ok(());
    }
    Err(Problem::no_code(NONEXISTENT, "There is one quota root only, and its name is empty"))
}

/// Sizes in units of 1,024 bytes, both rounded up: a mailbox that has room never shows as full (RFC 9208 §5.1).
fn write(out: &mut Vec<u8>, used: u64, limit: u64) {
    session::quota(out, ROOT, &[(QuotaResource::Storage, used.div_ceil(1024), limit.div_ceil(1024))]);
}
