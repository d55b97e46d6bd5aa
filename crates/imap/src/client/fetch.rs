//! UID FETCH without bodies, and UID SEARCH: what is in a mailbox, and what changed.

use sterna_core::ModSeq;

use super::command::pieces;
use super::connection::Connection;
use super::error::Error;
use crate::codec::response_parser::{Fetch, Response};
use crate::codec::sequence::NumberSet;

/// All UIDs; `1:*` on the wire, which names the last message of a mailbox however large its UID.
const ALL: &str = "1:*";

impl Connection {
    /// The items that identify and describe a message: `UID FLAGS INTERNALDATE RFC822.SIZE`, and MODSEQ, EMAILID,
    /// THREADID and SAVEDATE where offered.
    pub fn listing_items(&self) -> String {
        let optional = [("CONDSTORE", " MODSEQ"), ("OBJECTID", " EMAILID THREADID"), ("SAVEDATE", " SAVEDATE")];
        let more: String = optional.iter().filter(|(c, _)| self.capabilities().has(c)).map(|(_, item)| *item).collect();
        format!("UID FLAGS INTERNALDATE RFC822.SIZE{more}")
    }

    /// Fetches `items` of the messages with UIDs in `set`, or of all; `on` gets every FETCH, other news is dropped but
    /// counted ([`Connection::changes`]). Long sets go out as several commands at once.
    ///
    /// An unsolicited FETCH (flags that another session changed) looks like an answer: `on` must take it as news.
    pub async fn uid_fetch(
        &mut self,
        set: Option<&NumberSet>,
        items: &str,
        mut on: impl FnMut(Box<Fetch>),
    ) -> Result<(), Error> {
        self.must_be_free()?;
        let tail = format!(" ({items})");
        let tags: Vec<_> = match set {
            Some(set) => {
                pieces(set).map(|piece| self.send(self.command("UID FETCH").ranges(piece).text(&tail))).collect()
            }
            None => vec![self.send(self.command("UID FETCH").text(&format!(" {ALL}{tail}")))],
        };
        self.finish_all(tags, |response| {
            if let Response::Fetch(fetch) = response {
                on(fetch);
            }
        })
        .await
    }

    /// What changed since `since` (RFC 7162 §3.1.4.1), and with QRESYNC enabled what vanished (§3.2.6). The set is `None`
    /// where the server does not tell: then the caller compares UIDs.
    pub async fn changed_since(
        &mut self,
        since: ModSeq,
        items: &str,
        mut on: impl FnMut(Box<Fetch>),
    ) -> Result<Option<NumberSet>, Error> {
        let qresync = self.is_enabled("QRESYNC");
        let vanished = if qresync { " VANISHED" } else { "" };
        let arguments = format!(" {ALL} ({items}) (CHANGEDSINCE {since}{vanished})");
        let mut gone = NumberSet::new();
        self.run(self.command("UID FETCH").text(&arguments), |response| match response {
            Response::Fetch(fetch) => on(fetch),
            Response::Vanished { uids, .. } => gone = gone.union(&uids),
            _ => {}
        })
        .await?;
        Ok(qresync.then_some(gone))
    }

    /// UIDs of the messages that match `criteria` (RFC 9051 §6.4.4), in the compact form of ESEARCH where offered.
    /// `criteria` goes out as it is.
    pub async fn uid_search(&mut self, criteria: &str) -> Result<NumberSet, Error> {
        let form = if self.capabilities().has("ESEARCH") { " RETURN (ALL)" } else { "" };
        let mut found = NumberSet::new();
        self.run(self.command("UID SEARCH").text(form).text(" ").text(criteria), |response| match response {
            Response::Search { numbers, .. } => found = found.union(&numbers),
            Response::Esearch(result) => found = found.union(&result.all.unwrap_or_default()),
            _ => {}
        })
        .await?;
        Ok(found)
    }

    /// Waits for several commands; the first error is given after all have ended, so that the connection stays usable.
    pub(super) async fn finish_all(
        &mut self,
        tags: Vec<super::event::Tag>,
        mut on: impl FnMut(Response),
    ) -> Result<(), Error> {
        let mut first = Ok(());
        for tag in tags {
            match self.finish(tag, &mut on).await {
                Err(error) if !error.connection_usable() => return Err(error),
                result => first = first.and(result.map(drop)),
            }
        }
        first
    }
}
