//! ENABLE (RFC 9051 §6.3.1, RFC 5161).

use super::problem::{Problem, Reply};
use super::session::Session;
use crate::codec::write;

/// Answers ENABLE: tells what this very command switched on; what is not offered is ignored.
pub(super) fn handle(session: &mut Session, capabilities: &[String]) -> Result<Reply, Problem> {
    session.account()?;
    let before = session.enabled;
    let offered = |name: &&String| session.utf8_accept || *name != "UTF8=ACCEPT";
    capabilities.iter().filter(offered).for_each(|name| session.enabled.switch_on(name));
    let now = session.enabled;
    let told: Vec<&str> = [
        ("CONDSTORE", now.condstore && !before.condstore),
        ("QRESYNC", now.qresync && !before.qresync),
        ("UTF8=ACCEPT", now.utf8_accept && !before.utf8_accept),
        ("IMAP4rev2", now.imap4rev2 && !before.imap4rev2),
        ("UIDONLY", now.uidonly && !before.uidonly),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect();
    write::session::enabled(session.out.buffer(), &told);
    Ok(Reply::ok("ENABLE completed"))
}
