//! COMPRESS=DEFLATE (RFC 4978).

use super::dispatch::then;
use super::problem::{Problem, Reply};
use super::session::{After, Session};
use crate::codec::write::status::names;

/// Answers COMPRESS; deflate begins behind the tagged OK.
pub(super) fn handle(session: &mut Session, mechanism: &str) -> Result<Reply, Problem> {
    session.account()?;
    if mechanism != "DEFLATE" {
        return Err(Problem::bad("DEFLATE is the only mechanism"));
    }
    if session.out.stream.is_deflate() {
        return Err(Problem::no_code(names::COMPRESSIONACTIVE, "DEFLATE is active already"));
    }
    Ok(then(session, After::Deflate, Reply::ok("DEFLATE active")))
}
