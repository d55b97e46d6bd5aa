//! ID (RFC 2971): who the server is. What the client says of itself is logged, for people only.

use super::problem::Reply;
use super::session::Session;
use crate::codec::command::session::IdField;
use crate::codec::write;

/// Answers ID.
pub(super) fn handle(session: &mut Session, fields: Option<Vec<IdField>>) -> Reply {
    let value = |name: &str| {
        let found = fields.iter().flatten().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_deref()).map(|v| v.chars().take(100).collect::<String>())
    };
    tracing::debug!(name = ?value("name"), version = ?value("version"), "client");
    // The version is told after login only: a stranger need not know which holes to look for.
    let version = session.account.is_some().then_some(env!("CARGO_PKG_VERSION"));
    let fields = [("name", Some("Sterna")), ("version", version)];
    let told = if version.is_some() { &fields[..] } else { &fields[..1] };
    write::session::id(session.out.buffer(), told);
    Reply::ok("ID completed")
}
