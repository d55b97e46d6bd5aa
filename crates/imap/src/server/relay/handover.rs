//! The hand-over: what the client knows becomes the view of a local session, which goes on with its ordinary synchronisation.

use std::sync::Arc;

use sterna_core::Uid;
use sterna_store::{Error, MailboxIndex};

use super::Relay;
use super::park::moved;
use crate::server::names::find;
use crate::server::notify;
use crate::server::problem::Problem;
use crate::server::session::{Selected, Session};

impl Relay {
    /// Compares the client's session with the mailbox here, after the platform was asked for news. The mailbox is kept as it is
    /// now: if the mover finds nothing new behind this, it is what the client knows.
    pub(super) async fn compare(&mut self) {
        self.snapshot = None;
        let Some(open) = &self.told.open else { return };
        let name = open.name.clone();
        let found =
            self.account.read(move |tx| Ok(find(&tx.mailbox_tree()?, &name).filter(|m| m.selectable).map(|m| m.id)));
        // What cannot be compared now is looked at when the session is handed over: then it ends.
        let index = match found.await {
            Ok(Some(mailbox)) => self.account.index(mailbox).await,
            Ok(None) => Err(Error::NotFound(format!("mailbox {}", open.name.as_str()))),
            Err(error) => Err(error),
        };
        match index {
            Ok(index) => self.snapshot = Some(index),
            Err(error) => {
                tracing::warn!(%error, account = %self.guest.account.id, "a session's mailbox cannot be compared")
            }
        }
    }

    /// The view with which the client goes on.
    fn view(&self) -> Result<Option<(Arc<MailboxIndex>, bool)>, Problem> {
        let Some(open) = &self.told.open else { return Ok(None) };
        let view = self.snapshot.as_ref().and_then(|index| open.view(index));
        match view {
            Some(view) if self.lost.is_none() => Ok(Some((view, open.read_only))),
            _ => {
                let here = self.snapshot.as_ref().map(|index| (index.uid_validity(), index.len()));
                tracing::warn!(
                    mailbox = open.name.as_str(),
                    client = open.at_platform(),
                    ?here,
                    "a session does not fit"
                );
                Err(moved("the mailbox was moved, please reconnect"))
            }
        }
    }
}

/// Makes the session a local one that knows what its client knows.
pub(super) async fn take_over(session: &mut Session, relay: &mut Relay) -> Result<(), Problem> {
    let view = relay.view()?;
    session.enabled = relay.told.enabled;
    session.authenticated(relay.account.clone()).await?;
    relay.framer.set_limits(session.service.config.limits);
    if relay.gathering.take().is_some() {
        // The client is in the middle of a message, which nobody but the relay has seen.
        relay.framer.again();
    }
    if let Some((view, read_only)) = view {
        let keysets = Arc::new(relay.account.read(|tx| tx.keysets()).await?);
        let mut selected = Selected::from_view(view, keysets, read_only);
        selected.saved = relay.saved_uids.iter().filter_map(Uid::new).collect();
        session.selected = Some(selected);
    }
    if let Some(command) = relay.notify.take() {
        // The client has its answer already.
        if let Err(problem) = notify::take_over(session, command).await {
            tracing::warn!(?problem, "a NOTIFY cannot be taken over");
        }
    }
    tracing::info!(platform = %relay.guest.platform.name, idle = relay.idle.is_some(), "a session was handed over");
    Ok(())
}
