//! SEARCH and UID SEARCH (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162 §3.1.5, RFC 9394).
//!
//! [`find`] is what SORT and THREAD share with it. The index in memory settles what it can; the rest is read in short
//! transactions, so that a search of a huge mailbox holds neither a snapshot nor bodies, and ends when its client has
//! gone.

mod eval;
mod progress;
mod reply;
mod test;
mod text;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use sterna_core::{Flag, Uid};
use sterna_store::{Error, Tx};

pub(crate) use eval::structure;
pub(crate) use progress::Progress;
pub(crate) use reply::{Found, tell};
pub(crate) use text::fold;

use self::eval::{Message, by_index};
use self::test::{Context, Test};
use super::fetch::{Walk, enable_condstore};
use super::problem::{Problem, Reply};
use super::session::Session;
use super::view::View;
use crate::codec::command::SearchKey;
use crate::codec::command::search::{Charset, Search};
use crate::codec::sequence::{MessageSet, NumberSet};
use crate::codec::write::status::{Code, names};

/// See the file's head.
pub(crate) async fn handle(session: &mut Session, command: Search) -> Result<Reply, Problem> {
    let saves = command.returns.is_some_and(|r| r.save);
    let found = match find(session, &command.key, &command.charset).await {
        // RFC 5182 §2.1: a search that fails with NO empties the saved result; one that is BAD leaves it.
        Err(problem @ Problem::No { .. }) if saves => {
            session.selected_mut()?.saved = Vec::new();
            return Err(problem);
        }
        found => found?,
    };
    let told = Found { by: command.by, returns: command.returns, numbers: &found, sorted: false };
    tell(session, told, asks_mod_seq(&command.key))?;
    Ok(Reply::ok("SEARCH completed"))
}

/// Whether the answer tells a MODSEQ (RFC 7162 §3.1.5).
pub(crate) fn asks_mod_seq(key: &SearchKey) -> bool {
    key.any(&|k| matches!(k, SearchKey::ModSeq(_)))
}

/// The sequence numbers of the messages that match, ascending. Tells first what has changed, but for expunges, so that
/// the result is of now and its numbers are the client's.
pub(crate) async fn find(session: &mut Session, key: &SearchKey, charset: &Charset) -> Result<Vec<u32>, Problem> {
    session.selected()?;
    if let Charset::Unsupported(_) = charset {
        return Err(Problem::no_code(Code::BadCharset, "The character sets are US-ASCII and UTF-8"));
    }
    let by_number = |k: &SearchKey| matches!(k, SearchKey::Sequence(MessageSet::Numbers(_)));
    if session.enabled.uidonly && key.any(&by_number) {
        return Err(Problem::bad_code(names::UIDREQUIRED, "Sequence numbers are not in use"));
    }
    if asks_mod_seq(key) {
        enable_condstore(session)?;
    }
    session.sync(false).await?;

    let account = session.account()?.clone();
    let names_keyword = key.any(&|k| matches!(k, SearchKey::Flag(Some(Flag::Keyword(_)))));
    let keysets = if names_keyword { Some(account.read(|tx| tx.keysets()).await?) } else { None };
    let selected = session.selected()?;
    let view = selected.view.clone();
    let saved = saved(&view, &selected.saved);
    let context = Context {
        exists: u32::try_from(view.known().len()).unwrap_or(u32::MAX),
        last_uid: view.known().last().map_or(0, |e| e.uid.get()),
        saved: (&saved.0, &saved.1),
        keysets: keysets.as_ref().unwrap_or(&selected.keysets),
        now: session.service.store.clock().unix(),
    };
    let test = Test::new(key, &context);
    let sift = tokio::task::spawn_blocking(move || Sifted::new(view, test));
    let mut sifted = sift.await.map_err(|e| Error::Internal(e.to_string()))?;
    let mut progress = Progress::start("Searching");
    while !sifted.rest.is_done() {
        progress.tell(session, sifted.rest.progress()).await?;
        sifted = account.read(move |tx| sifted.page(tx)).await?;
    }
    let mut found = sifted.found;
    found.sort_unstable();
    Ok(found)
}

/// `$` as sequence numbers and as UIDs.
fn saved(view: &View, uids: &[Uid]) -> (NumberSet, NumberSet) {
    (uids.iter().filter_map(|uid| view.sequence(*uid)).collect(), uids.iter().copied().collect())
}

/// A search on its way.
struct Sifted {
    view: View,
    test: Test,
    /// Matches so far.
    found: Vec<u32>,
    /// What the index did not settle.
    rest: Walk,
}

impl Sifted {
    /// Asks the index about every message.
    fn new(view: View, test: Test) -> Sifted {
        let (mut found, mut rest) = (Vec::new(), Vec::new());
        for (sequence, entry) in view.known().iter() {
            let Ok(sequence) = u32::try_from(sequence) else { break };
            match by_index(&test, sequence, &view.entry_told(entry)) {
                Some(true) => found.push(sequence),
                Some(false) => {}
                None => rest.push(sequence),
            }
        }
        let rest = Walk::new(view.known().clone(), rest);
        Sifted { view, test, found, rest }
    }

    /// Looks into the messages of one page.
    fn page(mut self, tx: &Tx<'_>) -> sterna_store::Result<Sifted> {
        let Sifted { view, test, found, rest } = &mut self;
        rest.page(tx, |step| {
            let (sequence, entry) = (step.sequence, view.entry_told(step.entry));
            if Message::new(tx, step, entry)?.matches(test)? {
                found.push(sequence);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(self)
    }
}
